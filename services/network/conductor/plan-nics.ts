// The networks, ports and groups that a server's create request names: checked, and settled NIC by NIC.
import type { RequestContext } from '@kilonova/base/context'
import { Fault, isFault } from '@kilonova/base/fault'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { canonical } from '../addresses.ts'
import { outsideNetwork } from '../auto-allocated-topology/topology.ts'
import type { PlannedNic, RequestedNetwork } from '../client.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { findNetworks, mayUse, subnetsOf, usableNetworks, visibleNetworks } from '../networks/rows.ts'
import { chooseAddresses } from '../ports/allocate.ts'
import { findPort, fixedIpsOf } from '../ports/rows.ts'
import { checkQuota } from '../quota.ts'
import type { NetworkRow } from '../schema/tables.ts'
import { defaultGroupOf } from '../security-groups/rows.ts'
import { fault } from './nic-faults.ts'

export async function planNics(
  network: Network,
  context: RequestContext,
  requested: readonly RequestedNetwork[] | 'auto' | 'none' | null,
  count: number,
): Promise<PlannedNic[]> {
  if (requested === 'none') return []
  const nics =
    requested === null || requested === 'auto' || requested.length === 0
      ? await onlyNetwork(network, context, requested === 'auto')
      : await asRequested(network, context, requested)
  const toMake = nics.filter(({ portId }) => portId === null).length * count
  await checkPortQuota(network, context, toMake)
  return nics
}

export const nicOn = (networkId: string): PlannedNic => ({
  networkId,
  portId: null,
  fixedIp: null,
  subnetId: null,
  tag: null,
})

/**
 * The one network that the project may use, if there is any. External ones do not count. Throws when there is none,
 * one is to be had, and cannot be had.
 */
async function onlyNetwork(network: Network, context: RequestContext, orAuto: boolean): Promise<PlannedNic[]> {
  const inner = (where: ReturnType<typeof usableNetworks>) => sql<SqlBool>`is_external = 0 and ${where}`
  const found = await findNetworks(network, inner(usableNetworks(context)))
  if (found.length > 1) throw fault('NetworkAmbiguous', {})
  const [only] = found
  if (!only && orAuto) await requireOutside(network, context)
  if (!only) return []
  await requireSubnet(network, only.id)
  return [nicOn(only.id)]
}

async function requireOutside(network: Network, { projectId }: RequestContext): Promise<void> {
  try {
    await outsideNetwork(network)
  } catch (error) {
    throw isFault(error) ? fault('UnableToAutoAllocateNetwork', { projectId }, error) : error
  }
}

async function requireSubnet(network: Network, id: string): Promise<void> {
  if ((await subnetsOf(network, [id])).length === 0) throw fault('NetworkRequiresSubnet', { id })
}

async function asRequested(
  network: Network,
  context: RequestContext,
  requested: readonly RequestedNetwork[],
): Promise<PlannedNic[]> {
  const nics: PlannedNic[] = []
  for (const one of requested) {
    const nic = one.portId === undefined ? await madeNic(network, context, one) : await givenNic(network, context, one)
    const twice = nic.portId !== null && nics.some(({ portId }) => portId === nic.portId)
    if (twice) throw fault('PortNamedTwice', { id: nic.portId! })
    nics.push({ ...nic, tag: one.tag ?? null })
  }
  return nics
}

/** A port that is there already. */
async function givenNic(
  network: Network,
  context: RequestContext,
  { portId: id = '', fixedIp }: RequestedNetwork,
): Promise<PlannedNic> {
  const row = await findPort(network, id)
  if (!row) throw fault('NicPortNotFound', { id })
  if (row.project_id !== context.projectId && !context.isAdmin) throw fault('PortNotUsable', { id })
  if (row.device_id !== '') throw fault('NicPortInUse', { id })
  if (fixedIp !== undefined) {
    throw fault('NicInvalid', { message: `Port ${id} has its own addresses: it cannot be given ${fixedIp}.` })
  }
  const ips = (await fixedIpsOf(network, [id])).get(id)!
  if (ips.length === 0) throw fault('PortRequiresFixedIP', { id })
  return { ...nicOn(row.network_id), portId: id }
}

