// Tells that a flavor was made, changed or removed.
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import type { FlavorRow } from '../schema/tables.ts'
import { flavorPayload } from './flavor-payload.ts'
import { tell } from './outbox.ts'

export interface ToldFlavor {
  row: FlavorRow
  extraSpecs: GuestFlavor['extraSpecs']
  /** Those that a private one is shared with. */
  projects: readonly string[]
}

/** Inside the transaction of the change. */
export async function tellOfFlavor(
  compute: Compute,
  action: 'create' | 'update' | 'delete',
  { row, extraSpecs, projects }: ToldFlavor,
): Promise<void> {
  const flavor = {
    ...{ id: row.id, name: row.name, vcpus: row.vcpus, memoryMb: row.memory_mb, rootGb: row.root_gb },
    ...{ ephemeralGb: row.ephemeral_gb, swapMb: row.swap_mb, rxtxFactor: row.rxtx_factor, extraSpecs },
    ...{ disabled: row.disabled === 1, isPublic: row.is_public === 1, description: row.description },
  }
  const versioned = { eventType: `flavor.${action}`, payload: flavorPayload(flavor, projects) }
  await tell(compute, { publisher: { service: 'api', host: compute.notifications.host }, versioned })
}
