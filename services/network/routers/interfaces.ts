// add_router_interface and remove_router_interface: a router's legs into networks of guests.
import type { Call } from '@kilonova/api/route'
import { holds, overlap, parseAddress, parseCidr } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { getNetwork, mayUse } from '../networks/rows.ts'
import { ownBinding } from '../ports/binding.ts'
import { insertPort, removePort } from '../ports/insert.ts'
import { fixedIpsOf, getPort } from '../ports/rows.ts'
import { checkQuota } from '../quota.ts'
import type { PortRow, RouterRow, SubnetRow } from '../schema/tables.ts'
import { changed, parsed } from '../standard.ts'
import { getSubnet } from '../subnets/rows.ts'
import { tagsOf } from '../tags.ts'
import { overlapping } from './gateway.ts'
import type { Leg } from './rows.ts'
import { addressesOf, getRouter } from './rows.ts'
import type { ExtraRoute, RouterInterface } from './schema.ts'

const OWNER = 'network:router_interface'

/** Runs a change of a router's legs alone, then raises its revision and answers as both actions do. */
async function onRouter(
  network: Network,
  call: Call,
  rule: 'add_router_interface' | 'remove_router_interface',
  work: (router: RouterRow) => Promise<{ port: PortRow; subnetIds: string[] }>,
): Promise<object> {
  const id = call.params['id']!
  const { router, port, subnetIds } = await network.store.transaction(async () => {
    await network.store.lock(`router ${id}`)
    const row = await getRouter(network, call.context, id)
    call.require(rule, { projectId: row.project_id })
    const done = await work(row)
    await tables(network).updateTable('network_routers').set(changed(network, row)).where('id', '=', id).execute()
    await network.changes.touch({ networks: [done.port.network_id], routers: [id] })
    return { router: row, ...done }
  })
  return {
    id,
    tenant_id: router.project_id,
    project_id: router.project_id,
    port_id: port.id,
    network_id: port.network_id,
    subnet_id: subnetIds[0],
    subnet_ids: subnetIds,
    tags: (await tagsOf(network, [id])).get(id),
  }
}

function oneOf({ subnet_id, port_id }: RouterInterface): void {
  if (subnet_id === undefined && port_id === undefined) {
    throw fault('BadRouterRequest', { message: 'Either subnet_id or port_id must be specified' })
  }
}

export function addInterface(network: Network, call: Call, asked: RouterInterface): Promise<object> {
  oneOf(asked)
  if (asked.subnet_id !== undefined && asked.port_id !== undefined) {
    throw fault('BadRouterRequest', { message: 'Cannot specify both subnet-id and port-id' })
  }
  return onRouter(network, call, 'add_router_interface', (router) =>
    asked.port_id === undefined
      ? addSubnet(network, call, router, asked.subnet_id!)
      : addPort(network, call, router, asked.port_id),
  )
}

async function addSubnet(network: Network, call: Call, router: RouterRow, subnetId: string) {
  const subnet = await getSubnet(network, call.context, subnetId)
  const on = await getNetwork(network, call.context, subnet.network_id)
  if (!call.context.isAdmin && !(await mayUse(network, call.context, on))) {
    throw fault('BadRouterRequest', { message: `Subnet ${subnetId} is on a network that is not the caller's to use` })
  }
  if (subnet.gateway_ip === null) {
    throw fault('BadRouterRequest', { message: 'Subnet for router interface must have a gateway IP' })
  }
  await refuseOverlap(network, router, [subnet])
  await checkQuota(network, router.project_id, 'port')
  const { row } = await insertPort(network, on, {
    projectId: router.project_id,
    device_id: router.id,
    device_owner: OWNER,
    ...(await ownBinding(network)),
    fixedIps: [{ subnet_id: subnet.id, ip_address: subnet.gateway_ip }],
  })
  return { port: row, subnetIds: [subnet.id] }
}

