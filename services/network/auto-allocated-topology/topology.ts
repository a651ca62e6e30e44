// Get me a network: a project's own network with a subnet, behind a router to the outside. Made once, when asked for.
import type { Call } from '@kilonova/api/route'
import { adminContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { getNetwork, subnetsOf } from '../networks/rows.ts'
import { deleteNetwork, insertNetwork } from '../networks/write.ts'
import { ownBinding } from '../ports/binding.ts'
import { insertPort } from '../ports/insert.ts'
import { checkQuota } from '../quota.ts'
import { setGateway } from '../routers/gateway.ts'
import { removeInterface } from '../routers/interfaces.ts'
import { addressesOf } from '../routers/rows.ts'
import { deleteRouter, insertRouter } from '../routers/write.ts'
import type { AutoAllocatedTopologyRow, NetworkRow } from '../schema/tables.ts'
import { insertSubnet } from '../subnets/write.ts'

export function findTopology(network: Network, projectId: string): Promise<AutoAllocatedTopologyRow | undefined> {
  return tables(network)
    .selectFrom('network_auto_allocated_topologies')
    .selectAll()
    .where('project_id', '=', projectId)
    .executeTakeFirst()
}

/** The oldest network to the outside. Throws AutoAllocationFailure where there is none. */
export async function outsideNetwork(network: Network): Promise<NetworkRow> {
  const row = await tables(network)
    .selectFrom('network_networks')
    .selectAll()
    .where('is_external', '=', 1)
    .orderBy('created_at')
    .orderBy('id')
    .executeTakeFirst()
  if (!row) throw fault('AutoAllocationFailure', { why: 'No default router:external network' })
  return row
}

/** Answers the network. May be repeated, and asked for by many at once: a project has one. */
export function provideTopology(network: Network, projectId: string): Promise<string> {
  return network.store.transaction(async () => {
    await network.store.lock(`auto-allocated topology ${projectId}`)
    const known = await findTopology(network, projectId)
    return known ? known.network_id : makeTopology(network, projectId)
  })
}

async function makeTopology(network: Network, projectId: string): Promise<string> {
  const outside = await outsideNetwork(network)
  for (const name of ['network', 'subnet', 'router', 'port'] as const) await checkQuota(network, projectId, name)
  const inside = await insertNetwork(network, projectId, { name: 'auto_allocated_network' })
  const subnet = await insertSubnet(network, inside, projectId, {
    name: 'auto_allocated_subnet_v4',
    network_id: inside.id,
    ip_version: 4,
    cidr: network.options.auto_allocated_cidr,
  })
  const router = await insertRouter(network, projectId, { name: 'auto_allocated_router' })
  await setGateway(network, { context: adminContext() }, router, { network_id: outside.id })
  await insertPort(network, inside, {
    projectId,
    device_id: router.id,
    device_owner: 'network:router_interface',
    ...(await ownBinding(network)),
    fixedIps: [{ subnet_id: subnet.id, ip_address: subnet.gateway_ip! }],
  })
  const row = { project_id: projectId, network_id: inside.id, router_id: router.id }
  await tables(network).insertInto('network_auto_allocated_topologies').values(row).execute()
  await network.changes.touch({ networks: [inside.id, outside.id], routers: [router.id] })
  return inside.id
}

/** All of it, or nothing while something uses it. No error when there is none. */
export function removeTopology(network: Network, call: Call, projectId: string): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`auto-allocated topology ${projectId}`)
    const known = await findTopology(network, projectId)
    if (!known) return
    const of = (id: string): Call => ({ ...call, params: { id } })
    if (known.router_id !== null) await removeRouter(network, of(known.router_id), known)
    await getNetwork(network, call.context, known.network_id)
    await deleteNetwork(network, of(known.network_id))
  })
}

async function removeRouter(network: Network, call: Call, { network_id, router_id }: AutoAllocatedTopologyRow) {
  const own = (await subnetsOf(network, [network_id])).map(({ id }) => id)
  const legs = (await addressesOf(network, router_id!)).filter(({ subnet }) => own.includes(subnet.id))
  for (const { subnet } of legs) await removeInterface(network, call, { subnet_id: subnet.id })
  await deleteRouter(network, call)
}
