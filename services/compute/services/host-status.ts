// What a server's host_status says of its host.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { isUp } from './liveness.ts'

export type HostStatus = 'UP' | 'DOWN' | 'UNKNOWN' | 'MAINTENANCE'

/** Of all compute hosts, by their name. */
export async function hostStatuses(compute: Compute): Promise<Map<string, HostStatus>> {
  const rows = await tables(compute)
    .selectFrom('compute_services')
    .select(['host', 'disabled', 'forced_down', 'last_seen_at'])
    .where('binary', '=', 'nova-compute')
    .execute()
  return new Map(rows.map((row) => [row.host, statusOf(compute, row)]))
}

function statusOf(compute: Compute, row: { disabled: 0 | 1; forced_down: 0 | 1; last_seen_at: number }): HostStatus {
  if (row.forced_down) return 'DOWN'
  if (!isUp(compute, row)) return 'UNKNOWN'
  return row.disabled ? 'MAINTENANCE' : 'UP'
}
