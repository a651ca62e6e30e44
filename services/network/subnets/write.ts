// Subnets made, changed and removed.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { formatCidr, LEAST_IPV6_MTU, overlap, parseCidr } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { isReferenceFault, tables } from '../network.ts'
import { getNetwork, subnetsOf } from '../networks/rows.ts'
import { chooseAddresses, takeChosen } from '../ports/allocate.ts'
import { syncDhcpPort } from '../ports/dhcp-port.ts'
import { fixedIpsOf, portsById } from '../ports/rows.ts'
import type { Pool } from '../ports/subnet-parts.ts'
import { isAutomatic } from '../ports/subnet-parts.ts'
import { checkQuota } from '../quota.ts'
import type { NetworkRow, SubnetRow } from '../schema/tables.ts'
import { changed, checkRevision, flag, newStandard, ownerOf, parsed } from '../standard.ts'
import { removeTags } from '../tags.ts'
import { checkDhcp, cidrOf, gatewayOf, hostRoutesOf, modesOf, nameserversOf, poolsOf } from './check.ts'
import { getSubnet } from './rows.ts'
import type { NewSubnet, SubnetChange } from './schema.ts'

/** Makes all of them or none. */
export function createSubnets(network: Network, call: Call, items: readonly NewSubnet[]): Promise<SubnetRow[]> {
  return network.store.transaction(async () => {
    const rows: SubnetRow[] = []
    for (const item of items) {
      await network.store.lock(`network ${item.network_id}`)
      const on = await getNetwork(network, call.context, item.network_id)
      call.require('create_subnet', { projectId: on.project_id })
      const projectId = ownerOf(call.context, item)
      await checkQuota(network, projectId, 'subnet')
      rows.push(await insertSubnet(network, on, projectId, item))
    }
    for (const id of new Set(rows.map(({ network_id }) => network_id))) await touchNetwork(network, id)
    return rows
  })
}

/** Inside a transaction that holds the network's lock. The caller tells the hosts. */
export async function insertSubnet(
  network: Network,
  on: NetworkRow,
  projectId: string,
  item: NewSubnet,
): Promise<SubnetRow> {
  const cidr = cidrOf(item)
  await refuseOverlap(network, on, item)
  const hasDhcp = item.enable_dhcp ?? true
  checkDhcp(cidr, hasDhcp)
  const gateway_ip = gatewayOf(cidr, item.gateway_ip)
  if (cidr.version === 6 && on.mtu < LEAST_IPV6_MTU) {
    throw fault('NetworkMTUSubnetConflict', { id: on.id, least: LEAST_IPV6_MTU })
  }
  const standard = newStandard(network, projectId, item)
  const lists = { id: standard.id, version: cidr.version }
  const row: SubnetRow = {
    ...standard,
    ...modesOf(item, cidr, hasDhcp),
    network_id: on.id,
    name: item.name ?? '',
    ip_version: cidr.version,
    cidr: formatCidr(cidr),
    gateway_ip,
    enable_dhcp: flag(hasDhcp),
    allocation_pools_json: JSON.stringify(poolsOf(cidr, gateway_ip, item.allocation_pools)),
    dns_nameservers_json: JSON.stringify(nameserversOf(network, lists, item.dns_nameservers ?? [])),
    host_routes_json: JSON.stringify(hostRoutesOf(network, lists, item.host_routes ?? [])),
  }
  await tables(network).insertInto('network_subnets').values(row).execute()
  await syncDhcpPort(network, on)
  if (isAutomatic(row)) await addressPorts(network, row)
  return row
}

async function refuseOverlap(network: Network, on: NetworkRow, item: NewSubnet): Promise<void> {
  const cidr = cidrOf(item)
  const others = await subnetsOf(network, [on.id])
  const other = others.find((row) => overlap(cidr, parseCidr(row.cidr)!))
  if (!other) return
  const message = `Requested subnet with cidr: ${item.cidr} for network: ${on.id} overlaps with another subnet ${other.cidr}`
  throw fault('InvalidInput', { message })
}

/** Hosts make an address of a prefix that they are told of: ports that are there get theirs. */
async function addressPorts(network: Network, row: SubnetRow): Promise<void> {
  const query = tables(network).selectFrom('network_ports').select('id').where('network_id', '=', row.network_id)
  const ids = await query.where('device_owner', 'not like', 'network:%').execute()
  const ports = await portsById(
    network,
    ids.map(({ id }) => id),
  )
  const fixedIps = await fixedIpsOf(
    network,
    ports.map(({ id }) => id),
  )
  for (const port of ports) {
    const has = fixedIps.get(port.id)!
    if (has.length === 0) continue
    await takeChosen(network, port, chooseAddresses(network, port, [row], [{ subnet_id: row.id }]), has.length)
  }
}

