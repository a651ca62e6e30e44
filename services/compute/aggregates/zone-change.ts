// When the zone of hosts may change: no host is in two zones, and no server finds itself in another zone.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { Aggregate } from './store.ts'
import { ZONE_KEY } from './store.ts'

/** Why these hosts cannot be in the zone: other aggregates of theirs say otherwise. */
export async function otherZones(
  compute: Compute,
  aggregate: Aggregate,
  hosts: readonly string[],
  zone: string,
): Promise<string | undefined> {
  if (hosts.length === 0) return undefined
  const rows = await tables(compute)
    .selectFrom('compute_aggregate_hosts as member')
    .innerJoin('compute_aggregate_metadata as data', 'data.aggregate_id', 'member.aggregate_id')
    .select('data.value')
    .distinct()
    .where('member.host', 'in', hosts)
    .where('member.aggregate_id', '!=', aggregate.id)
    .where('data.key', '=', ZONE_KEY)
    .where('data.value', '!=', zone)
    .orderBy('data.value')
    .execute()
  if (rows.length === 0) return undefined
  return `One or more hosts already in availability zone(s) ${rows.map(({ value }) => value).join(', ')}`
}

/** How many servers are on these hosts. */
export async function serversOn(compute: Compute, hosts: readonly string[]): Promise<number> {
  if (hosts.length === 0) return 0
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select((eb) => eb.fn.countAll<number>().as('servers'))
    .where('host', 'in', hosts)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.servers)
}
