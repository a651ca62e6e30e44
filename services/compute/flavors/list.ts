// Lists of flavors: one statement a page.

import { asBoolean } from '@kilonova/api/fields'
import { pageOf } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import type { ExpressionBuilder, SelectQueryBuilder } from 'kysely'
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ComputeTables, FlavorRow } from '../schema/tables.ts'
import type { ListFlavors } from './schema.ts'
import { isSharedWith } from './store.ts'

type Flavors = SelectQueryBuilder<ComputeTables, 'compute_flavors', FlavorRow>
type Builder = ExpressionBuilder<ComputeTables, 'compute_flavors'>
type FlavorCall = Call<unknown, ListFlavors>

// What no flavor of ours has (updated_at, vcpu_weight) sorts as all the same: by id.
const SORTABLE: Record<string, keyof FlavorRow> = {
  created_at: 'created_at',
  description: 'description',
  disabled: 'disabled',
  ephemeral_gb: 'ephemeral_gb',
  id: 'created_at',
  is_public: 'is_public',
  memory_mb: 'memory_mb',
  name: 'name',
  root_gb: 'root_gb',
  rxtx_factor: 'rxtx_factor',
  swap: 'swap_mb',
  vcpus: 'vcpus',
}

export interface FlavorPage {
  rows: FlavorRow[]
  /** Marker of the page after this one; undefined when this one is not full. */
  next: string | undefined
}

export async function listFlavors(compute: Compute, call: FlavorCall): Promise<FlavorPage> {
  const { limit, marker } = pageOf(call.query, compute.options.max_limit)
  const { sort_key: key = 'flavorid', sort_dir: direction = 'asc' } = call.query
  const column = SORTABLE[key] ?? 'id'
  let flavors = matching(compute, seen(compute, call), call.query)
  if (marker !== undefined) flavors = after(flavors, await markerRow(compute, call, marker), { column, direction })
  const rows = await flavors
    .orderBy((eb) => sortable(eb, column), direction)
    .orderBy('id')
    .limit(limit)
    .execute()
  return { rows, next: limit > 0 && rows.length === limit ? rows.at(-1)!.id : undefined }
}

/** Everybody sees public flavors and those shared with their project; admins may ask for the others. */
function seen(compute: Compute, { context, query }: FlavorCall): Flavors {
  const flavors = tables(compute).selectFrom('compute_flavors').selectAll()
  const isPublic = context.isAdmin ? publicFilter(query.is_public) : true
  const enabled = context.isAdmin ? flavors : flavors.where('disabled', '=', 0)
  if (isPublic === null) return enabled
  if (!isPublic) return enabled.where('is_public', '=', 0)
  return enabled.where((eb) => eb.or([eb('is_public', '=', 1), isSharedWith(eb, context.projectId)]))
}

const BOOLEANS = /^(true|t|yes|y|on|1|false|f|no|n|off|0)$/i

/** Null is both. */
function publicFilter(text: string | undefined): boolean | null {
  if (text === undefined) return true
  if (/^(none|)$/i.test(text)) return null
  if (!BOOLEANS.test(text)) throw fault('BadRequest', { message: `Invalid is_public filter [${text}]` })
  return asBoolean(text.toLowerCase())
}

function matching({ store }: Compute, flavors: Flavors, query: ListFlavors): Flavors {
  let kept = flavors
  const ram = least('minRam', query.minRam)
  if (ram !== undefined) kept = kept.where('memory_mb', '>=', ram)
  const disk = least('minDisk', query.minDisk)
  if (disk !== undefined) kept = kept.where('root_gb', '>=', disk)
  if (query.name !== undefined) kept = kept.where(store.matches('name', pattern(query.name)))
  return kept
}

function least(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(text)) throw fault('BadRequest', { message: `Invalid ${name} filter [${text}]` })
  return Number(text)
}

function pattern(text: string): string {
  try {
    return new RegExp(text).source
  } catch (error) {
    throw fault('BadRequest', { message: `Invalid name filter [${text}]` }, error)
  }
}

async function markerRow(compute: Compute, call: FlavorCall, marker: string): Promise<FlavorRow> {
  const row = await seen(compute, call).where('id', '=', marker).executeTakeFirst()
  if (!row) throw fault('MarkerNotFound', { marker })
  return row
}

function sortable(eb: Builder, column: keyof FlavorRow) {
  return column === 'description' ? eb.fn.coalesce('description', sql<string>`''`) : eb.ref(column)
}

interface Order {
  column: keyof FlavorRow
  direction: 'asc' | 'desc'
}

/** Rows that come after the marker in this order, equal ones by id. */
function after(flavors: Flavors, marker: FlavorRow, { column, direction }: Order): Flavors {
  const value = marker[column] ?? ''
  const beyond = direction === 'asc' ? '>' : '<'
  if (column === 'id') return flavors.where('id', beyond, marker.id)
  return flavors.where((eb) =>
    eb.or([
      eb(sortable(eb, column), beyond, value),
      eb.and([eb(sortable(eb, column), '=', value), eb('id', '>', marker.id)]),
    ]),
  )
}
