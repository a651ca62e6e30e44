// An aggregate as the API's newest reply.
import { micros } from '../time.ts'
import type { Aggregate } from './store.ts'
import { ZONE_KEY } from './store.ts'

/** What create shows: there are no hosts yet. */
export function newAggregateView(aggregate: Aggregate): object {
  const { hosts: _hosts, metadata: _metadata, ...rest } = aggregateView(aggregate)
  return rest
}

export function aggregateView(aggregate: Aggregate) {
  return {
    id: aggregate.id,
    uuid: aggregate.uuid,
    name: aggregate.name,
    availability_zone: aggregate.metadata[ZONE_KEY] ?? null,
    hosts: aggregate.hosts,
    metadata: aggregate.metadata,
    created_at: micros(aggregate.created_at),
    updated_at: micros(aggregate.updated_at),
    deleted: false,
    deleted_at: null,
  }
}
