// Whether a server lets an action begin, and the only place where its states are assigned.
import type { RequestContext } from '@kilonova/base/context'
import type { Fault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { Action, ActionName } from './actions.ts'
import { actions } from './actions.ts'
import type { TaskState, VmState } from './state.ts'
import type { ServerUpdate } from './store.ts'
import { writeServer } from './write-server.ts'

/** Why the server refuses the action now; undefined if it does not. */
export function refusal(row: ServerRow, name: ActionName, context: RequestContext): Fault | undefined {
  const action: Action = actions[name]
  const invalid = (attribute: string, state: string): Fault =>
    fault('InstanceInvalidState', { id: row.id, action: action.name, attribute, state })
  if (action.refusedWhenLocked && row.locked_by !== null && !context.isAdmin)
    return fault('InstanceIsLocked', { id: row.id })
  if (action.needsHost && row.host === null) return fault('InstanceNotReady', { id: row.id })
  if (action.from !== 'any' && !action.from.includes(row.vm_state as VmState)) return invalid('vm_state', row.vm_state)
  if (action.task !== 'any' && !action.task.includes(row.task_state as TaskState | null)) {
    return invalid('task_state', String(row.task_state))
  }
  if (action.launched && row.launched_at === null) return invalid('launched_at', 'None')
  return undefined
}

/** Throws why the server refuses the action now, if it does. */
export function refuse(row: ServerRow, name: ActionName, context: RequestContext): void {
  const refused = refusal(row, name, context)
  if (refused) throw refused
}

/** Puts the server into the action's task state, or throws why it refuses. Inside a transaction with its task. */
export async function begin(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  name: ActionName,
): Promise<void> {
  refuse(row, name, context)
  const changed = await change(compute, row.id, { task_state: actions[name].meanwhile }, row)
  if (changed) return
  const now = await tables(compute)
    .selectFrom('compute_servers')
    .selectAll()
    .where('id', '=', row.id)
    .executeTakeFirst()
  if (!now || now.deleted_at !== null) throw fault('InstanceNotFound', { id: row.id })
  await begin(compute, context, now, name)
}

export interface Change {
  vm_state?: VmState
  task_state?: TaskState | null
  power_state?: number
  launched_at?: number
  /** When it was put away, or went. */
  terminated_at?: number | null
  deleted_at?: number
  progress?: number
}

/** Assigns states, and what changes with them; with `from` only where the row still is in the states of `from`. True if it did. */
export function change(
  compute: Compute,
  id: string,
  states: Change & ServerUpdate,
  from?: Pick<ServerRow, 'vm_state' | 'task_state'>,
): Promise<boolean> {
  return writeServer(compute, id, states, from)
}

/** Moves a server on within an operation of several task states; one whose task state is another's is left alone. */
export async function enterTaskState(
  compute: Compute,
  id: string,
  task: TaskState,
  of: readonly TaskState[],
): Promise<void> {
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select(['vm_state', 'task_state'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row && row.task_state !== task && of.includes(row.task_state as TaskState))
    await change(compute, id, { task_state: task }, row)
}

/** Moves a server that is being built to the next task state of its build. */
export async function enterBuildState(compute: Compute, id: string, task: TaskState): Promise<void> {
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select(['vm_state', 'task_state'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row?.vm_state === 'building' && row.task_state !== 'deleting' && row.task_state !== task)
    await change(compute, id, { task_state: task }, row)
}
