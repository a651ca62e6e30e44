// A guest's network is ready when its host has said so of every port.
import type { Later } from '@kilonova/tasks/saga'
import { later } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { networksOf } from './guest.ts'

const LOOK_AGAIN_SECONDS = 1

/** What a step answers until all ports are active, or as long as the options let it wait. Throws VirtualInterfaceTimeout. */
export async function untilPlugged(compute: Compute, row: ServerRow, waited: number): Promise<Later | undefined> {
  const { vif_plugging_timeout: most, vif_plugging_is_fatal: fatal } = compute.options
  if (most === 0) return undefined
  const missing = await inactivePorts(compute, row)
  if (missing.length === 0) return undefined
  if (waited < most) return later(LOOK_AGAIN_SECONDS, `waits until ports ${missing.join(', ')} are active`)
  if (fatal) throw fault('VirtualInterfaceTimeout', { seconds: most, ports: missing })
  return undefined
}

/** Ports that are not up yet; one that is down by its owner's wish is waited for by nobody. */
async function inactivePorts({ network }: Compute, row: ServerRow): Promise<string[]> {
  const ports = networksOf(row).map(({ portId }) => portId)
  if (ports.length === 0) return []
  const active = (await network.vifs(ports)).filter((vif) => vif.active).map(({ portId }) => portId)
  return ports.filter((port) => !active.includes(port))
}
