// Tells of changes of aggregates.
import type { Compute } from '../compute.ts'
import { novaObject } from './nova-object.ts'
import { tell } from './outbox.ts'

/** The words of versioned notifications, and Nova's older ones. */
const WORDS = {
  create: 'create',
  delete: 'delete',
  add_host: 'addhost',
  remove_host: 'removehost',
  update_metadata: 'updatemetadata',
  update_prop: 'updateprop',
  cache_images: 'cache_images',
} as const

export interface ToldAggregate {
  /** Null before it was made. */
  id: number | null
  uuid: string
  name: string
  hosts: readonly string[] | null
  metadata: Readonly<Record<string, string>>
}

export interface AggregateNotice {
  action: keyof typeof WORDS
  phase: 'start' | 'end'
  /** What the unversioned notification says besides which aggregate it is. */
  change?: Record<string, unknown>
}

export async function tellOfAggregate(
  compute: Compute,
  { id, uuid, name, hosts, metadata }: ToldAggregate,
  { action, phase, change = {} }: AggregateNotice,
): Promise<void> {
  const { host } = compute.notifications
  const payload = { ...(id === null ? { name } : { aggregate_id: id }), ...change }
  const unversioned = { eventType: `aggregate.${WORDS[action]}.${phase}`, payload }
  if (action !== 'cache_images')
    await tell(compute, { publisher: { service: 'aggregate', host: String(id ?? name) }, unversioned })
  const data = { id, uuid, name, hosts, metadata }
  const versioned = {
    eventType: `aggregate.${action}.${phase}`,
    payload: novaObject('AggregatePayload', '1.1', data),
  }
  await tell(compute, { publisher: { service: 'api', host }, versioned })
}

/** The notices of a change around it. Inside the transaction of the change. */
export async function tellingOfAggregate<T extends ToldAggregate>(
  compute: Compute,
  before: ToldAggregate,
  notice: Omit<AggregateNotice, 'phase'>,
  work: () => Promise<T>,
): Promise<T> {
  await tellOfAggregate(compute, before, { ...notice, phase: 'start' })
  const after = await work()
  await tellOfAggregate(compute, after, { ...notice, phase: 'end' })
  return after
}

export interface CacheProgress {
  id: number
  uuid: string
  name: string
  host: string
  /** Which host it was, from 1, of how many. */
  index: number
  total: number
  images_cached: readonly string[]
  images_failed: readonly string[]
}

export async function tellOfCacheProgress(compute: Compute, progress: CacheProgress): Promise<void> {
  const { host } = compute.notifications
  const versioned = {
    eventType: 'aggregate.cache_images.progress',
    payload: novaObject('AggregateCachePayload', '1.0', { ...progress }),
  }
  await compute.store.transaction(() => tell(compute, { publisher: { service: 'conductor', host }, versioned }))
}