async function addPort(network: Network, call: Call, router: RouterRow, portId: string) {
  await network.store.lock(`port ${portId}`)
  const port = await getPort(network, call.context, portId)
  call.require('update_port', { projectId: port.project_id })
  if (port.device_id !== '')
    throw fault('PortInUse', { id: portId, networkId: port.network_id, deviceId: port.device_id })
  const ips = (await fixedIpsOf(network, [portId])).get(portId)!
  if (ips.length === 0) throw fault('BadRouterRequest', { message: 'Router port must have at least one fixed IP' })
  const subnets = await Promise.all(ips.map(({ subnet_id }) => getSubnet(network, call.context, subnet_id)))
  if (subnets.filter(({ ip_version }) => ip_version === 4).length > 1) {
    throw fault('BadRouterRequest', { message: 'Cannot have multiple IPv4 subnets on router port' })
  }
  await refuseOverlap(network, router, subnets)
  const binding = await ownBinding(network)
  const own = { device_id: router.id, device_owner: OWNER, port_security_enabled: 0 as const, ...binding }
  const db = tables(network)
  await db.deleteFrom('network_port_security_groups').where('port_id', '=', portId).execute()
  await db
    .updateTable('network_ports')
    .set({ ...changed(network, port), ...own, allowed_address_pairs_json: '[]' })
    .where('id', '=', portId)
    .execute()
  await network.changes.touch({ ports: [portId] })
  return { port, subnetIds: subnets.map(({ id }) => id) }
}

async function refuseOverlap(network: Network, router: RouterRow, subnets: readonly SubnetRow[]): Promise<void> {
  for (const { subnet } of await addressesOf(network, router.id)) {
    for (const one of subnets) {
      if (one.id === subnet.id) {
        throw fault('BadRouterRequest', { message: `Router already has a port on subnet ${one.id}` })
      }
      if (overlap(parseCidr(one.cidr)!, parseCidr(subnet.cidr)!)) throw overlapping(one, subnet)
    }
  }
}

export function removeInterface(network: Network, call: Call, asked: RouterInterface): Promise<object> {
  oneOf(asked)
  return onRouter(network, call, 'remove_router_interface', async (router) => {
    const legs = (await addressesOf(network, router.id)).filter(({ port }) => port.device_owner === OWNER)
    const { port } = legFor(router, legs, asked)
    const going = legs.filter((leg) => leg.port.id === port.id)
    for (const leg of going) await refuseUsed(network, router, leg)
    await removePort(network, port)
    return { port, subnetIds: going.map(({ subnet }) => subnet.id) }
  })
}

function legFor({ id }: RouterRow, legs: readonly Leg[], { subnet_id, port_id }: RouterInterface): Leg {
  if (port_id !== undefined) {
    const leg = legs.find(({ port }) => port.id === port_id)
    if (!leg) throw fault('RouterInterfaceNotFound', { id, portId: port_id })
    const isOther =
      subnet_id !== undefined && !legs.some((one) => one.port.id === port_id && one.subnet.id === subnet_id)
    if (isOther) throw fault('SubnetMismatchForPort', { portId: port_id, subnetId: subnet_id! })
    return leg
  }
  const leg = legs.find(({ subnet }) => subnet.id === subnet_id)
  if (!leg) throw fault('RouterInterfaceNotFoundForSubnet', { id, subnetId: subnet_id! })
  return leg
}

async function refuseUsed(network: Network, router: RouterRow, { subnet }: Leg): Promise<void> {
  const used = await tables(network)
    .selectFrom('network_floating_ips as f')
    .innerJoin('network_ip_allocations as a', (join) =>
      join.onRef('a.port_id', '=', 'f.fixed_port_id').onRef('a.ip_address', '=', 'f.fixed_ip_address'),
    )
    .select('f.id')
    .where('f.router_id', '=', router.id)
    .where('a.subnet_id', '=', subnet.id)
    .limit(1)
    .execute()
  if (used.length > 0) throw fault('RouterInterfaceInUseByFloatingIP', { id: router.id, subnetId: subnet.id })
  const cidr = parseCidr(subnet.cidr)!
  const needed = parsed<ExtraRoute[]>(router.routes_json).some(({ nexthop }) => holds(cidr, parseAddress(nexthop)!))
  if (needed) throw fault('RouterInterfaceInUseByRoute', { id: router.id, subnetId: subnet.id })
}
