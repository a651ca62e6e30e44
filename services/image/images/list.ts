// Lists images: the parameters of the query as filters, order and page.
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import type { ImageRow, MemberStatus, Visibility } from '../schema/tables.ts'
import { seenImage } from './access.ts'
import { type Image, VISIBILITIES } from './image.ts'
import { type Comparison, type Condition, type ImageQuery, SORT_KEYS, type Sort, type SortKey } from './list-query.ts'

const DEFAULT_LIMIT = 25
const MAX_LIMIT = 1000
const MEMBER_STATUSES = ['pending', 'accepted', 'rejected', 'all'] as const
const TEXT_COLUMNS = [
  'id',
  'name',
  'status',
  'owner',
  'disk_format',
  'container_format',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
] as const
const SIZES: Record<string, { column: 'size' | 'min_disk' | 'min_ram'; comparison: Comparison }> = {
  size_min: { column: 'size', comparison: '>=' },
  size_max: { column: 'size', comparison: '<=' },
  size: { column: 'size', comparison: '=' },
  min_disk: { column: 'min_disk', comparison: '=' },
  min_ram: { column: 'min_ram', comparison: '=' },
}
const COMPARISONS: Record<string, Comparison> = { gt: '>', gte: '>=', lt: '<', lte: '<=', eq: '=', neq: '!=' }
const OTHERS = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'member_status', 'tag', 'os_hidden']

export interface ImagePage {
  images: Image[]
  /** The marker of the next page, if there may be one. */
  next: string | undefined
}

export async function listImages(
  parts: ImageParts,
  context: RequestContext,
  search: URLSearchParams,
): Promise<ImagePage> {
  for (const value of [...search.keys(), ...search.values()])
    if (value.includes('\0')) throw invalid('NUL in the query')
  const limit = limitOf(search.get('limit'))
  const query: ImageQuery = {
    seenBy: context.isAdmin ? undefined : { projectId: context.projectId },
    visibility: wordOf(search, 'visibility', [...VISIBILITIES, 'all']) as Visibility | 'all' | undefined,
    memberStatus: (wordOf(search, 'member_status', MEMBER_STATUSES) as MemberStatus | undefined) ?? 'accepted',
    hidden: flagOf('os_hidden', search.get('os_hidden') ?? 'false') === 1,
    conditions: conditionsOf(search),
    properties: propertiesOf(search),
    tags: search.getAll('tag'),
    sort: sortOf(search),
    limit,
    marker: await markerOf(parts, context, search.get('marker')),
  }
  const images = limit === 0 ? [] : await parts.images.list(query)
  return { images, next: images.length === limit ? images.at(-1)?.id : undefined }
}

function limitOf(text: string | null): number {
  if (text === null) return DEFAULT_LIMIT
  if (!/^\d{1,9}$/.test(text)) throw invalid('limit param must be an integer that is not negative')
  return Math.min(Number(text), MAX_LIMIT)
}

function wordOf(search: URLSearchParams, name: string, words: readonly string[]): string | undefined {
  const word = search.get(name)
  if (word === null) return undefined
  if (!words.includes(word)) throw invalid(`Invalid ${name} value: ${word}`)
  return word
}

async function markerOf(parts: ImageParts, context: RequestContext, id: string | null): Promise<ImageRow | undefined> {
  if (id === null) return undefined
  try {
    return await seenImage(parts, context, id)
  } catch (error) {
    throw fault('MarkerNotFound', { id }, error)
  }
}

function conditionsOf(search: URLSearchParams): Condition[] {
  const conditions: Condition[] = []
  for (const [name, value] of search) {
    const size = SIZES[name]
    if (size) conditions.push({ ...size, value: wholeNumber(name, value) })
    else if (name === 'protected') conditions.push({ column: name, values: [flagOf(name, value)] })
    else if (name === 'created_at' || name === 'updated_at') conditions.push(timeCondition(name, value))
    else if (isTextColumn(name)) conditions.push({ column: name, values: listed(value) })
  }
  return conditions
}

function isTextColumn(name: string): name is (typeof TEXT_COLUMNS)[number] {
  return (TEXT_COLUMNS as readonly string[]).includes(name)
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw invalid(`Invalid ${name} value: ${text}`)
  return value
}

function flagOf(name: string, text: string): 0 | 1 {
  if (/^(true|1)$/i.test(text)) return 1
  if (/^(false|0)$/i.test(text)) return 0
  throw invalid(`Invalid value '${text}' for ${name}: it must be true or false`)
}

function timeCondition(column: 'created_at' | 'updated_at', text: string): Condition {
  const [, operator = 'eq', time = ''] = /^(?:([a-z]+):)?(.*)$/s.exec(text) ?? []
  const comparison = COMPARISONS[operator]
  const milliseconds = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`)
  if (!comparison || Number.isNaN(milliseconds)) throw invalid(`Invalid ${column} value: ${text}`)
  return { column, comparison, seconds: Math.floor(milliseconds / 1000) }
}

/** `in:a,b,"c,d"` as its words; anything else as itself. */
function listed(text: string): string[] {
  if (!text.startsWith('in:')) return [text]
  const rest = text.slice('in:'.length)
  if (!/^(?:"[^"]*"|[^",]+)(?:,(?:"[^"]*"|[^",]+))*$/.test(rest)) throw invalid(`Invalid filter value: ${text}`)
  return [...rest.matchAll(/"([^"]*)"|([^",]+)/g)].map((match) => match[1] ?? match[2]!)
}

function propertiesOf(search: URLSearchParams): [string, string][] {
  const isKnown = (name: string) => OTHERS.includes(name) || isTextColumn(name) || name in SIZES
  const flags = ['protected', 'created_at', 'updated_at']
  return [...search].filter(([name]) => !isKnown(name) && !flags.includes(name))
}

function sortOf(search: URLSearchParams): Sort[] {
  const sort = search.get('sort')
  const keys = search.getAll('sort_key')
  const directions = search.getAll('sort_dir')
  if (sort !== null) {
    if (keys.length + directions.length > 0) throw invalid('Old and new sorting syntax cannot be combined')
    return sort.split(',').map((item) => {
      const [key = '', direction = 'desc'] = item.trim().split(':')
      return { key: sortKey(key), direction: sortDirection(direction) }
    })
  }
  if (directions.length > 1 && directions.length !== keys.length) {
    throw invalid('Number of sort dirs does not match the number of sort keys')
  }
  const asked = keys.length > 0 ? keys : ['created_at']
  return asked.map((key, index) => ({
    key: sortKey(key),
    direction: sortDirection(directions[index] ?? directions[0] ?? 'desc'),
  }))
}

function sortKey(key: string): SortKey {
  const found = SORT_KEYS.find((known) => known === key)
  if (!found) throw invalid(`Invalid sort key: ${key}. It must be one of ${SORT_KEYS.join(', ')}`)
  return found
}

function sortDirection(direction: string): 'asc' | 'desc' {
  if (direction !== 'asc' && direction !== 'desc') throw invalid(`Invalid sort direction: ${direction}`)
  return direction
}

function invalid(message: string) {
  return fault('Invalid', { message })
}
