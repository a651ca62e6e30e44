// Lists as Neutron gives them: filters by attribute, sorting, pages with links, chosen fields.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { RawBuilder, SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from './faults.ts'
import type { Network } from './network.ts'
import { tables } from './network.ts'
import type { NetworkTables, StandardColumns } from './schema/tables.ts'

export type Condition = RawBuilder<SqlBool>

interface Column {
  column: string
  kind: 'text' | 'flag' | 'number'
}

type Conditions = Record<string, (values: readonly string[], context: RequestContext) => Condition>

/** What of a resource can be asked for, by the names of its attributes. */
export interface Listed {
  table: keyof NetworkTables
  /** Such as `networks`. */
  collection: string
  columns: Record<string, Column>
  /** Filters that are more than a column. */
  conditions?: Conditions
  notFound: (id: string) => Error
}

export const text = (column: string): Column => ({ column, kind: 'text' })
export const bool = (column: string): Column => ({ column, kind: 'flag' })
export const number = (column: string): Column => ({ column, kind: 'number' })

/** Columns that each resource has. */
export const standardColumns: Record<string, Column> = {
  id: text('id'),
  project_id: text('project_id'),
  tenant_id: text('project_id'),
  description: text('description'),
  revision_number: number('revision_number'),
  created_at: number('created_at'),
  updated_at: number('updated_at'),
}

export interface Page<Row> {
  rows: Row[]
  hasNext: boolean
  hasPrevious: boolean
}

interface Sort {
  /** The column, with its least value in place of null. */
  ref: RawBuilder<unknown>
  valueIn(row: Record<string, unknown>): unknown
  descending: boolean
}

type Asked = Pick<Call, 'search' | 'url' | 'context'>

const TRUE = ['true', '1', 'yes', 'on', 't', 'y']
const FALSE = ['false', '0', 'no', 'off', 'f', 'n']
const NO_FILTERS = ['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']

/** The rows of one page, of those that `visible` lets the caller see. */
export async function listRows<Row extends StandardColumns>(
  network: Network,
  { search, context }: Asked,
  listed: Listed,
  visible: Condition = everything,
): Promise<Page<Row>> {
  const limit = limitOf(search)
  const reverse = isTrue('page_reverse', search.get('page_reverse') ?? 'false')
  const sorts = sortsOf(search, listed, reverse)
  const marker = search.get('marker')
  const wanted = [visible, ...conditionsOf(search, context, listed)]
  if (marker) wanted.push(behind(await markerRow(network, listed, visible, marker), sorts))
  const from = sql`select * from ${sql.table(listed.table)} where ${sql.join(wanted, sql` and `)}`
  const order = sql.join(sorts.map(({ ref, descending }) => (descending ? sql`${ref} desc` : sql`${ref} asc`)))
  const page = limit === undefined ? sql`` : sql` limit ${limit + 1}`
  const { rows } = await sql<Row>`${from} order by ${order}${page}`.execute(tables(network))
  const more = limit !== undefined && rows.length > limit
  const kept = more ? rows.slice(0, limit) : rows
  if (reverse) return { rows: kept.toReversed(), hasNext: Boolean(marker), hasPrevious: more }
  return { rows: kept, hasNext: more, hasPrevious: limit !== undefined && Boolean(marker) }
}

/** The reply to a list: chosen fields, and links when the caller asked for pages. */
export function listReply<Row extends StandardColumns>(
  call: Asked,
  { collection }: Listed,
  { rows, hasNext, hasPrevious }: Page<Row>,
  views: readonly object[],
): Record<string, unknown> {
  const links = [
    ...(hasNext ? [{ rel: 'next', href: pageLink(call, rows.at(-1)?.id ?? '', false) }] : []),
    ...(hasPrevious && rows.length > 0 ? [{ rel: 'previous', href: pageLink(call, rows[0]!.id, true) }] : []),
  ]
  const items = views.map((view) => chosenFields(call, view))
  return { [collection]: items, ...(links.length > 0 ? { [`${collection}_links`]: links } : {}) }
}

/** The fields of a view that the caller asked for; all if it named none. */
export function chosenFields({ search }: Pick<Call, 'search'>, view: object): object {
  const fields = search.getAll('fields').filter((field) => field !== '')
  if (fields.length === 0) return view
  return Object.fromEntries(Object.entries(view).filter(([name]) => fields.includes(name)))
}

/** Everything for admins, else what belongs to the caller's project. */
export function ownRows({ isAdmin, projectId }: RequestContext): Condition {
  return isAdmin ? everything : sql<SqlBool>`project_id = ${projectId ?? ''}`
}

export const everything: Condition = sql<SqlBool>`1 = 1`
export const nothing: Condition = sql<SqlBool>`1 = 0`

/** True when any of the values is the column's. */
export function among(column: string, values: readonly (string | number)[]): Condition {
  return values.length === 0 ? nothing : sql<SqlBool>`${sql.ref(column)} in (${sql.join(values)})`
}

/** True or false, or 400 with the filter's name. */
export function isTrue(name: string, value: string): boolean {
  if (TRUE.includes(value.toLowerCase())) return true
  if (FALSE.includes(value.toLowerCase())) return false
  throw fault('InvalidInput', { message: `'${value}' is not a valid boolean value for '${name}'` })
}

