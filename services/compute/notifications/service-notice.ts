// Tells that a service came, was changed by an admin, or was removed.
import type { Compute } from '../compute.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { seconds } from '../time.ts'
import { novaObject } from './nova-object.ts'
import { tell } from './outbox.ts'

/** Services of this program are of one version; it is no release of Nova's. */
const VERSION = 0

type Told = Omit<ServiceRow, 'number' | 'created_at'>

/** Inside the transaction of the change. */
export async function tellOfService(
  compute: Compute,
  action: 'create' | 'update' | 'delete',
  row: Told,
): Promise<void> {
  const { id, host, binary, disabled, disabled_reason, forced_down } = row
  const topic = binary.replace(/^nova-/, '')
  const data = {
    ...{ uuid: id, host, binary, topic, disabled: disabled === 1, disabled_reason, forced_down: forced_down === 1 },
    ...{
      version: VERSION,
      availability_zone: null,
      last_seen_up: action === 'create' ? null : seconds(row.last_seen_at),
    },
    report_count: 0,
  }
  const versioned = { eventType: `service.${action}`, payload: novaObject('ServiceStatusPayload', '1.1', data) }
  const service = topic as 'compute' | 'conductor' | 'scheduler'
  await tell(compute, { publisher: { service, host }, versioned })
}
