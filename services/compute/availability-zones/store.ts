// The zones that hosts are in.
import { zonesOfHosts } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

/** The zones that a server may ask for: those with a host whose compute service is enabled. */
export async function availableZones(compute: Pick<Compute, 'store' | 'options'>): Promise<string[]> {
  const hosts = await tables(compute)
    .selectFrom('compute_services')
    .select('host')
    .where('binary', '=', 'nova-compute')
    .where('disabled', '=', 0)
    .execute()
  return zonesOf(compute, hosts)
}

/** The zones of these hosts, by name; without hosts there is the default one. */
export async function zonesOf(
  compute: Pick<Compute, 'store' | 'options'>,
  hosts: readonly { host: string }[],
): Promise<string[]> {
  if (hosts.length === 0) return [compute.options.default_availability_zone]
  const zoneOf = await zonesOfHosts(compute)
  return [...new Set(hosts.map(({ host }) => zoneOf(host)))].toSorted()
}