function conditionsOf(
  search: URLSearchParams,
  context: RequestContext,
  { columns, conditions = {} }: Listed,
): Condition[] {
  const all: Conditions = { ...tagConditions, changed_since: changedSince, ...conditions }
  const found: Condition[] = []
  for (const name of new Set(search.keys())) {
    if (NO_FILTERS.includes(name)) continue
    const values = search.getAll(name)
    const column = Object.hasOwn(columns, name) ? columns[name]! : undefined
    const special = Object.hasOwn(all, name) ? all[name]! : undefined
    if (special) found.push(special(values, context))
    else if (column) found.push(matching(name, column, values))
    else throw fault('BadRequest', { message: `['${name}'] is invalid attribute for filtering` })
  }
  return found
}

function matching(name: string, { column, kind }: Column, values: readonly string[]): Condition {
  if (kind === 'text') return among(column, values)
  const numbers = values.map((value) => {
    if (kind === 'flag') return isTrue(name, value) ? 1 : 0
    if (/^-?\d{1,15}$/.test(value)) return Number(value)
    throw fault('InvalidInput', { message: `'${value}' is not an integer for '${name}'` })
  })
  return among(column, numbers)
}

function changedSince(values: readonly string[]): Condition {
  const at = Date.parse(values.at(-1) ?? '')
  if (Number.isNaN(at)) throw fault('InvalidInput', { message: "The input of 'changed_since' must be a timestamp" })
  return sql<SqlBool>`updated_at >= ${at}`
}

const words = (values: readonly string[]): string[] => [...new Set(values.flatMap((value) => value.split(',')))]

function tagCount(tags: readonly string[]): RawBuilder<number> {
  return sql<number>`(select count(*) from network_tags where resource_id = id and tag in (${sql.join(tags)}))`
}

const tagConditions: Conditions = {
  tags: (values) => sql<SqlBool>`${tagCount(words(values))} = ${sql.lit(words(values).length)}`,
  'tags-any': (values) => sql<SqlBool>`${tagCount(words(values))} > 0`,
  'not-tags': (values) => sql<SqlBool>`${tagCount(words(values))} < ${sql.lit(words(values).length)}`,
  'not-tags-any': (values) => sql<SqlBool>`${tagCount(words(values))} = 0`,
}

function limitOf(search: URLSearchParams): number | undefined {
  const given = search.get('limit')
  if (given === null) return undefined
  if (!/^\d{1,9}$/.test(given)) {
    throw fault('BadRequest', { message: `Limit must be an integer 0 or greater and not '${given}'` })
  }
  return Number(given) === 0 ? undefined : Number(given)
}

function sortsOf(search: URLSearchParams, { columns }: Listed, reverse: boolean): Sort[] {
  const keys = search.getAll('sort_key')
  const directions = search.getAll('sort_dir')
  if (directions.length > 0 && directions.length !== keys.length) {
    throw fault('BadRequest', { message: 'The number of sort_keys and sort_dirs must be same' })
  }
  const sorts = keys.map((key, index) => {
    const known = Object.hasOwn(columns, key) ? columns[key] : undefined
    if (!known) throw fault('BadRequest', { message: `['${key}'] is invalid attribute for sort_keys` })
    const direction = (directions[index] ?? 'asc').toLowerCase()
    if (direction !== 'asc' && direction !== 'desc') {
      throw fault('BadRequest', { message: `'${direction}' is not one of ['asc', 'desc'] for sort_dir` })
    }
    return sortBy(known, (direction === 'desc') !== reverse)
  })
  return [...sorts, sortBy(text('id'), reverse)]
}

function sortBy({ column, kind }: Column, descending: boolean): Sort {
  const least = kind === 'text' ? '' : -1
  const ref = sql`coalesce(${sql.ref(column)}, ${sql.lit(least)})`
  return { ref, valueIn: (row) => row[column] ?? least, descending }
}

async function markerRow(
  network: Network,
  { table, notFound }: Listed,
  visible: Condition,
  id: string,
): Promise<Record<string, unknown>> {
  const found = await sql<Record<string, unknown>>`
    select * from ${sql.table(table)} where id = ${id} and ${visible}`.execute(tables(network))
  if (!found.rows[0]) throw notFound(id)
  return found.rows[0]
}

/** Rows that come after the marker's in the given order. */
function behind(marker: Record<string, unknown>, sorts: readonly Sort[]): Condition {
  const ways = sorts.map((sort, index) => {
    const before = sorts.slice(0, index).map((earlier) => sql`${earlier.ref} = ${earlier.valueIn(marker)}`)
    const sign = sort.descending ? sql`<` : sql`>`
    return sql`(${sql.join([...before, sql`${sort.ref} ${sign} ${sort.valueIn(marker)}`], sql` and `)})`
  })
  return sql<SqlBool>`(${sql.join(ways, sql` or `)})`
}

function pageLink({ search, url }: Asked, marker: string, reverse: boolean): string {
  const next = new URLSearchParams(search)
  next.set('marker', marker)
  if (reverse) next.set('page_reverse', 'True')
  else next.delete('page_reverse')
  return `${url.service}${url.path.split('?')[0]}?${next}`
}