async function madeNic(
  network: Network,
  context: RequestContext,
  { networkId, subnetId, fixedIp }: RequestedNetwork,
): Promise<PlannedNic> {
  const id = networkId ?? (await networkOfSubnet(network, subnetId))
  const [row] = await findNetworks(network, sql<SqlBool>`id = ${id} and ${visibleNetworks(context)}`)
  if (!row) throw fault('NicNetworkNotFound', { id })
  if (!context.isAdmin && !(await mayUse(network, context, row))) {
    throw fault('ExternalNetworkAttachForbidden', { id })
  }
  await requireSubnet(network, id)
  await checkAddress(network, row, { subnetId, fixedIp })
  return { ...nicOn(id), subnetId: subnetId ?? null, fixedIp: fixedIp ?? null }
}

async function networkOfSubnet(network: Network, subnetId: string | undefined): Promise<string> {
  if (subnetId === undefined) {
    throw fault('NicInvalid', { message: 'Each network must be named by its uuid, by a subnet of it, or by a port.' })
  }
  const query = tables(network).selectFrom('network_subnets').select('network_id').where('id', '=', subnetId)
  const row = await query.executeTakeFirst()
  if (!row) throw fault('NicInvalid', { message: `Subnet ${subnetId} could not be found.` })
  return row.network_id
}

type WantedAddress = Pick<RequestedNetwork, 'subnetId' | 'fixedIp'>

/**
 * The subnet is on the network, the address in the subnet and free. Whether pools are enforced is decided where the
 * port is made: a build fails with that reason, as Nova's does.
 */
async function checkAddress(network: Network, on: NetworkRow, { subnetId, fixedIp }: WantedAddress): Promise<void> {
  if (subnetId === undefined && fixedIp === undefined) return
  const port = { id: '', network_id: on.id, mac_address: '00:00:00:00:00:00', device_owner: 'compute:' }
  const wanted = { subnet_id: subnetId, ip_address: fixedIp }
  try {
    chooseAddresses(network, port, await subnetsOf(network, [on.id]), [wanted])
  } catch (error) {
    if (!isFault(error)) throw error
    if (error.code !== 'InvalidIpForAllocationPools') throw new Fault({ ...error.toWire(), kind: '' }, error)
  }
  if (fixedIp === undefined) return
  const taken = await tables(network)
    .selectFrom('network_ip_allocations as a')
    .innerJoin('network_ports as p', 'p.id', 'a.port_id')
    .select('p.device_id')
    .where('a.network_id', '=', on.id)
    .where('a.ip_address', '=', canonical(fixedIp) ?? fixedIp)
    .executeTakeFirst()
  if (taken) throw fault('FixedIpAlreadyInUse', { address: fixedIp, deviceId: taken.device_id })
}

async function checkPortQuota(network: Network, { projectId }: RequestContext, more: number): Promise<void> {
  if (more === 0) return
  try {
    await network.store.transaction(() => checkQuota(network, projectId ?? '', 'port', more))
  } catch (error) {
    throw isFault(error, 'OverQuota') ? fault('PortLimitExceeded', {}, error) : error
  }
}

/** The ids of the project's groups of these names or ids. */
export async function groupIds(
  network: Network,
  { projectId }: Pick<RequestContext, 'projectId'>,
  namesOrIds: readonly string[],
): Promise<string[]> {
  const ids: string[] = []
  for (const name of new Set(namesOrIds)) {
    if (name === 'default') {
      ids.push(await defaultGroupOf(network, projectId ?? ''))
      continue
    }
    const rows = await tables(network)
      .selectFrom('network_security_groups')
      .select(['id', 'name'])
      .where('project_id', '=', projectId ?? '')
      .where((eb) => eb.or([eb('id', '=', name), eb('name', '=', name)]))
      .execute()
    const exact = rows.filter(({ id }) => id === name)
    const found = exact.length > 0 ? exact : rows
    if (found.length === 0) throw fault('NicSecurityGroupNotFound', { name, projectId })
    if (found.length > 1) throw fault('SecurityGroupNotUnique', { name })
    ids.push(found[0]!.id)
  }
  return ids
}
