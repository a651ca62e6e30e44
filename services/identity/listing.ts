// Lists as Keystone gives them: filters by name, `name__contains` and the like; limit and marker; links.
import type { Call } from '@kilonova/api/route'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from './faults.ts'
import type { Condition, Selection } from './rows.ts'

/** Column by query parameter. */
export type Filters = Record<string, { column: string; kind: 'text' | 'flag' }>

type Listed = Pick<Call, 'search' | 'url'>

const MAX_LIMIT = 1000
const TRUE = ['true', '1', 'yes', 'on', 't', 'y', '']
const FALSE = ['false', '0', 'no', 'off', 'f', 'n']

/** Comparisons of a column with what the query says; all but `equals` also with `i` before them, regardless of case. */
const COMPARISONS: Record<string, (column: ReturnType<typeof sql>, value: string) => Condition> = {
  equals: (column, value) => sql<SqlBool>`${column} = ${value}`,
  contains: (column, value) => sql<SqlBool>`length(replace(${column}, ${value}, '')) < length(${column})`,
  startswith: (column, value) => sql<SqlBool>`substr(${column}, 1, ${count(value)}) = ${value}`,
  endswith: (column, value) =>
    sql<SqlBool>`length(${column}) >= ${count(value)} and substr(${column}, length(${column}) - ${count(value)} + 1) = ${value}`,
}

/** Characters as databases count them. */
const count = (text: string) => sql.lit([...text].length)

/** True for a flag that is given, unless it says false. */
export function flagOf(search: URLSearchParams, name: string): boolean {
  const value = search.get(name)
  return value !== null && booleanOf(name, value)
}

function booleanOf(name: string, value: string): boolean {
  const word = value.toLowerCase()
  if (TRUE.includes(word)) return true
  if (FALSE.includes(word)) return false
  throw fault('Invalid', { message: `Invalid input for field '${name}': '${value}' is not a boolean.` })
}

/** The conditions that the query asks for; parameters that are no filters are passed over. */
export function conditionsOf(search: URLSearchParams, filters: Filters): Condition[] {
  const conditions: Condition[] = []
  for (const [parameter, value] of search) {
    const [name = '', comparison = 'equals'] = parameter.split('__')
    const filter = Object.hasOwn(filters, name) ? filters[name] : undefined
    if (filter) conditions.push(conditionOf(filter, { name, comparison, value }))
  }
  return conditions
}

interface Asked {
  name: string
  comparison: string
  value: string
}

function conditionOf({ column, kind }: Filters[string], { name, comparison, value }: Asked): Condition {
  const ref = sql.ref(column)
  if (kind === 'flag') return sql<SqlBool>`${ref} = ${booleanOf(name, value) ? 1 : 0}`
  const exact = COMPARISONS[comparison]
  if (exact) return value === '' && comparison !== 'equals' ? sql<SqlBool>`1 = 1` : exact(ref, value)
  const folded = comparison.startsWith('i') ? COMPARISONS[comparison.slice(1)] : undefined
  if (!folded) throw fault('Invalid', { message: `Unknown comparison '${comparison}' of filter '${name}'.` })
  return value === '' ? sql<SqlBool>`1 = 1` : folded(sql`lower(${ref})`, value.toLowerCase())
}

/** One row more than the page holds shows whether there is a next one. */
export function selectionOf(search: URLSearchParams, where: readonly Condition[]): Selection {
  const limit = limitOf(search)
  return { where, marker: search.get('marker') ?? undefined, limit: limit === undefined ? undefined : limit + 1 }
}

function limitOf(search: URLSearchParams): number | undefined {
  const text = search.get('limit')
  if (text === null) return undefined
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw fault('Invalid', { message: `Invalid input for field 'limit': '${text}' is not a positive integer.` })
  }
  return Math.min(Number(text), MAX_LIMIT)
}

/** The page under its name, with links to itself and to the next one. */
export function listed<T extends { id: string }, View>(
  call: Listed,
  key: string,
  rows: readonly T[],
  view: (row: T) => View,
): Record<string, unknown> {
  const limit = limitOf(call.search)
  const page = limit === undefined ? rows : rows.slice(0, limit)
  const more = limit !== undefined && rows.length > limit
  return {
    [key]: page.map(view),
    links: { ...linksOf(call), next: more ? nextOf(call, page.at(-1)!.id, limit) : null },
  }
}

/** Links of a list that is always whole. */
export function linksOf({ url }: Listed): { self: string; previous: null; next: null } {
  return { self: url.service + url.path, previous: null, next: null }
}

function nextOf({ search, url }: Listed, marker: string, limit: number): string {
  const next = new URLSearchParams(search)
  next.set('limit', String(limit))
  next.set('marker', marker)
  return `${url.service}${url.path.split('?')[0]}?${next}`
}

/** The link to one thing. */
export function selfLink({ url }: Listed, path: string): { self: string } {
  return { self: `${url.service}/v3/${path}` }
}
