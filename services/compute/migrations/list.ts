// Lists of migrations: one statement a page.
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { MigrationRow } from '../schema/tables.ts'
import type { ListMigrations } from './schema.ts'

type ListCall = Pick<Call<unknown, ListMigrations>, 'context' | 'query' | 'at' | 'require' | 'allows'>

export interface MigrationPage {
  rows: MigrationRow[]
  /** Of the page after this one; undefined when this one is not full. */
  next: string | undefined
}

const EXACT = ['source_compute', 'status', 'migration_type', 'user_id'] as const

/** Newest first since 2.59, in the order of their ids before. Who may not see all projects sees the own one. */
export async function listMigrations(compute: Compute, call: ListCall): Promise<MigrationPage> {
  const { query } = call
  const isPaged = call.at('2.59')
  const most = compute.options.max_limit
  const limit = query.limit === undefined || !isPaged ? most : Math.min(Number(query.limit), most)
  if (limit === 0) return { rows: [], next: undefined }
  let found = filtered(compute, call)
  if (isPaged && query.marker !== undefined) {
    const { created_at: at, id } = await markerRow(compute, call, query.marker)
    found = found.where((eb) =>
      eb.or([eb('created_at', '<', at), eb.and([eb('created_at', '=', at), eb('id', '<', id)])]),
    )
  }
  if (!isPaged) return { rows: await found.orderBy('id').execute(), next: undefined }
  const rows = await found.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return { rows, next: rows.length === limit ? rows.at(-1)!.uuid : undefined }
}

function filtered(compute: Compute, call: ListCall) {
  const { query } = call
  let found = tables(compute).selectFrom('compute_migrations').selectAll()
  const project = projectOf(call)
  if (project !== undefined) found = found.where('project_id', '=', project)
  for (const name of EXACT) {
    const value = query[name]
    if (value !== undefined) found = found.where(name, '=', value)
  }
  const { host, instance_uuid: serverId } = query
  if (serverId !== undefined) found = found.where('server_id', '=', serverId)
  if (host !== undefined)
    found = found.where((eb) => eb.or([eb('source_compute', '=', host), eb('dest_compute', '=', host)]))
  const since = timeOf(call.at('2.59') ? query['changes-since'] : undefined)
  const before = timeOf(call.at('2.66') ? query['changes-before'] : undefined)
  if (since !== undefined && before !== undefined && before < since) {
    throw fault('BadRequest', { message: 'The value of changes-since must be less than or equal to changes-before.' })
  }
  if (since !== undefined) found = found.where('updated_at', '>=', since)
  if (before !== undefined) found = found.where('updated_at', '<=', before)
  // None is hidden from the list, so that a filter for hidden ones finds nothing.
  return /^(1|true|yes|on)$/i.test(query.hidden ?? '') ? found.where('id', '<', 0) : found
}

/** Undefined: of all projects. */
function projectOf(call: ListCall): string | undefined {
  const { query, context } = call
  const asked = call.at('2.80') ? query.project_id : undefined
  if (asked !== undefined && asked !== context.projectId) call.require('os-migrations:index:all_projects')
  return asked ?? (call.allows('os-migrations:index:all_projects') ? undefined : (context.projectId ?? ''))
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
}

async function markerRow(compute: Compute, call: ListCall, marker: string): Promise<MigrationRow> {
  const query = tables(compute).selectFrom('compute_migrations').selectAll().where('uuid', '=', marker)
  const project = call.allows('os-migrations:index:all_projects') ? undefined : call.context.projectId
  const row = await (project === undefined ? query : query.where('project_id', '=', project)).executeTakeFirst()
  if (!row) throw fault('PageMarkerNotFound', { marker })
  return row
}
