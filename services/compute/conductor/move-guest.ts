// The guest of a server that moves, on either host: taken down, brought up, and what is left of it removed.

import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import type { GuestDevice, GuestSpec } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Side } from '../migrations/side.ts'
import { columnsOf } from '../migrations/side.ts'
import { updateMigration } from '../migrations/store.ts'
import type { ServerRow } from '../schema/tables.ts'
import { change } from '../servers/lifecycle.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, networksOf } from './guest.ts'
import { bringGuestBack, shutGuestDown } from './guest-off-and-back.ts'
import { forgetLostNics } from './ports.ts'

/** Milliseconds for calls that copy disks. */
export const COPY_CALL = 6 * 3_600_000

/** The server's guest as it is on that side. */
export const guestOn = (row: ServerRow, side: Side): GuestSpec => guestOf({ ...row, ...columnsOf(side) })

/** Off the polite way if it runs, and no longer defined; disks and devices stay. */
export async function takeDown(deps: Conductor, row: ServerRow, host: string, signal: AbortSignal): Promise<void> {
  await shutGuestDown(deps, row, signal)
  await agentOf(deps, host).destroyGuest({ id: row.id }, { timeout: LONG_CALL, signal })
}

export interface Up {
  host: string
  running: boolean
  signal: AbortSignal
}

/** Plugged and defined, and running if it shall; answers where its tagged devices sit. */
export async function bringUp(
  deps: Conductor,
  guest: GuestSpec,
  { host, running, signal }: Up,
): Promise<GuestDevice[]> {
  const agent = agentOf(deps, host)
  const limits = { timeout: LONG_CALL, signal }
  await agent.plug(guest, limits)
  const devices = await agent.define(guest, limits)
  if (!running) return devices
  await agent.start({ ...guest, devices }, limits)
  const state = await agent.powerState({ id: guest.id }, { signal })
  if (state !== POWER.RUNNING) throw fault('GuestNotRunning', { id: guest.id })
  return devices
}

/** As it was, after a move that failed; the server's record is on that side again. Of a host that is down nothing is known. */
export async function bringBack(deps: Conductor, row: ServerRow, { host, running, signal }: Up): Promise<void> {
  if (!(await isHostUp(deps.compute, host))) {
    await change(deps.compute, row.id, { power_state: POWER.NOSTATE })
    return
  }
  const guest = guestOf(row)
  await agentOf(deps, host).plug(guest, { timeout: LONG_CALL, signal })
  await bringGuestBack(deps, guest, { host, runs: running, signal })
}

/** A transfer under way ends with its offer; one that nobody serves any more is none. */
export async function withdrawDisks(deps: Conductor, id: string, host: string): Promise<void> {
  if (await isHostUp(deps.compute, host)) await agentOf(deps, host).withdrawDisks({ id })
}

/** No domain is left there; a host that is down is left alone. */
export async function destroyIfUp(deps: Conductor, id: string, host: string, signal: AbortSignal): Promise<void> {
  if (await isHostUp(deps.compute, host)) await agentOf(deps, host).destroyGuest({ id }, { timeout: LONG_CALL, signal })
}

/** Nothing of the guest is left there. A host that is down is noted, and removes it when it is back. */
export async function cleanHost(
  deps: Conductor,
  { serverId, migrationId }: { serverId: string; migrationId: string },
  host: string,
  signal: AbortSignal,
): Promise<void> {
  if (!(await isHostUp(deps.compute, host))) {
    await updateMigration(deps.compute, migrationId, { uncleaned_host: host })
    return
  }
  const agent = agentOf(deps, host)
  const limits = { timeout: LONG_CALL, signal }
  await agent.destroyGuest({ id: serverId }, limits)
  await agent.deleteFiles({ id: serverId }, limits)
}

/** The server's ports belong to that side's host; the device on the other host goes by itself. */
export async function bindPorts(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  { host, zone }: Pick<Side, 'host' | 'zone'>,
): Promise<void> {
  const device = { deviceId: row.id, deviceOwner: `compute:${zone}`, host: host!, hostname: row.hostname }
  const own = new Set((await compute.network.portsOfDevice(row.id)).map(({ id }) => id))
  for (const { portId } of networksOf(row)) {
    if (own.has(portId)) await compute.network.bindPort(elevated(context), { portId, ...device })
  }
  await forgetLostNics(compute, row.id)
}
