// A server's ports: made or bound before its guest, taken back after it.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import type { GuestVif } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { updateServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'
import { networksOf } from './guest.ts'

/** Each NIC has its port on this host; the server's network_info is kept. */
export async function preparePorts(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  host: string,
): Promise<GuestVif[]> {
  const { network } = compute
  const nics = networksOf(row)
  const device = { deviceId: row.id, deviceOwner: `compute:${row.availability_zone}`, host, hostname: row.hostname }
  const groups = parsed<string[]>(row.security_groups_json).filter((name) => name !== 'default')
  const securityGroupIds = await network.validateSecurityGroups(context, groups)
  for (const { portId: id, given, networkId, fixedIp, subnetId } of nics) {
    if (given) await network.bindPort(elevated(context), { portId: id, ...device })
    else await network.createPort(context, { id, networkId, fixedIp, subnetId, securityGroupIds, ...device })
  }
  const vifs = await vifsOf(compute, row)
  await updateServer(compute, row.id, { network_info_json: JSON.stringify(vifs) })
  return vifs
}

/** The network_info of the server's ports, in the order in which they were asked for. */
export async function vifsOf(compute: Compute, row: ServerRow): Promise<GuestVif[]> {
  const nics = networksOf(row)
  const vifs = await compute.network.vifs(nics.map(({ portId }) => portId))
  return vifs.map((vif) => {
    const tag = nics.find(({ portId }) => portId === vif.portId)?.tag
    return tag ? { ...vif, tag } : vif
  })
}

/** Ports that were made for the server are gone; given ones are free again. */
export async function releasePorts(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  const all = elevated(context)
  for (const { portId, given } of networksOf(row)) {
    if (given) await compute.network.unbindPort(all, { portId })
    else await compute.network.deletePort(all, { portId })
  }
}
