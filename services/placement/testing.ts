// Placement over a given store, for tests.
import type { Bearer } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import { systemClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { PlacementClient } from './client.ts'
import type { Placement } from './placement.ts'
import { tables } from './placement.ts'
import type { PlacementService } from './service.ts'
import { createPlacementService } from './service.ts'

export const placementOn = (store: Store): Placement => ({ store, clock: systemClock, random: systemRandom })

export interface TestHost {
  client: PlacementClient
  placement: Placement
  provider: string
}

/** A provider with 8 VCPU twice, 4096 MB less 512, and 100 GB. */
export async function hostOn(store: Store): Promise<TestHost> {
  const placement = placementOn(store)
  const { client } = createPlacementService({ store })
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

export type Caller = 'admin' | 'service' | 'reader'

const bearerOf = (caller: Caller): Bearer => ({
  userId: caller,
  userName: caller,
  userDomainId: 'default',
  projectId: `project-of-${caller}`,
  projectName: caller,
  projectDomainId: 'default',
  domainId: null,
  systemScope: null,
  roles: [caller],
  isAdmin: caller === 'admin',
})

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every form
  body: any
  headers: Record<string, unknown>
}

export interface Asked {
  as?: Caller
  version?: string
  body?: unknown
}

export interface TestApi extends PlacementService {
  placement: Placement
  /** `path` is below `/placement`; as admin at 1.39 unless said. */
  ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, asked?: Asked): Promise<Reply>
}

/** Placement behind a real API server, whose tokens are the callers' names. */
export function apiOn(store: Store): TestApi {
  const service = createPlacementService({ store })
  const callers: Record<string, Bearer> = {
    admin: bearerOf('admin'),
    service: bearerOf('service'),
    reader: bearerOf('reader'),
  }
  const api = createApi({ authenticate: async (token) => callers[token] })
  api.mount(service.api)
  return {
    ...service,
    placement: placementOn(store),
    async ask(method, path, { as = 'admin', version = '1.39', body } = {}) {
      const { statusCode, headers, ...answer } = await api.fastify.inject({
        method,
        url: `/placement${path}`,
        headers: { 'x-auth-token': as, 'openstack-api-version': `placement ${version}` },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      return { status: statusCode, headers, body: answer.body === '' ? undefined : JSON.parse(answer.body) }
    },
  }
}
