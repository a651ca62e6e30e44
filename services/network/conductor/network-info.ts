// What compute and guests are told of a server's ports: network_info.
import type { AuditedPort, PortStatus, Vif, VifSubnet } from '../client.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { subnetsOf } from '../networks/rows.ts'
import type { FixedIp } from '../ports/allocate.ts'
import { fixedIpsOf, portsById } from '../ports/rows.ts'
import type { NetworkRow, PortRow, SubnetRow } from '../schema/tables.ts'
import { parsed } from '../standard.ts'
import { chunks } from '../tags.ts'

interface Around {
  networks: Map<string, NetworkRow>
  subnets: readonly SubnetRow[]
  fixedIps: Map<string, FixedIp[]>
  /** By port and fixed address. */
  floating: Map<string, string[]>
  /** Addresses of DHCP servers by subnet. */
  dhcpServers: Map<string, string>
}

export async function vifsOf(network: Network, portIds: readonly string[]): Promise<Vif[]> {
  const rows = await portsById(network, portIds)
  const around = await lookAround(network, rows)
  const byId = new Map(rows.map((row) => [row.id, row]))
  return portIds.flatMap((id) => {
    const row = byId.get(id)
    return row ? [vifOf(row, around)] : []
  })
}

async function lookAround(network: Network, rows: readonly PortRow[]): Promise<Around> {
  const db = tables(network)
  const ids = rows.map(({ id }) => id)
  const networkIds = rows.map(({ network_id }) => network_id)
  const networks = new Map<string, NetworkRow>()
  const dhcpServers = new Map<string, string>()
  for (const some of chunks(networkIds)) {
    for (const row of await db.selectFrom('network_networks').selectAll().where('id', 'in', some).execute())
      networks.set(row.id, row)
    const servers = await db
      .selectFrom('network_ip_allocations as a')
      .innerJoin('network_ports as p', 'p.id', 'a.port_id')
      .select(['a.subnet_id', 'a.ip_address'])
      .where('p.network_id', 'in', some)
      .where('p.device_owner', '=', 'network:dhcp')
      .execute()
    for (const { subnet_id, ip_address } of servers) dhcpServers.set(subnet_id, ip_address)
  }
  const floating = new Map<string, string[]>()
  for (const some of chunks(ids)) {
    const found = await db.selectFrom('network_floating_ips').selectAll().where('fixed_port_id', 'in', some).execute()
    for (const { fixed_port_id, fixed_ip_address, floating_ip_address } of found) {
      const key = `${fixed_port_id} ${fixed_ip_address}`
      floating.set(key, [...(floating.get(key) ?? []), floating_ip_address])
    }
  }
  const subnets = await subnetsOf(network, networkIds)
  return { networks, subnets, fixedIps: await fixedIpsOf(network, ids), floating, dhcpServers }
}

function vifOf(row: PortRow, around: Around): Vif {
  const on = around.networks.get(row.network_id)!
  const ips = around.fixedIps.get(row.id)!
  const used = around.subnets.filter(({ id }) => ips.some(({ subnet_id }) => subnet_id === id))
  return {
    portId: row.id,
    mac: row.mac_address,
    tap: `tap${row.id.slice(0, 11)}`,
    mtu: on.mtu,
    type: row.vif_type,
    vnicType: row.vnic_type,
    active: row.status === 'ACTIVE' || row.admin_state_up === 0,
    network: { id: on.id, label: on.name, subnets: used.map((subnet) => vifSubnet(row, subnet, ips, around)) },
  }
}

function vifSubnet(
  port: PortRow,
  row: SubnetRow,
  ips: readonly FixedIp[],
  { floating, dhcpServers }: Around,
): VifSubnet {
  const routes = parsed<{ destination: string; nexthop: string }[]>(row.host_routes_json)
  return {
    id: row.id,
    cidr: row.cidr,
    version: row.ip_version === 6 ? 6 : 4,
    gateway: row.gateway_ip,
    dns: parsed(row.dns_nameservers_json),
    routes: routes.map(({ destination, nexthop }) => ({ cidr: destination, gateway: nexthop })),
    ips: ips
      .filter(({ subnet_id }) => subnet_id === row.id)
      .map(({ ip_address }) => ({
        address: ip_address,
        floatingIps: floating.get(`${port.id} ${ip_address}`) ?? [],
      })),
    dhcpServer: dhcpServers.get(row.id) ?? null,
    ipv6AddressMode: row.ipv6_address_mode,
  }
}

export async function portStatuses(network: Network, portIds: readonly string[]): Promise<Record<string, PortStatus>> {
  const rows = await portsById(network, portIds)
  const byId = new Map(rows.map((row) => [row.id, row]))
  const statusOf = (row: PortRow | undefined): PortStatus => {
    if (!row) return 'missing'
    return row.host === null ? 'N/A' : row.status
  }
  return Object.fromEntries(portIds.map((id) => [id, statusOf(byId.get(id))]))
}

export async function portsOfDevice(
  network: Network,
  deviceId: string,
): Promise<{ id: string; status: string; host: string | null }[]> {
  const query = tables(network).selectFrom('network_ports').select(['id', 'status', 'host'])
  const rows = await query.where('device_id', '=', deviceId).orderBy('created_at').orderBy('id').execute()
  return rows.map(({ id, status, host }) => ({ id, status, host }))
}

export async function allPorts(network: Network): Promise<AuditedPort[]> {
  const rows = await tables(network)
    .selectFrom('network_ports')
    .select(['id', 'device_id', 'device_owner', 'host'])
    .orderBy('id')
    .execute()
  return rows.map(({ id, device_id, device_owner, host }) => ({
    id,
    deviceId: device_id,
    deviceOwner: device_owner,
    host,
  }))
}
