// What the servers of each host are and do, counted anew each time: Nova's stats of a compute node.
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { isIoTask } from './usage.ts'

/** num_instances, io_workload, and num_vm_, num_task_, num_os_type_ and num_proj_ with what they count. */
export type Stats = Record<string, number>

/** By host, of these or of all; a host without servers is not there. */
export async function statsByHost(compute: Compute, hosts?: readonly string[]): Promise<Map<string, Stats>> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', 'vm_state', 'task_state', 'project_id', (eb) => eb.fn.countAll<number>().as('count')])
    .select(osType(compute).as('os_type'))
    .where('deleted_at', 'is', null)
    .where('vm_state', '!=', 'shelved_offloaded')
    .where('host', 'is not', null)
    .$if(hosts !== undefined, (query) => query.where('host', 'in', hosts!))
    .groupBy(['host', 'vm_state', 'task_state', 'project_id', 'os_type'])
    .execute()
  const byHost = new Map<string, Stats>()
  for (const row of rows) {
    const stats = byHost.get(row.host!) ?? { num_instances: 0, io_workload: 0 }
    const isIo = row.vm_state === 'building' || isIoTask(row.task_state)
    const names = [
      ...['num_instances', `num_vm_${row.vm_state}`, `num_task_${row.task_state ?? 'None'}`],
      ...[`num_os_type_${row.os_type ?? 'None'}`, `num_proj_${row.project_id}`],
      ...(isIo ? ['io_workload'] : []),
    ]
    for (const name of names) stats[name] = (stats[name] ?? 0) + Number(row.count)
    byHost.set(row.host!, stats)
  }
  return byHost
}

/** The image's property of that name. */
function osType({ store }: Pick<Compute, 'store'>) {
  return store.kind === 'sqlite'
    ? sql<string | null>`json_extract(image_json, '$.properties.os_type')`
    : sql<string | null>`((image_json::json) -> 'properties' ->> 'os_type')`
}
