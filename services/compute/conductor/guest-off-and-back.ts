// A guest goes off for an operation that needs it off, and comes back when that is undone.
import { isFault } from '@kilonova/base/fault'
import type { GuestSpec } from '../agent/guest-spec.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { lookAtGuest } from './settle-server.ts'

/** Asks the guest to shut down and, when it takes too long, forces it. */
export async function shutGuestDown(deps: Conductor, row: ServerRow, signal: AbortSignal): Promise<void> {
  const { shutdown_timeout: timeout } = deps.compute.options
  const how = timeout > 0 ? 'acpi' : 'force'
  await agentOf(deps, row.host!).stop({ id: row.id, how, timeout }, { timeout: LONG_CALL, signal })
}

/** Makes the guest what it is to be now, with its config drive, and boots it. Answers its tagged devices. */
export async function bootGuest(deps: Conductor, guest: GuestSpec, host: string, signal: AbortSignal) {
  const limits = { timeout: LONG_CALL, signal }
  const agent = agentOf(deps, host)
  const devices = await agent.define(guest, limits)
  await agent.makeConfigDrive({ ...guest, devices }, limits)
  await agent.start(guest, limits)
  return devices
}

interface Back {
  host: string
  /** Whether it is to run. */
  runs: boolean
  signal: AbortSignal
}

/** The guest is that guest again. One that cannot be started is left off, and is shown so. */
export async function bringGuestBack(deps: Conductor, guest: GuestSpec, { host, runs, signal }: Back): Promise<void> {
  const limits = { timeout: LONG_CALL, signal }
  const agent = agentOf(deps, host)
  await agent.define(guest, limits)
  try {
    if (runs) await agent.start(guest, limits)
  } catch (error) {
    if (!isFault(error, 'HypervisorFailed')) throw error
  }
  await lookAtGuest(deps, guest.id)
}
