// A server's ports: made or bound before its guest, taken back after it.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import type { GuestVif } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ServerNetwork } from '../servers/networks.ts'
import { findServer, updateServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'
import { networksOf } from './guest.ts'

/** Each NIC has its port on this host; the server's network_info is kept. */
export async function preparePorts(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  host: string,
): Promise<void> {
  const groups = parsed<string[]>(row.security_groups_json).filter((name) => name !== 'default')
  const securityGroupIds = await compute.network.validateSecurityGroups(context, groups)
  for (const nic of networksOf(row)) await preparePort(compute, context, { row, nic, host, securityGroupIds })
  await renewNetworkInfo(compute, row.id)
}

export interface WantedPort {
  row: ServerRow
  nic: ServerNetwork
  host: string
  /** For a port that is made; empty: the default group of the caller's project. */
  securityGroupIds: readonly string[]
}

/** The port is there and the server's, on this host. */
export async function preparePort(compute: Compute, context: RequestContext, wanted: WantedPort): Promise<void> {
  const { row, nic, host, securityGroupIds } = wanted
  const device = deviceOf(row, host)
  const { portId: id, given, networkId, fixedIp, subnetId } = nic
  if (given) await compute.network.bindPort(elevated(context), { portId: id, ...device })
  else await compute.network.createPort(context, { id, networkId, fixedIp, subnetId, securityGroupIds, ...device })
}

/** Keeps the network_info of the ports that the server has now; one that reads earlier does not write later. */
export function renewNetworkInfo(compute: Compute, serverId: string): Promise<void> {
  return compute.store.transaction(async () => {
    await compute.store.lock(`network-info:${serverId}`)
    const row = await findServer(compute, serverId)
    if (!row) return
    const info = JSON.stringify(await vifsOf(compute, row))
    if (info !== row.network_info_json) await updateServer(compute, row.id, { network_info_json: info })
  })
}

/** Its ports tell the host name that the server has now. */
export async function namePorts(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  const own = await ownPorts(compute, row)
  const device = deviceOf(row, row.host!)
  for (const { portId } of networksOf(row).filter((nic) => own.has(nic.portId))) {
    await compute.network.bindPort(elevated(context), { portId, ...device })
  }
}

const deviceOf = (row: ServerRow, host: string) => ({
  deviceId: row.id,
  deviceOwner: `compute:${row.availability_zone}`,
  host,
  hostname: row.hostname,
})

/** In the order in which the ports were asked for; a given one may have gone back. */
async function vifsOf(compute: Compute, row: ServerRow): Promise<GuestVif[]> {
  const own = await ownPorts(compute, row)
  const nics = networksOf(row).filter(({ portId }) => own.has(portId))
  const vifs = await compute.network.vifs(nics.map(({ portId }) => portId))
  return vifs.map((vif) => {
    const tag = nics.find(({ portId }) => portId === vif.portId)?.tag
    return tag ? { ...vif, tag } : vif
  })
}

/** Ports that were made for the server are gone; given ones are free again, unless they are another server's. */
export async function releasePorts(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  for (const nic of networksOf(row)) await releasePort(compute, context, row, nic)
  await renewNetworkInfo(compute, row.id)
}

/** Its ports are bound to this host, as far as it still has them; no guest has their devices yet. */
export async function bindPorts(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  host: string,
): Promise<void> {
  const device = { deviceId: row.id, deviceOwner: `compute:${row.availability_zone}`, host, hostname: row.hostname }
  for (const portId of await ownPorts(compute, row))
    await compute.network.bindPort(elevated(context), { portId, ...device })
  await forgetLostNics(compute, row.id)
}

/** What has lost its port is no NIC any more. While no guest has its device: a device is detached. */
export function forgetLostNics(compute: Compute, serverId: string): Promise<void> {
  return compute.store.transaction(async () => {
    await compute.store.lock(`network-info:${serverId}`)
    const row = await findServer(compute, serverId)
    if (!row) return
    const own = await ownPorts(compute, row)
    const nics = networksOf(row)
    const left = nics.filter(({ portId }) => own.has(portId))
    if (left.length < nics.length) await updateServer(compute, serverId, { networks_json: JSON.stringify(left) })
    await renewNetworkInfo(compute, serverId)
  })
}

/** Its ports stay its own, with their addresses, and are on no host. */
export async function takePortsOffHost(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  for (const portId of await ownPorts(compute, row)) await compute.network.takeOffHost(elevated(context), { portId })
  await renewNetworkInfo(compute, row.id)
}

export async function releasePort(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  { portId, given }: ServerNetwork,
): Promise<void> {
  const all = elevated(context)
  if (!given) await compute.network.deletePort(all, { portId })
  else if ((await ownPorts(compute, row)).has(portId)) await compute.network.unbindPort(all, { portId })
}

async function ownPorts({ network }: Compute, row: ServerRow): Promise<Set<string>> {
  return new Set((await network.portsOfDevice(row.id)).map(({ id }) => id))
}
