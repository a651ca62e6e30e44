// Networks and routers as hosts are told of them.

import { parseCidr } from '../addresses.ts'
import type { OwnPort, RouterPort, WiredNetwork, WiredRouter, WiredSubnet } from '../agent/protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { subnetsOf } from '../networks/rows.ts'
import type { FixedIp } from '../ports/allocate.ts'
import { fixedIpsOf } from '../ports/rows.ts'
import { legsOf } from '../routers/rows.ts'
import type { PortRow, RouterRow, SubnetRow } from '../schema/tables.ts'
import { parsed } from '../standard.ts'
import { chunks } from '../tags.ts'

/** The networks with these ids that exist. */
export async function wiredNetworks(network: Network, ids: readonly string[]): Promise<WiredNetwork[]> {
  const found: WiredNetwork[] = []
  for (const some of chunks(ids)) {
    const db = tables(network)
    const rows = await db.selectFrom('network_networks').selectAll().where('id', 'in', some).execute()
    const subnets = await subnetsOf(network, some)
    const ports = await db
      .selectFrom('network_ports')
      .selectAll()
      .where('network_id', 'in', some)
      .where('device_owner', '=', 'network:dhcp')
      .execute()
    const fixedIps = await fixedIpsOf(
      network,
      ports.map(({ id }) => id),
    )
    for (const row of rows) {
      const dhcp = row.admin_state_up === 1 ? ports.find(({ network_id }) => network_id === row.id) : undefined
      found.push({
        id: row.id,
        projectId: row.project_id,
        mtu: row.mtu,
        subnets: subnets.filter(({ network_id }) => network_id === row.id).map(wiredSubnet),
        dhcp: dhcp ? ownPort(dhcp, fixedIps) : null,
      })
    }
  }
  return found
}

function wiredSubnet(row: SubnetRow): WiredSubnet {
  return {
    id: row.id,
    cidr: row.cidr,
    ipVersion: row.ip_version === 6 ? 6 : 4,
    gatewayIp: row.gateway_ip,
    enableDhcp: row.enable_dhcp === 1,
    dnsNameservers: parsed(row.dns_nameservers_json),
    hostRoutes: parsed(row.host_routes_json),
    ipv6AddressMode: row.ipv6_address_mode,
    ipv6RaMode: row.ipv6_ra_mode,
  }
}

function ownPort({ id, mac_address }: PortRow, fixedIps: ReadonlyMap<string, FixedIp[]>): OwnPort {
  const ips = fixedIps.get(id) ?? []
  return {
    portId: id,
    macAddress: mac_address,
    fixedIps: ips.map(({ subnet_id, ip_address }) => ({ subnetId: subnet_id, ipAddress: ip_address })),
  }
}

/** The gateway addresses of the first subnet of each IP version that has one. */
export function gatewayCidrsOf({ subnets }: WiredNetwork): string[] {
  return ([4, 6] as const).flatMap((version) => {
    const subnet = subnets.find(({ ipVersion, gatewayIp }) => ipVersion === version && gatewayIp !== null)
    return subnet ? [`${subnet.gatewayIp}/${parseCidr(subnet.cidr)!.prefix}`] : []
  })
}

/** The routers with these ids that exist and are up. */
export async function wiredRouters(network: Network, ids: readonly string[]): Promise<WiredRouter[]> {
  const found: WiredRouter[] = []
  for (const some of chunks(ids)) {
    const db = tables(network)
    const query = db.selectFrom('network_routers').selectAll().where('id', 'in', some)
    const rows = await query.where('admin_state_up', '=', 1).execute()
    const legs = await legsOf(network, some)
    const fixedIps = await fixedIpsOf(
      network,
      legs.map(({ id }) => id),
    )
    const floating = await db.selectFrom('network_floating_ips').selectAll().where('router_id', 'in', some).execute()
    for (const row of rows) {
      const leading = floating.filter(({ router_id }) => router_id === row.id)
      found.push({
        ...wiredLegs(row, legs, fixedIps),
        routes: parsed(row.routes_json),
        floatingIps: leading.map(({ id, floating_ip_address, fixed_ip_address }) => ({
          id,
          floatingIp: floating_ip_address,
          fixedIp: fixed_ip_address!,
        })),
      })
    }
  }
  return found
}

function wiredLegs(
  row: RouterRow,
  legs: readonly PortRow[],
  fixedIps: ReadonlyMap<string, FixedIp[]>,
): Pick<WiredRouter, 'id' | 'projectId' | 'interfaces' | 'gateway'> {
  const own = legs.filter(({ device_id, admin_state_up }) => device_id === row.id && admin_state_up === 1)
  const leg = (port: PortRow): RouterPort => ({ ...ownPort(port, fixedIps), networkId: port.network_id })
  const gateway = own.find(({ device_owner }) => device_owner === 'network:router_gateway')
  return {
    id: row.id,
    projectId: row.project_id,
    interfaces: own.filter(({ device_owner }) => device_owner === 'network:router_interface').map(leg),
    gateway: gateway ? { ...leg(gateway), enableSnat: row.enable_snat === 1 } : null,
  }
}
