// Ports and security groups as hosts are told of them.
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { WiredPort, WiredSecurityGroup, WiredSecurityGroupRule } from '../agent/protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { AddressPair } from '../ports/check.ts'
import { fixedIpsOf, groupsOf } from '../ports/rows.ts'
import type { PortRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { normalizedCidr } from '../security-groups/check-rule.ts'
import { rulesOf } from '../security-groups/rows.ts'
import { parsed } from '../standard.ts'
import { chunks } from '../tags.ts'

/** True for ports of guests; DHCP, routers and floating addresses are told of in other ways. */
export const isWired = ({ device_owner }: Pick<PortRow, 'device_owner'>): boolean =>
  !device_owner.startsWith('network:')

interface DhcpOption {
  opt_name: string
  opt_value: string
  ip_version: number
}

/** These ports as the host sees them. */
export async function wiredPorts(network: Network, host: string, rows: readonly PortRow[]): Promise<WiredPort[]> {
  const ids = rows.map(({ id }) => id)
  const fixedIps = await fixedIpsOf(network, ids)
  const groups = await groupsOf(network, ids)
  return rows.map((row) => ({
    id: row.id,
    networkId: row.network_id,
    bound: row.host === host,
    deviceId: row.device_id,
    deviceOwner: row.device_owner,
    macAddress: row.mac_address,
    fixedIps: fixedIps
      .get(row.id)!
      .map(({ subnet_id, ip_address }) => ({ subnetId: subnet_id, ipAddress: ip_address })),
    hostname: row.hostname,
    portSecurity: row.port_security_enabled === 1,
    allowedAddressPairs: parsed<AddressPair[]>(row.allowed_address_pairs_json).map(
      ({ ip_address, mac_address = null }) => ({ ipAddress: ip_address, macAddress: mac_address }),
    ),
    securityGroupIds: groups.get(row.id)!,
    adminStateUp: row.admin_state_up === 1,
    extraDhcpOpts: parsed<DhcpOption[]>(row.extra_dhcp_opts_json).map(({ opt_name, opt_value, ip_version }) => ({
      optName: opt_name,
      optValue: opt_value,
      ipVersion: ip_version === 6 ? 6 : 4,
    })),
  }))
}

/** Groups of ports on a host, with the groups that their rules name: of those only the members count. */
export async function wiredGroups(network: Network, ids: readonly string[]): Promise<WiredSecurityGroup[]> {
  const own = new Set(ids)
  const rules = await rulesOf(network, ids)
  const remote = rules.flatMap(({ remote_group_id }) => remote_group_id ?? [])
  const all = [...new Set([...ids, ...remote])]
  const members = await membersOf(network, all)
  const found: WiredSecurityGroup[] = []
  for (const some of chunks(all)) {
    const query = tables(network).selectFrom('network_security_groups').select(['id', 'stateful'])
    for (const { id, stateful } of await query.where('id', 'in', some).orderBy('id').execute()) {
      const wired = own.has(id) ? rules.filter((rule) => rule.security_group_id === id).map(wiredRule) : []
      found.push({ id, stateful: stateful === 1, rules: wired, memberAddresses: members.get(id)! })
    }
  }
  return found
}

function wiredRule(row: SecurityGroupRuleRow): WiredSecurityGroupRule {
  return {
    id: row.id,
    direction: row.direction,
    ethertype: row.ethertype,
    protocol: row.protocol,
    portRangeMin: row.port_range_min,
    portRangeMax: row.port_range_max,
    remoteIpPrefix: normalizedCidr(row.remote_ip_prefix),
    remoteGroupId: row.remote_group_id,
  }
}

/** The addresses of each group's ports, on any host. */
async function membersOf(network: Network, ids: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, Set<string>>(ids.map((id) => [id, new Set()]))
  for (const some of chunks(ids)) {
    const db = tables(network)
    const addresses = await db
      .selectFrom('network_port_security_groups as m')
      .innerJoin('network_ip_allocations as a', 'a.port_id', 'm.port_id')
      .select(['m.security_group_id', 'a.ip_address'])
      .where('m.security_group_id', 'in', some)
      .execute()
    for (const { security_group_id, ip_address } of addresses) found.get(security_group_id)!.add(ip_address)
    const pairs = await db
      .selectFrom('network_port_security_groups as m')
      .innerJoin('network_ports as p', 'p.id', 'm.port_id')
      .select(['m.security_group_id', 'p.allowed_address_pairs_json'])
      .where('m.security_group_id', 'in', some)
      .where('p.allowed_address_pairs_json', '!=', '[]')
      .execute()
    for (const { security_group_id, allowed_address_pairs_json } of pairs)
      for (const { ip_address } of parsed<AddressPair[]>(allowed_address_pairs_json))
        found.get(security_group_id)!.add(ip_address)
  }
  return new Map([...found].map(([id, addresses]) => [id, [...addresses].sort()]))
}

/** Of these groups, those that ports bound to the host are in, and those that the rules of such groups name. */
export async function groupsOnHost(
  network: Network,
  host: string,
  ids: readonly string[],
): Promise<{ own: Set<string>; remote: Set<string> }> {
  const own = new Set<string>()
  const remote = new Set<string>()
  for (const some of chunks(ids)) {
    const bound = sql<SqlBool>`m.port_id in (select p.id from network_ports p where p.host = ${host})`
    const db = tables(network)
    const direct = db.selectFrom('network_port_security_groups as m').select('m.security_group_id as id').distinct()
    for (const { id } of await direct.where('m.security_group_id', 'in', some).where(bound).execute()) own.add(id)
    const named = db
      .selectFrom('network_security_group_rules as r')
      .innerJoin('network_port_security_groups as m', 'm.security_group_id', 'r.security_group_id')
      .select('r.remote_group_id as id')
      .distinct()
    for (const { id } of await named.where('r.remote_group_id', 'in', some).where(bound).execute()) remote.add(id!)
  }
  return { own, remote }
}
