// The SQL on servers.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerFaultRow, ServerRow } from '../schema/tables.ts'
import { writeServer } from './write-server.ts'

/** The server of that id that the caller may know of; another project's does not exist for it. */
export async function getServer(compute: Compute, context: RequestContext, id: string): Promise<ServerRow> {
  let query = tables(compute).selectFrom('compute_servers').selectAll().where('id', '=', id)
  if (context.readDeleted === 'no') query = query.where('deleted_at', 'is', null)
  if (!context.isAdmin) query = query.where('project_id', '=', context.projectId)
  const row = await query.executeTakeFirst()
  if (!row) throw fault('InstanceNotFound', { id })
  return row
}

/** The server's row whoever it belongs to, or undefined when it is gone. */
export function findServer(compute: Pick<Compute, 'store'>, id: string): Promise<ServerRow | undefined> {
  return tables(compute)
    .selectFrom('compute_servers')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

/** Columns that are no states: those are lifecycle.ts's alone. */
export type ServerUpdate = Partial<
  Omit<
    ServerRow,
    'id' | 'vm_state' | 'task_state' | 'power_state' | 'launched_at' | 'terminated_at' | 'deleted_at' | 'updated_at'
  >
>

/** Changes columns of a server that still exists. */
export async function updateServer(compute: Compute, id: string, update: ServerUpdate): Promise<void> {
  await writeServer(compute, id, update)
}

/** Keeps why a server failed; the newest is the one shown. */
export async function insertFault(
  compute: Compute,
  server: ServerRow,
  { code, message, details }: { code: number; message: string; details: string },
): Promise<void> {
  const row = { server_id: server.id, code, message, details, host: server.host, created_at: compute.clock.now() }
  await tables(compute).insertInto('compute_server_faults').values(row).execute()
}

/** The newest fault of each of these servers. */
export async function newestFaults(compute: Compute, ids: readonly string[]): Promise<Map<string, ServerFaultRow>> {
  if (ids.length === 0) return new Map()
  const rows = await tables(compute)
    .selectFrom('compute_server_faults')
    .selectAll()
    .where('server_id', 'in', ids)
    .orderBy('id')
    .execute()
  return new Map(rows.map((row) => [row.server_id, row as unknown as ServerFaultRow]))
}
