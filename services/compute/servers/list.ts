// Lists of servers: one statement a page, filters and sorting as Nova has them.
import type { Call } from '@kilonova/api/route'
import type { ExpressionBuilder, SelectQueryBuilder } from 'kysely'
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ComputeTables, ServerRow } from '../schema/tables.ts'
import type { ListServers } from './schema.ts'
import { statesOf } from './state.ts'

type Servers = SelectQueryBuilder<ComputeTables, 'compute_servers', ServerRow>
type ServerCall = Call<unknown, ListServers>

const EXACT: Record<string, keyof ServerRow> = {
  project_id: 'project_id',
  tenant_id: 'project_id',
  user_id: 'user_id',
  image: 'image_id',
  image_ref: 'image_id',
  flavor: 'flavor_id',
  vm_state: 'vm_state',
  task_state: 'task_state',
  uuid: 'id',
  host: 'host',
}
const BY_PATTERN: Record<string, keyof ServerRow> = {
  name: 'display_name',
  display_name: 'display_name',
  description: 'description',
  display_description: 'description',
  hostname: 'hostname',
  key_name: 'key_name',
  node: 'node',
  reservation_id: 'reservation_id',
  availability_zone: 'availability_zone',
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  root_device_name: 'root_device_name',
  locked_by: 'locked_by',
}
const NUMBERS: Record<string, keyof ServerRow> = {
  power_state: 'power_state',
  progress: 'progress',
  launch_index: 'launch_index',
}
const FOR_ALL = ['reservation_id', 'name', 'image', 'flavor', 'ip']
const FOR_ALL_SINCE: [string, string[]][] = [
  ['2.5', ['ip6']],
  [
    '2.83',
    [
      'availability_zone',
      'config_drive',
      'key_name',
      'created_at',
      'launched_at',
      'terminated_at',
      'power_state',
      'task_state',
      'vm_state',
      'progress',
      'user_id',
    ],
  ],
  ['2.90', ['hostname']],
]
const SORTABLE: Record<string, keyof ServerRow> = {
  ...BY_PATTERN,
  ...NUMBERS,
  created_at: 'created_at',
  updated_at: 'updated_at',
  launched_at: 'launched_at',
  terminated_at: 'terminated_at',
  project_id: 'project_id',
  user_id: 'user_id',
  uuid: 'id',
  vm_state: 'vm_state',
  task_state: 'task_state',
  host: 'host',
  image_ref: 'image_id',
  config_drive: 'config_drive',
  instance_type_id: 'flavor_id',
}

export interface ServerPage {
  rows: ServerRow[]
  /** Of the page after this one; undefined when this one is not full. */
  next: string | undefined
}

export async function listServers(compute: Compute, call: ServerCall, detail: boolean): Promise<ServerPage> {
  const { query } = call
  const limit = Math.min(
    query.limit === undefined ? compute.options.max_limit : Number(query.limit),
    compute.options.max_limit,
  )
  if (limit === 0) return { rows: [], next: undefined }
  let servers = scoped(compute, call, detail)
  servers = filtered(compute, call, servers)
  const order = sortOrder(call)
  if (query.marker !== undefined) servers = after(servers, await markerRow(compute, call, query.marker), order)
  for (const { column, direction } of order) {
    servers = servers.orderBy(column, (by) => (direction === 'asc' ? by.asc().nullsFirst() : by.desc().nullsLast()))
  }
  const rows = await servers.limit(limit).execute()
  return { rows, next: rows.length === limit ? rows.at(-1)!.id : undefined }
}

function scoped(compute: Compute, call: ServerCall, detail: boolean): Servers {
  const { context, query } = call
  const servers = tables(compute).selectFrom('compute_servers').selectAll()
  const everywhere =
    query.all_tenants !== undefined && !['0', 'false', 'False', 'no', 'off'].includes(query.all_tenants)
  if (!everywhere) return servers.where('project_id', '=', context.projectId ?? '')
  call.require(detail ? 'servers:detail:get_all_tenants' : 'servers:index:get_all_tenants')
  return servers
}

