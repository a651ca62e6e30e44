// A router's leg into an external network.
import type { Call } from '@kilonova/api/route'
import { overlap, parseCidr } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { getNetwork, subnetsOf } from '../networks/rows.ts'
import { ownBinding } from '../ports/binding.ts'
import { insertPort, removePort } from '../ports/insert.ts'
import { findPort } from '../ports/rows.ts'
import type { NetworkRow, RouterRow } from '../schema/tables.ts'
import { flag } from '../standard.ts'
import { addressesOf } from './rows.ts'
import type { GatewayInfo } from './schema.ts'

type Rule = 'create_router' | 'update_router'

/** Refuses what only admins may say of a gateway. */
export function checkGatewayRights(call: Call, rule: Rule, info: GatewayInfo | null | undefined): void {
  if (info?.enable_snat !== undefined) call.require(`${rule}:external_gateway_info:enable_snat`)
  if (info?.external_fixed_ips !== undefined) call.require(`${rule}:external_gateway_info:external_fixed_ips`)
}

/** Brings the gateway to what the info says; null and no network take it away. Inside a transaction. */
export async function setGateway(
  network: Network,
  call: Pick<Call, 'context'>,
  router: RouterRow,
  info: GatewayInfo | null,
): Promise<RouterRow> {
  const networkId = info?.network_id
  if (info && networkId === undefined && Object.keys(info).length > 0) {
    throw fault('InvalidAttribute', { name: 'external_gateway_info', reason: 'It names no network_id' })
  }
  if (!info || networkId === undefined) return clearGateway(network, router)
  const on = await getNetwork(network, call.context, networkId)
  if (on.is_external === 0) throw notExternal(networkId)
  const enable_snat = flag(info.enable_snat ?? true)
  const isSame = router.gateway_network_id === networkId && info.external_fixed_ips === undefined
  if (isSame) return store(network, router, { enable_snat })
  const cleared = await clearGateway(network, router)
  await refuseOverlap(network, router, on)
  const { row } = await insertPort(network, on, {
    projectId: '',
    device_id: router.id,
    device_owner: 'network:router_gateway',
    ...(await ownBinding(network)),
    fixedIps: info.external_fixed_ips,
  })
  await network.changes.touch({ networks: [on.id] })
  return store(network, cleared, { gateway_network_id: networkId, gateway_port_id: row.id, enable_snat })
}

function notExternal(id: string): Error {
  return fault('BadRouterRequest', { message: `Network ${id} is not an external network` })
}

async function refuseOverlap(network: Network, router: RouterRow, on: NetworkRow): Promise<void> {
  const outside = await subnetsOf(network, [on.id])
  for (const { subnet } of await addressesOf(network, router.id)) {
    const other = outside.find(({ cidr }) => overlap(parseCidr(cidr)!, parseCidr(subnet.cidr)!))
    if (other) throw overlapping(subnet, other)
  }
}

interface Named {
  id: string
  cidr: string
}

export function overlapping(one: Named, other: Named): Error {
  const message = `Cidr ${one.cidr} of subnet ${one.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`
  return fault('BadRouterRequest', { message })
}

async function clearGateway(network: Network, router: RouterRow): Promise<RouterRow> {
  const { id, gateway_network_id, gateway_port_id } = router
  if (gateway_network_id === null) return router
  const floating = await tables(network)
    .selectFrom('network_floating_ips')
    .select('id')
    .where('router_id', '=', id)
    .limit(1)
    .execute()
  if (floating.length > 0) {
    throw fault('RouterExternalGatewayInUseByFloatingIp', { id, networkId: gateway_network_id })
  }
  const cleared = await store(network, router, { gateway_network_id: null, gateway_port_id: null })
  const port = gateway_port_id === null ? undefined : await findPort(network, gateway_port_id)
  if (port) await removePort(network, port)
  await network.changes.touch({ networks: [gateway_network_id] })
  return cleared
}

async function store(network: Network, router: RouterRow, change: Partial<RouterRow>): Promise<RouterRow> {
  await tables(network).updateTable('network_routers').set(change).where('id', '=', router.id).execute()
  return { ...router, ...change }
}