/** Its hosts need to know all of it: DHCP serves every port of the network. */
async function touchNetwork(network: Network, id: string): Promise<void> {
  const ports = await tables(network).selectFrom('network_ports').select('id').where('network_id', '=', id).execute()
  await tables(network)
    .updateTable('network_networks')
    .set((eb) => ({ revision_number: eb('revision_number', '+', 1), updated_at: network.clock.now() }))
    .where('id', '=', id)
    .execute()
  await network.changes.touch({ networks: [id], ports: ports.map((port) => port.id) })
}

async function lockedSubnet(network: Network, context: RequestContext, id: string): Promise<SubnetRow> {
  const { network_id } = await getSubnet(network, context, id)
  await network.store.lock(`network ${network_id}`)
  return getSubnet(network, context, id)
}

export function updateSubnet(network: Network, call: Call, asked: SubnetChange): Promise<SubnetRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    const row = await lockedSubnet(network, call.context, id)
    call.require('update_subnet', { projectId: row.project_id })
    checkRevision(call.headers, row)
    const change = await changeOf(network, row, asked)
    await tables(network).updateTable('network_subnets').set(change).where('id', '=', id).execute()
    const on = await getNetwork(network, { ...call.context, isAdmin: true }, row.network_id)
    await syncDhcpPort(network, on)
    await touchNetwork(network, row.network_id)
    return { ...row, ...change }
  })
}

async function changeOf(network: Network, row: SubnetRow, asked: SubnetChange) {
  const cidr = parseCidr(row.cidr)!
  const gateway_ip = asked.gateway_ip === undefined ? row.gateway_ip : gatewayOf(cidr, asked.gateway_ip)
  if (gateway_ip !== row.gateway_ip) await refuseUsedGateway(network, row)
  const hasDhcp = asked.enable_dhcp ?? row.enable_dhcp === 1
  checkDhcp(cidr, hasDhcp)
  if (!hasDhcp && (row.ipv6_address_mode !== null || row.ipv6_ra_mode !== null)) {
    const message = 'Cannot disable enable_dhcp with ipv6 attributes set'
    throw fault('InvalidInput', { message })
  }
  const pools = asked.allocation_pools ?? parsed<Pool[]>(row.allocation_pools_json)
  const { dns_nameservers, host_routes } = asked
  const lists = { id: row.id, version: cidr.version }
  return {
    ...changed(network, row),
    name: asked.name ?? row.name,
    description: asked.description ?? row.description,
    gateway_ip,
    enable_dhcp: flag(hasDhcp),
    allocation_pools_json: JSON.stringify(poolsOf(cidr, gateway_ip, pools)),
    dns_nameservers_json:
      dns_nameservers === undefined
        ? row.dns_nameservers_json
        : JSON.stringify(nameserversOf(network, lists, dns_nameservers ?? [])),
    host_routes_json:
      host_routes === undefined
        ? row.host_routes_json
        : JSON.stringify(hostRoutesOf(network, lists, host_routes ?? [])),
  }
}

async function refuseUsedGateway(network: Network, row: SubnetRow): Promise<void> {
  if (row.gateway_ip === null) return
  const used = await tables(network)
    .selectFrom('network_ip_allocations as a')
    .innerJoin('network_ports as p', 'p.id', 'a.port_id')
    .select('p.id')
    .where('a.subnet_id', '=', row.id)
    .where('a.ip_address', '=', row.gateway_ip)
    .where('p.device_owner', '=', 'network:router_interface')
    .executeTakeFirst()
  if (used) throw fault('GatewayIpInUse', { address: row.gateway_ip, portId: used.id })
}

/** Addresses that hosts made themselves, and the DHCP server's, go with the subnet; any other keeps it. */
export async function deleteSubnet(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  try {
    await network.store.transaction(async () => {
      const row = await lockedSubnet(network, call.context, id)
      call.require('delete_subnet', { projectId: row.project_id })
      checkRevision(call.headers, row)
      await freeAddresses(network, row)
      await tables(network).deleteFrom('network_subnets').where('id', '=', id).execute()
      await removeTags(network, id)
      await syncDhcpPort(network, await getNetwork(network, { ...call.context, isAdmin: true }, row.network_id))
      await touchNetwork(network, row.network_id)
    })
  } catch (error) {
    if (isReferenceFault(error)) throw inUse(id, error)
    throw error
  }
}

async function freeAddresses(network: Network, row: SubnetRow): Promise<void> {
  const going = isAutomatic(row)
    ? sql<SqlBool>`device_owner not like 'network:router%'`
    : sql<SqlBool>`device_owner = 'network:dhcp'`
  const ports = tables(network).selectFrom('network_ports').select('id').where('network_id', '=', row.network_id)
  await tables(network)
    .deleteFrom('network_ip_allocations')
    .where('subnet_id', '=', row.id)
    .where('port_id', 'in', ports.where(going))
    .execute()
}

function inUse(id: string, cause: unknown): Error {
  return fault('SubnetInUse', { id, why: 'One or more ports have an IP allocation from this subnet' }, cause)
}
