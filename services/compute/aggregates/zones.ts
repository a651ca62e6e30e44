// The zone of each host: what its aggregates' metadata says, or the default.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { ZONE_KEY } from './store.ts'

export type ZoneOf = (host: string) => string

/** The zones of all hosts, in one statement. */
export async function zonesOfHosts(compute: Pick<Compute, 'store' | 'options'>): Promise<ZoneOf> {
  const rows = await zoned(compute).execute()
  const zones = new Map(rows.map(({ host, value }) => [host, value]))
  return (host) => zones.get(host) ?? compute.options.default_availability_zone
}

export async function zoneOfHost(compute: Pick<Compute, 'store' | 'options'>, host: string): Promise<string> {
  const row = await zoned(compute).where('member.host', '=', host).executeTakeFirst()
  return row?.value ?? compute.options.default_availability_zone
}

function zoned(compute: Pick<Compute, 'store'>) {
  return tables(compute)
    .selectFrom('compute_aggregate_hosts as member')
    .innerJoin('compute_aggregate_metadata as data', 'data.aggregate_id', 'member.aggregate_id')
    .select(['member.host', 'data.value'])
    .where('data.key', '=', ZONE_KEY)
}

/** Whoever changes the zone of a host, or puts a server there for its zone, takes this first. Inside a transaction. */
export async function lockZone({ store }: Pick<Compute, 'store'>, hosts: readonly string[]): Promise<void> {
  for (const host of hosts.toSorted()) await store.lock(`host-zone:${host}`)
}