function filtered(compute: Compute, call: ServerCall, all: Servers): Servers {
  let servers = byTime(call, byStatus(call, byDeletion(call, all)))
  const everything = call.allows('servers:allow_all_filters')
  const allowed = new Set([
    ...FOR_ALL,
    ...FOR_ALL_SINCE.filter(([since]) => call.at(since)).flatMap(([, names]) => names),
  ])
  for (const [name, value] of Object.entries(call.query)) {
    if (typeof value !== 'string' || !(everything || allowed.has(name))) continue
    servers = byColumn(compute, servers, name, value)
  }
  return byTags(call, servers)
}

function byColumn(compute: Compute, servers: Servers, name: string, value: string): Servers {
  const exact = EXACT[name]
  if (name === 'project_id' || name === 'tenant_id') return servers.where('project_id', '=', value)
  if (exact) return servers.where(exact, '=', value)
  const pattern = BY_PATTERN[name]
  if (pattern) return servers.where(compute.store.matches(pattern, checkedPattern(name, value)))
  const number = NUMBERS[name]
  if (number) return servers.where(number, '=', Number(value))
  if (name === 'config_drive') return servers.where('config_drive', '=', /^(1|true|yes|on)$/i.test(value) ? 1 : 0)
  if (name === 'ip' || name === 'ip6')
    return servers.where(compute.store.matches('network_info_json', `"address":"[^"]*${checkedPattern(name, value)}`))
  return servers
}

function checkedPattern(name: string, value: string): string {
  try {
    new RegExp(value)
    return value
  } catch (error) {
    throw fault('BadRequest', { message: `Invalid filter ${name}: '${value}' is not a regular expression.` }, error)
  }
}

function byDeletion({ query, context }: ServerCall, servers: Servers): Servers {
  const asked = query.deleted ?? (query['changes-since'] === undefined ? 'false' : undefined)
  if (query['changes-since'] !== undefined && query.deleted === undefined) return servers
  const isTrue = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? '')
  const live = servers.where('deleted_at', isTrue(asked) && context.isAdmin ? 'is not' : 'is', null)
  return asksForPutAway(query, isTrue) ? live : live.where('vm_state', '<>', 'soft-delete')
}

/** Servers that were put away are listed for those who ask for them. */
function asksForPutAway(query: ListServers, isTrue: (value: string | undefined) => boolean): boolean {
  const statuses = (query.status ?? []).map((word) => word.toUpperCase())
  return isTrue(query['soft_deleted']) || query.vm_state === 'soft-delete' || statuses.includes('SOFT_DELETED')
}

function byStatus(call: ServerCall, servers: Servers): Servers {
  const words = call.query.status
  if (words === undefined) return servers
  const states = words.map((word) => ({ word, of: statesOf(word) }))
  const unknown = states.find(({ of }) => of === undefined)
  if (unknown && call.at('2.38')) throw fault('BadRequest', { message: 'Invalid status value' })
  if (words.some((word) => word.toUpperCase() === 'DELETED') && !call.context.isAdmin)
    call.require('servers:index:get_all_tenants')
  const known = states.flatMap(({ of }) => (of ? [of] : []))
  if (known.length === 0) return servers.where(sql<boolean>`1 = 0`)
  return servers.where((eb) => eb.or(known.map((of) => inStates(eb, of))))
}

function inStates(
  eb: ExpressionBuilder<ComputeTables, 'compute_servers'>,
  { vmStates, taskStates }: NonNullable<ReturnType<typeof statesOf>>,
) {
  const vm = eb('vm_state', 'in', vmStates)
  return taskStates ? eb.and([vm, eb('task_state', 'in', taskStates)]) : vm
}

