// A server's ports: made or bound before its guest, taken back after it.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import type { GuestVif } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
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
  const { network } = compute
  const nics = networksOf(row)
  const device = { deviceId: row.id, deviceOwner: `compute:${row.availability_zone}`, host, hostname: row.hostname }
  const groups = parsed<string[]>(row.security_groups_json).filter((name) => name !== 'default')
  const securityGroupIds = await network.validateSecurityGroups(context, groups)
  for (const { portId: id, given, networkId, fixedIp, subnetId } of nics) {
    if (given) await network.bindPort(elevated(context), { portId: id, ...device })
    else await network.createPort(context, { id, networkId, fixedIp, subnetId, securityGroupIds, ...device })
  }
  await renewNetworkInfo(compute, row.id)
}

/** Keeps the network_info of the ports that the server has now; one that reads earlier does not write later. */
export function renewNetworkInfo(compute: Compute, serverId: string): Promise<void> {
  return compute.store.transaction(async () => {
    await compute.store.lock(`network-info:${serverId}`)
    const row = await findServer(compute, serverId)
    if (!row) return
    await updateServer(compute, row.id, { network_info_json: JSON.stringify(await vifsOf(compute, row)) })
  })
}

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
  const all = elevated(context)
  const own = await ownPorts(compute, row)
  for (const { portId, given } of networksOf(row)) {
    if (!given) await compute.network.deletePort(all, { portId })
    else if (own.has(portId)) await compute.network.unbindPort(all, { portId })
  }
  await renewNetworkInfo(compute, row.id)
}

async function ownPorts({ network }: Compute, row: ServerRow): Promise<Set<string>> {
  return new Set((await network.portsOfDevice(row.id)).map(({ id }) => id))
}
