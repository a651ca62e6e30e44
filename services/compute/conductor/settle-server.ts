// How operations that change what a guest does end, in its server's record.
import { isFault } from '@kilonova/base/fault'
import type { TaskError } from '@kilonova/tasks/saga'
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { Change } from '../servers/lifecycle.ts'
import { change } from '../servers/lifecycle.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import { findServer } from '../servers/store.ts'
import type { Conductor } from './conductor.ts'
import { agentOf } from './conductor.ts'
import { keepFault } from './server-fault.ts'

/** The task state goes, unless a delete has taken it over meanwhile. */
export async function settle(compute: Compute, id: string, states: Change): Promise<void> {
  const row = await findServer(compute, id)
  if (!row || row.task_state === 'deleting') return
  await change(compute, id, { ...states, task_state: null })
}

/** The task state, or states, of the operation that ends. */
type Own = TaskState | readonly TaskState[]

const isOwn = ({ task_state: state }: ServerRow, own: Own): boolean => [own].flat().some((one) => one === state)

/** Likewise, only while the server is in that task state: nothing when another task or an admin has ended it. */
export async function settleFrom(compute: Compute, id: string, own: Own, states: Change): Promise<void> {
  const row = await findServer(compute, id)
  if (row && isOwn(row, own)) await change(compute, id, { ...states, task_state: null }, row)
}

/** The guest as it really is. */
export function powerStateOf(deps: Conductor, row: ServerRow): Promise<PowerState> {
  return agentOf(deps, row.host!).powerState({ id: row.id })
}

/** What failed may have taken effect: the guest is looked at. Of a host that does not answer nothing is known. */
export async function lookAtGuest(deps: Conductor, id: string): Promise<void> {
  const row = await findServer(deps.compute, id)
  if (!row || row.host === null || row.task_state === 'deleting') return
  const state = await powerStateOf(deps, row).catch((error: unknown) => {
    if (isFault(error)) return POWER.NOSTATE
    throw error
  })
  await change(deps.compute, id, { power_state: state })
}

export type StateOf = (row: ServerRow) => VmState

/** A server that was neither active nor stopped stays what it was. */
export const activeOrStopped: StateOf = ({ vm_state: before, power_state: power }) => {
  if (before !== 'active' && before !== 'stopped') return before as VmState
  if (power === POWER.RUNNING) return 'active'
  return power === POWER.SHUTDOWN || power === POWER.CRASHED ? 'stopped' : before
}

/** Keeps why it failed, and shows the server as its guest was found. */
export async function settleFailed(compute: Compute, id: string, error: TaskError, stateOf: StateOf): Promise<void> {
  const row = await findServer(compute, id)
  if (!row) return
  await keepFault(compute, row, error)
  await settle(compute, id, { vm_state: stateOf(row) })
}

/** As settleFailed, only while the server is in that task state. */
export async function settleFailedFrom(
  compute: Compute,
  id: string,
  own: Own,
  failed: { error: TaskError; stateOf: StateOf },
): Promise<void> {
  const row = await findServer(compute, id)
  if (row && isOwn(row, own)) await settleFailed(compute, id, failed.error, failed.stateOf)
}