function byTime({ query }: ServerCall, servers: Servers): Servers {
  const since = timeOf('changes-since', query['changes-since'])
  const before = timeOf('changes-before', query['changes-before'])
  if (since !== undefined && before !== undefined && since > before) {
    throw fault('BadRequest', { message: 'The value of changes-since must be less than or equal to changes-before.' })
  }
  let kept = servers
  if (since !== undefined) kept = kept.where('updated_at', '>=', since)
  if (before !== undefined) kept = kept.where('updated_at', '<=', before)
  return kept
}

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
  if (Number.isNaN(at))
    throw fault('BadRequest', {
      message: `Invalid input for query parameters ${name}. Value: ${text}. '${text}' is not a 'date-time'`,
    })
  return at
}

function byTags({ query }: ServerCall, servers: Servers): Servers {
  const has = (tag: string) => sql<boolean>`tags_json like ${`%${JSON.stringify(tag)}%`}`
  const listed = (text: string | undefined): string[] => (text === undefined ? [] : text.split(','))
  let kept = servers
  for (const tag of listed(query.tags)) kept = kept.where(has(tag))
  const some = listed(query['tags-any'])
  if (some.length > 0) kept = kept.where((eb) => eb.or(some.map(has)))
  const notAll = listed(query['not-tags'])
  if (notAll.length > 0) kept = kept.where((eb) => eb.not(eb.and(notAll.map(has))))
  const none = listed(query['not-tags-any'])
  if (none.length > 0) kept = kept.where((eb) => eb.not(eb.or(none.map(has))))
  return kept
}

interface Order {
  column: keyof ServerRow
  direction: 'asc' | 'desc'
}

function sortOrder(call: ServerCall): Order[] {
  const keys = call.query.sort_key ?? ['created_at']
  const directions = call.query.sort_dir ?? (call.query.sort_key ? ['desc'] : ['desc'])
  const order: Order[] = []
  for (const [index, key] of keys.entries()) {
    const direction = directions[index] ?? directions[0]!
    if (direction !== 'asc' && direction !== 'desc') {
      throw fault('BadRequest', {
        message: `Invalid input for query parameters sort_dir. Value: ${direction}. '${direction}' is not one of ['asc', 'desc']`,
      })
    }
    if (key === 'host' || key === 'node') call.require('servers:allow_all_filters')
    const column = SORTABLE[key]
    if (column && !order.some((other) => other.column === column)) order.push({ column, direction })
  }
  if (!order.some(({ column }) => column === 'id')) order.push({ column: 'id', direction: 'asc' })
  return order
}

async function markerRow(compute: Compute, { context }: ServerCall, marker: string): Promise<ServerRow> {
  let query = tables(compute).selectFrom('compute_servers').selectAll().where('id', '=', marker)
  if (!context.isAdmin) query = query.where('project_id', '=', context.projectId)
  const row = await query.executeTakeFirst()
  if (!row) throw fault('MarkerNotFound', { marker })
  return row
}

/** Rows that come after the marker in this order; a null sorts before everything. */
function after(servers: Servers, marker: ServerRow, order: Order[]): Servers {
  return servers.where((eb) =>
    eb.or(
      order.map(({ column, direction }, index) => {
        const equal = order.slice(0, index).map((earlier) => sameAs(eb, earlier.column, marker))
        return eb.and([...equal, beyond(eb, column, direction, marker)])
      }),
    ),
  )
}

type Builder = ExpressionBuilder<ComputeTables, 'compute_servers'>

function sameAs(eb: Builder, column: keyof ServerRow, marker: ServerRow) {
  return marker[column] === null ? eb(column, 'is', null) : eb(column, '=', marker[column])
}

function beyond(eb: Builder, column: keyof ServerRow, direction: 'asc' | 'desc', marker: ServerRow) {
  const value = marker[column]
  if (direction === 'asc') return value === null ? eb(column, 'is not', null) : eb(column, '>', value)
  return value === null ? eb.lit(false) : eb.or([eb(column, '<', value), eb(column, 'is', null)])
}
