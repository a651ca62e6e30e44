// PUT and DELETE of a port.
import { isDeepStrictEqual } from 'node:util'
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { subnetsOf } from '../networks/rows.ts'
import type { PortRow } from '../schema/tables.ts'
import { changed, checkRevision, flag } from '../standard.ts'
import type { FixedIp, WantedIp } from './allocate.ts'
import { chooseAddresses, requireSubnets, takeChosen, withAutomatic } from './allocate.ts'
import type { Binding } from './binding.ts'
import { bindingTo, UNBOUND } from './binding.ts'
import { checkRights, checkSecurity, dhcpOptionsOf, macOf, pairsOf } from './check.ts'
import { checkedGroups } from './create.ts'
import { joinGroups, removePort } from './insert.ts'
import { fixedIpsOf, getPort, groupsOf } from './rows.ts'
import type { PortChange } from './schema.ts'
import { isAutomatic } from './subnet-parts.ts'

export function updatePort(network: Network, call: Call, asked: PortChange): Promise<PortRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`port ${id}`)
    const row = await getPort(network, call.context, id)
    call.require('update_port', { projectId: row.project_id })
    checkRights(call, 'update_port', await networkOf(network, row), asked)
    checkRevision(call.headers, row)
    return changePort(network, call, row, asked)
  })
}

async function networkOf(network: Network, { network_id }: PortRow): Promise<{ project_id: string }> {
  const query = tables(network).selectFrom('network_networks').select('project_id').where('id', '=', network_id)
  return query.executeTakeFirstOrThrow()
}

async function changePort(network: Network, call: Call, row: PortRow, asked: PortChange): Promise<PortRow> {
  const change = await columnsOf(network, row, asked)
  const before = await partsOf(network, row.id)
  const hasOtherMac = change.mac_address !== row.mac_address
  if (hasOtherMac) await changeMac(network, row, change.mac_address)
  const moved = { ...row, ...change }
  const wanted = asked.fixed_ips ?? (hasOtherMac ? before.fixedIps : undefined)
  const fixedIps = wanted ? await changeAddresses(network, moved, before.fixedIps, wanted) : before.fixedIps
  const groups =
    asked.security_groups === undefined
      ? before.groups
      : await checkedGroups(network, call.context, row.project_id, asked.security_groups ?? [])
  if (groups !== before.groups) await changeGroups(network, row.id, groups)
  checkSecurity({ port: moved, groups, hasAddress: fixedIps.length > 0 }, asked.security_groups === undefined)
  await tables(network).updateTable('network_ports').set(change).where('id', '=', row.id).execute()
  const isTold = !isDeepStrictEqual(fixedIps, before.fixedIps) || !isDeepStrictEqual(groups, before.groups)
  if (isTold) network.changes.tellCompute('network-changed', moved)
  const everyGroup = [...new Set([...before.groups, ...groups])]
  await network.changes.touch({
    ports: [row.id],
    securityGroups: everyGroup,
    left: [{ host: row.host, networkId: row.network_id, securityGroupIds: everyGroup }],
  })
  return moved
}

async function columnsOf(network: Network, row: PortRow, asked: PortChange) {
  const mac_address = asked.mac_address ? macOf(asked.mac_address) : row.mac_address
  if (mac_address !== row.mac_address && row.host !== null) {
    throw fault('PortBound', { id: row.id, vifType: row.vif_type, before: row.mac_address, after: mac_address })
  }
  const { name, description, device_id, device_owner, admin_state_up, port_security_enabled } = asked
  const pairs = asked.allowed_address_pairs
  return {
    ...changed(network, row),
    ...(await newBinding(network, row, asked['binding:host_id'])),
    mac_address,
    name: name ?? row.name,
    description: description ?? row.description,
    device_id: device_id ?? row.device_id,
    device_owner: device_owner ?? row.device_owner,
    admin_state_up: admin_state_up === undefined ? row.admin_state_up : flag(admin_state_up),
    port_security_enabled:
      port_security_enabled === undefined ? row.port_security_enabled : flag(port_security_enabled),
    allowed_address_pairs_json:
      pairs === undefined ? row.allowed_address_pairs_json : JSON.stringify(pairsOf(network, mac_address, pairs)),
    extra_dhcp_opts_json: dhcpOptionsOf(asked.extra_dhcp_opts, row.extra_dhcp_opts_json),
    profile_json: profileOf(row, asked),
  }
}

