// A router as the API shows it.
import type { Network } from '../network.ts'
import { fixedIpsOf } from '../ports/rows.ts'
import type { RouterRow } from '../schema/tables.ts'
import { parsed, standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'

/** The views of these rows, in their order. */
export async function routerViews(network: Network, rows: readonly RouterRow[]): Promise<object[]> {
  const tags = await tagsOf(
    network,
    rows.map(({ id }) => id),
  )
  const gateways = rows.flatMap(({ gateway_port_id }) => gateway_port_id ?? [])
  const fixedIps = await fixedIpsOf(network, gateways)
  return rows.map((row) => ({
    ...standardView(row, tags.get(row.id)!),
    name: row.name,
    admin_state_up: row.admin_state_up === 1,
    status: 'ACTIVE',
    external_gateway_info:
      row.gateway_network_id === null
        ? null
        : {
            network_id: row.gateway_network_id,
            enable_snat: row.enable_snat === 1,
            external_fixed_ips: fixedIps.get(row.gateway_port_id ?? '') ?? [],
          },
    routes: parsed<unknown>(row.routes_json),
    availability_zone_hints: [],
    availability_zones: [network.options.default_availability_zone],
  }))
}
