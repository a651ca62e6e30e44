// One page of images as SQL: who asks, what is asked for, in which order, after which image.
import type { Expression, ExpressionBuilder, Kysely, RawBuilder, SelectQueryBuilder, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { ImageRow, ImageTables, MemberStatus, Visibility } from '../schema/tables.ts'

export const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const
export type SortKey = (typeof SORT_KEYS)[number]

export interface Sort {
  key: SortKey
  direction: 'asc' | 'desc'
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

/** Times are compared in whole seconds, as they are shown. */
export type Condition =
  | { column: keyof ImageRow; values: readonly (string | number)[] }
  | { column: 'size' | 'min_disk' | 'min_ram'; comparison: Comparison; value: number }
  | { column: 'created_at' | 'updated_at'; comparison: Comparison; seconds: number }

export interface ImageQuery {
  /** Undefined: everything is seen. */
  seenBy: { projectId: string | null } | undefined
  visibility: Visibility | 'all' | undefined
  memberStatus: MemberStatus | 'all'
  hidden: boolean
  conditions: readonly Condition[]
  properties: readonly (readonly [name: string, value: string])[]
  tags: readonly string[]
  sort: readonly Sort[]
  limit: number
  /** The page begins after this image. */
  marker?: ImageRow | undefined
}

type Eb = ExpressionBuilder<ImageTables, 'images'>
type Where = Expression<SqlBool>

export function selectImages(
  db: Kysely<ImageTables>,
  query: ImageQuery,
): SelectQueryBuilder<ImageTables, 'images', ImageRow> {
  const sort = totalOrder(query.sort)
  let select = db
    .selectFrom('images')
    .selectAll()
    .where('status', '!=', 'pending_delete')
    .where('os_hidden', '=', query.hidden ? 1 : 0)
    .where((eb) => eb.and([seen(eb, query), ...query.conditions.map((condition) => holds(eb, condition))]))
    .where((eb) => eb.and([...query.properties.map((property) => hasProperty(eb, property))]))
    .where((eb) => eb.and([...query.tags.map((tag) => hasTag(eb, tag))]))
    .limit(query.limit)
  const { marker } = query
  if (marker) select = select.where((eb) => after(eb, sort, marker))
  for (const { key, direction } of sort) select = select.orderBy(sortable(key), direction)
  return select
}

function seen(eb: Eb, { seenBy, visibility, memberStatus }: ImageQuery): Where {
  if (!seenBy) return visibility && visibility !== 'all' ? eb('visibility', '=', visibility) : eb.val(true)
  const { projectId } = seenBy
  const own = eb('owner', '=', projectId)
  const sharedWithMe = eb.and([eb('visibility', '=', 'shared'), isMember(eb, projectId, memberStatus)])
  switch (visibility) {
    case 'public':
    case 'community':
      return eb('visibility', '=', visibility)
    case 'private':
      return eb.and([eb('visibility', '=', 'private'), own])
    case 'shared':
      return eb.or([eb.and([eb('visibility', '=', 'shared'), own]), sharedWithMe])
    case 'all':
      return eb.or([eb('visibility', 'in', ['public', 'community']), own, sharedWithMe])
    default:
      return eb.or([eb('visibility', '=', 'public'), own, sharedWithMe])
  }
}

function isMember(eb: Eb, projectId: string | null, status: MemberStatus | 'all'): Where {
  let members = eb
    .selectFrom('image_members')
    .select('image_members.member')
    .whereRef('image_members.image_id', '=', 'images.id')
    .where('image_members.member', '=', projectId)
  if (status !== 'all') members = members.where('image_members.status', '=', status)
  return eb.exists(members)
}

function holds(eb: Eb, condition: Condition): Where {
  if ('values' in condition) return eb(condition.column, 'in', condition.values as never)
  if ('value' in condition) return eb(condition.column, condition.comparison, condition.value)
  return eb(sql<number>`${eb.ref(condition.column)} / 1000`, condition.comparison, condition.seconds)
}

function hasProperty(eb: Eb, [name, value]: readonly [string, string]): Where {
  const properties = eb
    .selectFrom('image_properties')
    .select('image_properties.name')
    .whereRef('image_properties.image_id', '=', 'images.id')
    .where('image_properties.name', '=', name)
    .where('image_properties.value', '=', value)
  return eb.exists(properties)
}

function hasTag(eb: Eb, tag: string): Where {
  const tags = eb
    .selectFrom('image_tags')
    .select('image_tags.value')
    .whereRef('image_tags.image_id', '=', 'images.id')
    .where('image_tags.value', '=', tag)
  return eb.exists(tags)
}

/** The asked order, completed so that no two images are equal in it. */
function totalOrder(asked: readonly Sort[]): Sort[] {
  const direction = asked.at(-1)?.direction ?? 'desc'
  const rest = (['created_at', 'id'] as const).filter((key) => !asked.some((sort) => sort.key === key))
  return [...asked, ...rest.map((key) => ({ key, direction }))]
}

/** Both databases place nulls differently, so that none may remain. */
function sortable(key: SortKey): RawBuilder<string | number> {
  const nothing = key === 'size' ? -1 : ''
  const isNullable = ['name', 'container_format', 'disk_format', 'size'].includes(key)
  return isNullable ? sql`coalesce(${sql.ref(`images.${key}`)}, ${sql.lit(nothing)})` : sql`${sql.ref(`images.${key}`)}`
}

/** Behind the marker in this order: equal in some first keys, and further in the next one. */
function after(eb: Eb, sort: readonly Sort[], marker: ImageRow): Where {
  const markerValue = (key: SortKey) => marker[key] ?? (key === 'size' ? -1 : '')
  const further = sort.map(({ key, direction }, index) => {
    const equal = sort.slice(0, index).map((before) => eb(sortable(before.key), '=', markerValue(before.key)))
    return eb.and([...equal, eb(sortable(key), direction === 'asc' ? '>' : '<', markerValue(key))])
  })
  return eb.or(further)
}
