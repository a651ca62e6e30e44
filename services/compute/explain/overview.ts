// How many servers there are and how the hosts do, for `status`.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { statusOf } from '../servers/state.ts'
import { isUp } from '../services/liveness.ts'

/** How many servers have each status. */
export async function serverCounts(compute: Pick<Compute, 'store'>): Promise<Record<string, number>> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['vm_state', 'task_state', (eb) => eb.fn.countAll<number>().as('count')])
    .where('deleted_at', 'is', null)
    .groupBy(['vm_state', 'task_state'])
    .execute()
  const counts: Record<string, number> = {}
  for (const { vm_state: vmState, task_state: taskState, count } of rows) {
    const status = statusOf(vmState, taskState)
    counts[status] = (counts[status] ?? 0) + Number(count)
  }
  return counts
}

export interface HostOverview {
  host: string
  state: 'up' | 'down'
  status: 'enabled' | 'disabled'
  servers: number
}

export async function hostOverviews(compute: Compute): Promise<HostOverview[]> {
  const rows = await tables(compute)
    .selectFrom('compute_services as service')
    .select(['service.host', 'service.disabled', 'service.forced_down', 'service.last_seen_at'])
    .select((eb) =>
      eb
        .selectFrom('compute_servers as server')
        .select((of) => of.fn.countAll<number>().as('count'))
        .whereRef('server.host', '=', 'service.host')
        .where('server.deleted_at', 'is', null)
        .as('servers'),
    )
    .where('service.binary', '=', 'nova-compute')
    .orderBy('service.host')
    .execute()
  return rows.map((row) => ({
    host: row.host,
    state: isUp(compute, row) ? 'up' : 'down',
    status: row.disabled ? 'disabled' : 'enabled',
    servers: Number(row.servers ?? 0),
  }))
}
