// Which action may start from which state, and the only place where a server's states are assigned.
import type { RequestContext } from '@kilonova/base/context'
import type { Fault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { TaskState, VmState } from './state.ts'

interface Action {
  /** The name in refusals. */
  readonly name: string
  readonly from: readonly VmState[] | 'any'
  /** Task states in which it may start; null is none. */
  readonly task: readonly (TaskState | null)[] | 'any'
  /** It must have run once. */
  readonly launched: boolean
  /** A locked server refuses it, but for admins. */
  readonly refusedWhenLocked: boolean
  readonly needsHost: boolean
  readonly meanwhile: TaskState
}

const idle: readonly null[] = [null]
const usual = { task: idle, launched: true, refusedWhenLocked: true, needsHost: true } as const
const REBOOTABLE: readonly (TaskState | null)[] = [
  null,
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
]

// biome-ignore format: a table
export const actions = {
  start:      { ...usual, name: 'start',  from: ['stopped'],                                           meanwhile: 'powering-on' },
  stop:       { ...usual, name: 'stop',   from: ['active', 'error'],                                   meanwhile: 'powering-off' },
  forceStop:  { ...usual, name: 'stop',   from: ['stopped', 'paused'],                                 meanwhile: 'powering-off' },
  rebootSoft: { ...usual, name: 'reboot', from: ['active'],                                            meanwhile: 'rebooting' },
  rebootHard: { ...usual, name: 'reboot', from: ['active', 'stopped', 'paused', 'suspended', 'error'], meanwhile: 'rebooting_hard', task: REBOOTABLE },
  pause:      { ...usual, name: 'pause',  from: ['active'],                                            meanwhile: 'pausing' },
  unpause:    { ...usual, name: 'unpause', from: ['paused'],                                           meanwhile: 'unpausing' },
  suspend:    { ...usual, name: 'suspend', from: ['active'],                                           meanwhile: 'suspending' },
  resume:     { ...usual, name: 'resume', from: ['suspended'],                                         meanwhile: 'resuming' },
  delete:     { name: 'delete', from: 'any', task: 'any', launched: false, refusedWhenLocked: true, needsHost: false, meanwhile: 'deleting' },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof actions

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

/** Puts the server into the action's task state, or throws why it refuses. Inside a transaction with its task. */
export async function begin(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  name: ActionName,
): Promise<void> {
  const refused = refusal(row, name, context)
  if (refused) throw refused
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
  terminated_at?: number
  deleted_at?: number
  progress?: number
}

/**
 * Assigns states; with `from` only where the row still is in the states of `from`. True if it did.
 * `updated_at` never goes back, whatever the wall clock does.
 */
export async function change(
  compute: Compute,
  id: string,
  states: Change,
  from?: Pick<ServerRow, 'vm_state' | 'task_state'>,
): Promise<boolean> {
  const now = compute.clock.now()
  let update = tables(compute)
    .updateTable('compute_servers')
    .set((eb) => ({
      ...states,
      updated_at: eb.case().when('updated_at', '>', now).then(eb.ref('updated_at')).else(now).end(),
    }))
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
  if (from) {
    update = update.where('vm_state', '=', from.vm_state)
    update =
      from.task_state === null
        ? update.where('task_state', 'is', null)
        : update.where('task_state', '=', from.task_state)
  }
  const [result] = await update.execute()
  return Number(result?.numUpdatedRows ?? 0) > 0
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
