// Networks made, changed and removed.
import type { Call } from '@kilonova/api/route'
import { LEAST_IPV6_MTU } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { isReferenceFault, tables } from '../network.ts'
import { checkQuota } from '../quota.ts'
import type { NetworkRow } from '../schema/tables.ts'
import { changed, checkRevision, flag, newStandard, ownerOf } from '../standard.ts'
import { removeTags } from '../tags.ts'
import { getNetwork, subnetsOf } from './rows.ts'
import type { NetworkChange, NewNetwork } from './schema.ts'

const PRIVILEGED = ['shared', 'router:external'] as const

/** Makes all of them or none. */
export function createNetworks(network: Network, call: Call, items: readonly NewNetwork[]): Promise<NetworkRow[]> {
  return network.store.transaction(async () => {
    const rows: NetworkRow[] = []
    for (const item of items) {
      checkRights(call, 'create_network', item)
      const projectId = ownerOf(call.context, item)
      await checkQuota(network, projectId, 'network')
      rows.push(await insertNetwork(network, projectId, item))
    }
    return rows
  })
}

export async function insertNetwork(network: Network, projectId: string, item: NewNetwork): Promise<NetworkRow> {
  const row: NetworkRow = {
    ...newStandard(network, projectId, item),
    name: item.name ?? '',
    admin_state_up: flag(item.admin_state_up ?? true),
    shared: flag(item.shared ?? false),
    is_external: flag(item['router:external'] ?? false),
    mtu: mtuOf(network, item.mtu),
    port_security_enabled: flag(item.port_security_enabled ?? true),
  }
  await tables(network).insertInto('network_networks').values(row).execute()
  return row
}

/** None and 0 mean the largest. */
function mtuOf({ options }: Network, asked = 0): number {
  const most = options.global_physnet_mtu
  if (asked === 0) return most
  const LEAST = 68
  if (asked > most) throw fault('InvalidInput', { message: `Requested MTU is too big, maximum is ${most}` })
  if (asked < LEAST) throw fault('InvalidInput', { message: `Requested MTU is too small, minimum is ${LEAST}` })
  return asked
}

/** IPv6 does not work below its least MTU. */
async function mtuFor(network: Network, id: string, asked: number): Promise<number> {
  const mtu = mtuOf(network, asked)
  if (mtu >= LEAST_IPV6_MTU) return mtu
  const subnets = await subnetsOf(network, [id])
  if (subnets.some(({ ip_version }) => ip_version === 6)) {
    throw fault('NetworkMTUSubnetConflict', { id, least: LEAST_IPV6_MTU })
  }
  return mtu
}

function checkRights(call: Call, rule: 'create_network' | 'update_network', item: NetworkChange): void {
  // What a new network would be without being asked for is everybody's.
  const asksFor = (value: boolean | undefined): boolean => value !== undefined && (value || rule !== 'create_network')
  for (const name of PRIVILEGED) if (asksFor(item[name])) call.require(`${rule}:${name}`)
  const type = item['provider:network_type']
  const physical = item['provider:physical_network']
  const segment = item['provider:segmentation_id']
  if (type === undefined && physical === undefined && segment === undefined) return
  call.require(`${rule}:provider`)
  const isLocal = (type ?? 'local') === 'local' && (physical ?? null) === null && (segment ?? null) === null
  if (!isLocal) {
    throw fault('InvalidInput', {
      message: "networks of this cloud are of provider:network_type 'local', without physical network or segment",
    })
  }
}

export function updateNetwork(network: Network, call: Call, item: NetworkChange): Promise<NetworkRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`network ${id}`)
    const row = await getNetwork(network, call.context, id)
    call.require('update_network', { projectId: row.project_id })
    checkRights(call, 'update_network', item)
    checkRevision(call.headers, row)
    if (item.shared === false && row.shared === 1) await refuseForeignPorts(network, row)
    if (item['router:external'] === false && row.is_external === 1) await refuseGateways(network, row)
    const change = {
      ...changed(network, row),
      ...(item.name === undefined ? {} : { name: item.name }),
      ...(item.description === undefined ? {} : { description: item.description }),
      ...(item.admin_state_up === undefined ? {} : { admin_state_up: flag(item.admin_state_up) }),
      ...(item.shared === undefined ? {} : { shared: flag(item.shared) }),
      ...(item['router:external'] === undefined ? {} : { is_external: flag(item['router:external']) }),
      ...(item.mtu === undefined ? {} : { mtu: await mtuFor(network, id, item.mtu) }),
      ...(item.port_security_enabled === undefined ? {} : { port_security_enabled: flag(item.port_security_enabled) }),
    }
    await tables(network).updateTable('network_networks').set(change).where('id', '=', id).execute()
    await network.changes.touch({ networks: [id] })
    return { ...row, ...change }
  })
}

async function refuseForeignPorts(network: Network, { id, project_id }: NetworkRow): Promise<void> {
  const foreign = await tables(network)
    .selectFrom('network_ports')
    .select('id')
    .where('network_id', '=', id)
    .where('project_id', 'not in', [project_id, ''])
    .limit(1)
    .execute()
  if (foreign.length > 0) throw fault('InvalidSharedSetting', { id })
}

async function refuseGateways(network: Network, { id }: NetworkRow): Promise<void> {
  const gateways = await tables(network)
    .selectFrom('network_ports')
    .select('id')
    .where('network_id', '=', id)
    .where('device_owner', 'in', ['network:router_gateway', 'network:floatingip'])
    .limit(1)
    .execute()
  if (gateways.length > 0) throw fault('ExternalNetworkInUse', { id })
}

/** The network goes with its subnets and its DHCP port; any other port keeps it. */
export async function deleteNetwork(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  try {
    await network.store.transaction(async () => {
      await network.store.lock(`network ${id}`)
      const row = await getNetwork(network, call.context, id)
      call.require('delete_network', { projectId: row.project_id })
      checkRevision(call.headers, row)
      await refusePorts(network, id)
      const db = tables(network)
      const gone = await db.selectFrom('network_subnets').select('id').where('network_id', '=', id).execute()
      const ports = await db.deleteFrom('network_ports').where('network_id', '=', id).returning('id').execute()
      await db.deleteFrom('network_subnets').where('network_id', '=', id).execute()
      await db.deleteFrom('network_networks').where('id', '=', id).execute()
      for (const thing of [...gone, ...ports, { id }]) await removeTags(network, thing.id)
      await network.changes.touch({ networks: [id] })
    })
  } catch (error) {
    if (isReferenceFault(error)) throw inUse(id, error)
    throw error
  }
}

async function refusePorts(network: Network, id: string): Promise<void> {
  const rows = await tables(network)
    .selectFrom('network_ports')
    .select('id')
    .where('network_id', '=', id)
    .where('device_owner', '!=', 'network:dhcp')
    .orderBy('id')
    .execute()
  if (rows.length > 0) throw inUse(id, undefined, rows.map((row) => row.id).join(','))
}

function inUse(id: string, cause?: unknown, portIds?: string): Error {
  const named = portIds === undefined ? '' : `, id for these ports is: ${portIds}`
  const why = `There are one or more ports still in use on the network${named}.`
  return fault('NetworkInUse', { id, why }, cause)
}
