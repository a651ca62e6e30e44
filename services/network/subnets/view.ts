// A subnet as the API shows it.
import type { Network } from '../network.ts'
import type { SubnetRow } from '../schema/tables.ts'
import { parsed, standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'

/** The views of these rows, in their order. */
export async function subnetViews(network: Network, rows: readonly SubnetRow[]): Promise<object[]> {
  const tags = await tagsOf(
    network,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => ({
    ...standardView(row, tags.get(row.id)!),
    name: row.name,
    network_id: row.network_id,
    ip_version: row.ip_version,
    cidr: row.cidr,
    gateway_ip: row.gateway_ip,
    enable_dhcp: row.enable_dhcp === 1,
    allocation_pools: parsed<unknown>(row.allocation_pools_json),
    dns_nameservers: parsed<unknown>(row.dns_nameservers_json),
    host_routes: parsed<unknown>(row.host_routes_json),
    ipv6_address_mode: row.ipv6_address_mode,
    ipv6_ra_mode: row.ipv6_ra_mode,
    subnetpool_id: null,
  }))
}
