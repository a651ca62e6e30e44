// A port as the API shows it.
import type { Call } from '@kilonova/api/route'
import type { Network } from '../network.ts'
import type { PortRow } from '../schema/tables.ts'
import { parsed, standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'
import type { AddressPair } from './check.ts'
import { fixedIpsOf, groupsOf } from './rows.ts'

/** The views of these rows, in their order. */
export async function portViews(
  network: Network,
  { allows }: Pick<Call, 'allows'>,
  rows: readonly PortRow[],
): Promise<object[]> {
  const ids = rows.map(({ id }) => id)
  const [tags, fixedIps, groups] = await Promise.all([
    tagsOf(network, ids),
    fixedIpsOf(network, ids),
    groupsOf(network, ids),
  ])
  const seesBinding = allows('get_port:binding')
  return rows.map((row) => ({
    ...standardView(row, tags.get(row.id)!),
    name: row.name,
    network_id: row.network_id,
    mac_address: row.mac_address,
    fixed_ips: fixedIps.get(row.id)!,
    device_id: row.device_id,
    device_owner: row.device_owner,
    admin_state_up: row.admin_state_up === 1,
    status: row.status,
    security_groups: groups.get(row.id)!,
    port_security_enabled: row.port_security_enabled === 1,
    allowed_address_pairs: parsed<AddressPair[]>(row.allowed_address_pairs_json).map(
      ({ ip_address, mac_address = row.mac_address }) => ({ mac_address, ip_address }),
    ),
    extra_dhcp_opts: parsed<unknown[]>(row.extra_dhcp_opts_json),
    ip_allocation: fixedIps.get(row.id)!.length > 0 ? 'immediate' : 'none',
    'binding:vnic_type': row.vnic_type,
    ...(seesBinding ? bindingView(row) : {}),
  }))
}

function bindingView(row: PortRow): object {
  const isBound = row.vif_type === 'bridge'
  return {
    'binding:host_id': row.host ?? '',
    'binding:profile': parsed<object>(row.profile_json),
    'binding:vif_type': row.vif_type,
    'binding:vif_details': isBound ? { port_filter: true, connectivity: 'l2' } : {},
  }
}
