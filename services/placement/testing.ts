// Placement over a given store, for tests.
import { systemClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { PlacementClient } from './client.ts'
import { LocalPlacementClient } from './local-client.ts'
import type { Placement } from './placement.ts'
import { tables } from './placement.ts'

export const placementOn = (store: Store): Placement => ({ store, clock: systemClock, random: systemRandom })

export interface TestHost {
  client: PlacementClient
  placement: Placement
  provider: string
}

/** A provider with 8 VCPU twice, 4096 MB less 512, and 100 GB. */
export async function hostOn(store: Store): Promise<TestHost> {
  const placement = placementOn(store)
  const client = new LocalPlacementClient(placement)
  const provider = systemRandom.uuid()
  await client.ensureProvider({ id: provider, name: `host-${provider}` })
  await client.setInventories(provider, {
    VCPU: { total: 8, maxUnit: 8, allocationRatio: 2 },
    MEMORY_MB: { total: 4096, reserved: 512, maxUnit: 4096 },
    DISK_GB: { total: 100, maxUnit: 100 },
  })
  return { client, placement, provider }
}

export const claimOf = (provider: string, amounts: Record<string, number>, consumerId = systemRandom.uuid()) => ({
  consumerId,
  projectId: 'project',
  userId: 'user',
  allocations: { [provider]: amounts },
})

/** Inventories whose counter is not the sum of their allocations. */
export async function miscounted(placement: Placement): Promise<object[]> {
  const rows = await tables(placement)
    .selectFrom('placement_inventories as inventory')
    .leftJoin('placement_allocations as allocation', (join) =>
      join
        .onRef('allocation.provider_id', '=', 'inventory.provider_id')
        .onRef('allocation.resource_class', '=', 'inventory.resource_class'),
    )
    .select(['inventory.provider_id', 'inventory.resource_class', 'inventory.used'])
    .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('allocation.used'), eb.lit(0)).as('recount'))
    .groupBy(['inventory.provider_id', 'inventory.resource_class', 'inventory.used'])
    .execute()
  return rows.filter(({ used, recount }) => Number(used) !== Number(recount))
}
