// The SQL on servers that ran within a period, whether or not they are deleted.
import { pageOf } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { Period } from './period.ts'
import type { ShowUsage } from './schema.ts'

const COLUMNS = [
  ...['id', 'project_id', 'display_name', 'vm_state', 'flavor_name', 'flavor_json'],
  ...['launched_at', 'terminated_at'],
] as const satisfies (keyof ServerRow)[]

export type UsedServer = Pick<ServerRow, (typeof COLUMNS)[number]> & { launched_at: number }

type Asked = Pick<Call<unknown, ShowUsage>, 'context' | 'query' | 'at'>

export interface UsedServers {
  rows: UsedServer[]
  /** The id of the page's last server; undefined when the page is not full. */
  next: string | undefined
}

/** One page, project by project; of all projects when none is named. */
export async function usedServers(
  compute: Compute,
  call: Asked,
  { start, stop }: Period,
  projectId?: string,
): Promise<UsedServers> {
  const most = compute.options.max_limit
  const { limit, marker } = call.at('2.40') ? pageOf(call.query, most) : { limit: most, marker: undefined }
  let query = tables(compute)
    .selectFrom('compute_servers')
    .select(COLUMNS)
    .where((eb) => eb.or([eb('terminated_at', 'is', null), eb('terminated_at', '>', Math.floor(start))]))
    .where('launched_at', '<', Math.ceil(stop))
  if (projectId !== undefined) query = query.where('project_id', '=', projectId)
  if (marker !== undefined) {
    const last = await markerOf(compute, call, marker)
    query = query.where((eb) => eb(eb.refTuple('project_id', 'id'), '>', eb.tuple(last.project_id, last.id)))
  }
  const rows = (await query.orderBy('project_id').orderBy('id').limit(limit).execute()) as UsedServer[]
  return { rows, next: limit > 0 && rows.length === limit ? rows.at(-1)!.id : undefined }
}

async function markerOf(compute: Compute, { context }: Asked, marker: string) {
  let query = tables(compute).selectFrom('compute_servers').select(['project_id', 'id']).where('id', '=', marker)
  if (!context.isAdmin) query = query.where('project_id', '=', context.projectId)
  const row = await query.executeTakeFirst()
  if (!row) throw fault('PageMarkerNotFound', { marker })
  return row
}
