// Ports of servers: made, bound, given back and removed for compute. Each may be repeated.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { isDuplicate } from '@kilonova/store/store'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { NewPort, PortDevice } from '../client.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { findNetworks } from '../networks/rows.ts'
import { bindingTo, UNBOUND } from '../ports/binding.ts'
import { insertPort, removePort } from '../ports/insert.ts'
import { findPort, groupsOf } from '../ports/rows.ts'
import { checkQuota } from '../quota.ts'
import type { NetworkRow, PortRow } from '../schema/tables.ts'
import { defaultGroupOf } from '../security-groups/rows.ts'
import { changed } from '../standard.ts'
import { fault as nicFault } from './nic-faults.ts'

export async function createServerPort(network: Network, context: RequestContext, port: NewPort): Promise<void> {
  try {
    await makeOrBind(network, context, port)
  } catch (error) {
    if (isFault(error, 'IpAddressGenerationFailure')) throw nicFault('NoMoreFixedIps', { id: port.networkId }, error)
    // Another process was quicker: its port is ours.
    if (!isDuplicate(error)) throw error
    await makeOrBind(network, context, port)
  }
}

function makeOrBind(network: Network, { projectId }: RequestContext, port: NewPort): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`port ${port.id}`)
    const row = await findPort(network, port.id)
    if (row) return bind(network, row, port)
    const [on] = await findNetworks(network, sql<SqlBool>`id = ${port.networkId}`)
    if (!on) throw fault('NetworkNotFound', { id: port.networkId })
    await checkQuota(network, projectId ?? '', 'port')
    const groups = await groupsFor(network, on, projectId ?? '', port.securityGroupIds)
    await insertPort(network, on, {
      id: port.id,
      projectId: projectId ?? '',
      ...(await boundTo(network, port.id, port)),
      port_security_enabled: on.port_security_enabled,
      fixedIps: wantedIps(port),
      securityGroupIds: groups,
    })
    await network.changes.touch({ ports: [port.id], securityGroups: groups })
  })
}

function wantedIps({ fixedIp, subnetId }: NewPort) {
  if (fixedIp === null && subnetId === null) return undefined
  return [{ ip_address: fixedIp ?? undefined, subnet_id: subnetId ?? undefined }]
}

async function groupsFor(
  network: Network,
  on: NetworkRow,
  projectId: string,
  asked: readonly string[],
): Promise<readonly string[]> {
  if (on.port_security_enabled === 1) return asked.length > 0 ? asked : [await defaultGroupOf(network, projectId)]
  if (asked.length > 0) throw nicFault('SecurityGroupCannotBeApplied', {})
  return []
}

async function boundTo(network: Network, id: string, { deviceId, deviceOwner, host, hostname }: PortDevice) {
  const binding = await bindingTo(network, host)
  if (binding.vif_type === 'binding_failed') throw fault('PortBindingFailed', { id, host })
  return { ...binding, device_id: deviceId, device_owner: deviceOwner, hostname }
}

export function bindServerPort(network: Network, port: PortDevice & { portId: string }): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`port ${port.portId}`)
    const row = await findPort(network, port.portId)
    if (!row) throw fault('PortNotFound', { id: port.portId })
    await bind(network, row, port)
  })
}

async function bind(network: Network, row: PortRow, device: PortDevice): Promise<void> {
  const { id, network_id: networkId, device_id, host } = row
  if (device_id !== '' && device_id !== device.deviceId)
    throw fault('PortInUse', { id, networkId, deviceId: device_id })
  const isSame = host === device.host && row.vif_type === 'bridge' && device_id === device.deviceId
  if (isSame && row.device_owner === device.deviceOwner && row.hostname === device.hostname) return
  const { status, status_reason } = row
  const change = { ...(await boundTo(network, id, device)), ...(isSame ? { status, status_reason } : {}) }
  await store(network, row, change)
}

async function store(network: Network, row: PortRow, change: Partial<PortRow>): Promise<void> {
  const after = { ...change, ...changed(network, row) }
  await tables(network).updateTable('network_ports').set(after).where('id', '=', row.id).execute()
  const groups = (await groupsOf(network, [row.id])).get(row.id)!
  const left = [{ host: row.host, networkId: row.network_id, securityGroupIds: groups }]
  await network.changes.touch({ ports: [row.id], left })
}

export function unbindServerPort(network: Network, portId: string): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`port ${portId}`)
    const row = await findPort(network, portId)
    if (!row || (row.device_id === '' && row.host === null)) return
    await store(network, row, { ...UNBOUND, device_id: '', device_owner: '', hostname: null })
  })
}

export function takeOffHost(network: Network, portId: string): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`port ${portId}`)
    const row = await findPort(network, portId)
    if (row && row.host !== null) await store(network, row, UNBOUND)
  })
}

export function deleteServerPort(network: Network, portId: string): Promise<void> {
  return network.store.transaction(async () => {
    await network.store.lock(`port ${portId}`)
    const row = await findPort(network, portId)
    if (!row) return
    if (row.device_owner.startsWith('network:'))
      throw fault('ServicePortInUse', { id: portId, owner: row.device_owner })
    await removePort(network, row)
  })
}
