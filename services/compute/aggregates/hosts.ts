// Puts hosts into aggregates and takes them out; placement is told in the same transaction.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { tellingOfAggregate } from '../notifications/aggregate-notice.ts'
import { changing } from './change.ts'
import { mirrorHost } from './mirror.ts'
import type { Aggregate } from './store.ts'
import { getAggregate, insertHost, removeHostRow, ZONE_KEY } from './store.ts'
import { otherZones, serversOn } from './zone-change.ts'
import { lockZone, zoneOfHost } from './zones.ts'

/** Throws AggregateNotFound, HostNotFound, AggregateHostExists or AggregateHostRefused. */
export function addHost(compute: Compute, id: number, host: string): Promise<Aggregate> {
  return changing(compute, async () => {
    const aggregate = await getAggregate(compute, id)
    await refuseUnknownHost(compute, host)
    if (aggregate.hosts.includes(host)) throw fault('AggregateHostExists', { id: String(id), host })
    const zone = aggregate.metadata[ZONE_KEY]
    if (zone !== undefined) {
      await lockZone(compute, [host])
      const conflict = await otherZones(compute, aggregate, [host], zone)
      if (conflict) throw fault('AggregateHostRefused', { action: 'add host to', id: String(id), why: conflict })
    }
    const move = { id, host, verb: 'added to', action: 'add host to' }
    return tellingOfAggregate(compute, aggregate, { action: 'add_host', change: { host_name: host } }, () =>
      moving(compute, move, () => insertHost(compute, id, host)),
    )
  })
}

/** Throws AggregateNotFound, HostNotFound, AggregateHostNotFound or AggregateHostRefused. */
export function removeHost(compute: Compute, id: number, host: string): Promise<Aggregate> {
  return changing(compute, async () => {
    const aggregate = await getAggregate(compute, id)
    if (!aggregate.hosts.includes(host)) throw fault('AggregateHostNotFound', { id: String(id), host })
    await lockZone(compute, [host])
    const move = { id, host, verb: 'removed from', action: 'remove host from' }
    return tellingOfAggregate(compute, aggregate, { action: 'remove_host', change: { host_name: host } }, () =>
      moving(compute, move, () => removeHostRow(compute, id, host)),
    )
  })
}

interface Move {
  id: number
  host: string
  verb: string
  action: string
}

/** Refused when the host's zone would change under servers that are there. */
async function moving(compute: Compute, { id, host, verb, action }: Move, work: () => Promise<void>) {
  const before = await zoneOfHost(compute, host)
  await work()
  const after = await zoneOfHost(compute, host)
  const servers = before === after ? 0 : await serversOn(compute, [host])
  if (servers > 0) {
    const why =
      `The host cannot be ${verb} the aggregate as the availability zone of the host would change from ` +
      `'${before}' to '${after}' but the host already has ${servers} instance(s).`
    throw fault('AggregateHostRefused', { action, id: String(id), why })
  }
  await mirrorHost(compute, host)
  return getAggregate(compute, id)
}

async function refuseUnknownHost(compute: Compute, host: string): Promise<void> {
  const service = await tables(compute)
    .selectFrom('compute_services')
    .select('id')
    .where('host', '=', host)
    .where('binary', '=', 'nova-compute')
    .executeTakeFirst()
  if (!service) throw fault('HostNotFound', { host })
}