function profileOf(row: PortRow, asked: PortChange): string {
  const profile = asked['binding:profile']
  return profile === undefined ? row.profile_json : JSON.stringify(profile ?? {})
}

async function newBinding(network: Network, row: PortRow, host: string | null | undefined): Promise<Binding> {
  const { vif_type, status, status_reason } = row
  const same = { host: row.host, vif_type, status, status_reason }
  if (host === undefined || (host === row.host && vif_type === 'bridge')) return same
  return host === null || host === '' ? UNBOUND : bindingTo(network, host)
}

async function partsOf(network: Network, id: string): Promise<{ fixedIps: FixedIp[]; groups: string[] }> {
  const fixedIps = await fixedIpsOf(network, [id])
  const groups = await groupsOf(network, [id])
  return { fixedIps: fixedIps.get(id)!, groups: groups.get(id)! }
}

async function changeMac(network: Network, row: PortRow, mac: string): Promise<void> {
  const query = tables(network).selectFrom('network_ports').select('id')
  const other = await query.where('network_id', '=', row.network_id).where('mac_address', '=', mac).executeTakeFirst()
  if (other) throw fault('MacAddressInUse', { id: row.network_id, mac })
}

/** Keeps what is asked for and there, frees the rest, takes what is new. Addresses that come of the MAC always stay. */
async function changeAddresses(
  network: Network,
  row: PortRow,
  before: readonly FixedIp[],
  asked: readonly WantedIp[],
): Promise<FixedIp[]> {
  const subnets = await subnetsOf(network, [row.network_id])
  await requireSubnets(network, subnets, asked)
  const left = [...before]
  const wanted = asked.map((one): WantedIp => {
    const index = left.findIndex((ip) => fits(ip, one))
    return index < 0 ? one : left.splice(index, 1)[0]!
  })
  await freeFloating(network, row, left)
  const db = tables(network)
  await db.deleteFrom('network_ip_allocations').where('port_id', '=', row.id).execute()
  if (before.length === 0 && wanted.length === 0) return []
  const automatic = subnets.filter(isAutomatic).map(({ id }) => id)
  const isMade = (one: WantedIp): boolean =>
    automatic.includes(one.subnet_id ?? '') && before.some(({ ip_address }) => ip_address === one.ip_address)
  const choices = chooseAddresses(
    network,
    row,
    subnets,
    wanted.filter((one) => !isMade(one)),
  )
  return takeChosen(network, row, withAutomatic(row, subnets, choices))
}

function fits(ip: FixedIp, { subnet_id, ip_address }: WantedIp): boolean {
  return (subnet_id ?? ip.subnet_id) === ip.subnet_id && (ip_address ?? ip.ip_address) === ip.ip_address
}

/** An address goes: the floating one that led to it leads nowhere. */
async function freeFloating(network: Network, row: PortRow, going: readonly FixedIp[]): Promise<void> {
  if (going.length === 0) return
  const addresses = going.map(({ ip_address }) => ip_address)
  const freed = await tables(network)
    .selectFrom('network_floating_ips')
    .select(['id', 'router_id'])
    .where('fixed_port_id', '=', row.id)
    .where('fixed_ip_address', 'in', addresses)
    .execute()
  if (freed.length === 0) return
  await tables(network)
    .updateTable('network_floating_ips')
    .set({ fixed_port_id: null, fixed_ip_address: null, router_id: null, status: 'DOWN' })
    .where(
      'id',
      'in',
      freed.map(({ id }) => id),
    )
    .execute()
  await network.changes.touch({ routers: freed.flatMap(({ router_id }) => router_id ?? []) })
}

async function changeGroups(network: Network, portId: string, groups: readonly string[]): Promise<void> {
  await tables(network).deleteFrom('network_port_security_groups').where('port_id', '=', portId).execute()
  await joinGroups(network, portId, groups)
}

/** Ports of routers, floating addresses and DHCP go with what they are for. */
export function deletePort(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`port ${id}`)
    const row = await getPort(network, call.context, id)
    call.require('delete_port', { projectId: row.project_id })
    checkRevision(call.headers, row)
    const isOwn = /^network:(router_|floatingip|dhcp)/.test(row.device_owner)
    if (isOwn) throw fault('ServicePortInUse', { id, owner: row.device_owner })
    await removePort(network, row)
  })
}
