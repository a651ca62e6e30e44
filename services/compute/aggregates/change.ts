// Makes, changes and removes aggregates: one change at a time, so that no host ends up in two zones.
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { tellingOfAggregate, tellOfAggregate } from '../notifications/aggregate-notice.ts'
import type { AggregateUpdate, NewAggregate } from './schema.ts'
import type { Aggregate } from './store.ts'
import {
  getAggregate,
  insertAggregate,
  mergeMetadata,
  removeAggregate,
  renameAggregate,
  touchAggregate,
  ZONE_KEY,
} from './store.ts'
import { otherZones, serversOn } from './zone-change.ts'
import { lockZone } from './zones.ts'

/** As one transaction that no other change of aggregates runs beside. */
export function changing<T>(compute: Compute, work: () => Promise<T>): Promise<T> {
  return compute.store.transaction(async () => {
    await compute.store.lock('aggregates')
    return work()
  })
}

/** Throws AggregateNameExists. */
export function createAggregate(compute: Compute, asked: NewAggregate): Promise<Aggregate> {
  return changing(compute, async () => {
    const metadata: Record<string, string> = asked.availability_zone ? { [ZONE_KEY]: asked.availability_zone } : {}
    const before = { id: null, uuid: compute.random.uuid(), name: asked.name, hosts: null, metadata }
    const change = { name: asked.name, meta_data: metadata }
    return tellingOfAggregate(compute, before, { action: 'create', change }, async () => {
      const id = await insertAggregate(compute, before)
      await mergeMetadata(compute, id, metadata)
      return getAggregate(compute, id)
    })
  })
}

/** Throws AggregateNotFound, AggregateNameExists or AggregateActionRefused. */
export function updateAggregate(compute: Compute, id: number, asked: AggregateUpdate): Promise<Aggregate> {
  return changing(compute, async () => {
    const aggregate = await getAggregate(compute, id)
    const { name, availability_zone: zone } = asked
    const change = {
      ...(name === undefined ? {} : { name }),
      ...(zone === undefined ? {} : { meta_data: { [ZONE_KEY]: zone } }),
    }
    return tellingOfAggregate(compute, aggregate, { action: 'update_prop', change }, async () => {
      if (name !== undefined) await renameAggregate(compute, id, name.trim())
      if (zone !== undefined) {
        await refuseZone(compute, aggregate, zone, 'update')
        await mergeMetadata(compute, id, { [ZONE_KEY]: zone })
      }
      await touchAggregate(compute, id)
      return getAggregate(compute, id)
    })
  })
}

/** Throws AggregateNotFound or AggregateActionRefused. */
export function setMetadata(compute: Compute, id: number, metadata: Record<string, string | null>): Promise<Aggregate> {
  return changing(compute, async () => {
    const aggregate = await getAggregate(compute, id)
    const zone = metadata[ZONE_KEY]
    if (zone !== undefined) await refuseZone(compute, aggregate, zone, 'update metadata of')
    const change = { meta_data: metadata }
    return tellingOfAggregate(compute, aggregate, { action: 'update_metadata', change }, async () => {
      await mergeMetadata(compute, id, metadata)
      return getAggregate(compute, id)
    })
  })
}

/** Throws AggregateNotFound, or AggregateActionRefused while it has hosts. */
export function deleteAggregate(compute: Compute, id: number): Promise<void> {
  return changing(compute, async () => {
    const aggregate = await getAggregate(compute, id)
    if (aggregate.hosts.length > 0) {
      throw fault('AggregateActionRefused', { action: 'delete', id: String(id), why: 'Host aggregate is not empty' })
    }
    await tellOfAggregate(compute, aggregate, { action: 'delete', phase: 'start' })
    await removeAggregate(compute, id)
    await tellOfAggregate(compute, aggregate, { action: 'delete', phase: 'end' })
  })
}

async function refuseZone(compute: Compute, aggregate: Aggregate, zone: string | null, action: string): Promise<void> {
  const refuse = (why: string) => fault('AggregateActionRefused', { action, id: String(aggregate.id), why })
  if (!zone) throw refuse(`Aggregate ${aggregate.name} does not support empty named availability zone`)
  await lockZone(compute, aggregate.hosts)
  const conflict = await otherZones(compute, aggregate, aggregate.hosts, zone)
  if (conflict) throw refuse(conflict)
  if (zone !== aggregate.metadata[ZONE_KEY] && (await serversOn(compute, aggregate.hosts)) > 0) {
    throw refuse('One or more hosts contain instances in this zone')
  }
}
