// A request that makes a server do something: its state, the record of the action and its task, as one transaction.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { TaskKind } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ActionName } from './actions.ts'
import { startAction } from './instance-action.ts'
import { begin } from './lifecycle.ts'
import type { ServerId } from './server-id.ts'
import { getServer } from './store.ts'
import type { OfServer } from './tasks.ts'

export interface ServerCommand<Input extends OfServer> {
  id: string
  /** The row of the table in lifecycle.ts that says when it may start. */
  action: ActionName
  /** The name in os-instance-actions. */
  recorded: string
  task: TaskKind<Input>
  /** What the task gets besides the server's id. Runs after the state was checked; throws to refuse. */
  input: (row: ServerRow) => Omit<Input, 'serverId'> | Promise<Omit<Input, 'serverId'>>
  /** Whether it takes the place of the operation that is running. */
  preempts?: (row: ServerRow) => boolean
}

/** Answers the server as it was before. */
export async function commandServer<Input extends OfServer>(
  compute: Compute,
  context: RequestContext,
  command: ServerCommand<Input>,
): Promise<ServerRow> {
  return (await startCommand(compute, context, command)).row
}

export interface StartedCommand {
  /** The server as it was before. */
  row: ServerRow
  taskId: string
}

/** For callers that wait for the task. */
export function startCommand<Input extends OfServer>(
  compute: Compute,
  context: RequestContext,
  command: ServerCommand<Input>,
): Promise<StartedCommand> {
  const { id, action, recorded, task } = command
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    await begin(compute, context, row, action)
    const input = { ...(await command.input(row)), serverId: id as ServerId } as Input
    await startAction(compute, context, id, recorded)
    const preempts = command.preempts?.(row) ?? false
    try {
      return { row, taskId: await compute.tasks.enqueue(task, { input, context, preempts }) }
    } catch (error) {
      throw inTheWay(error, row, recorded)
    }
  })
}

/** That another task holds the server, in the words of the API. */
function inTheWay(error: unknown, row: ServerRow, action: string): unknown {
  if (!isFault(error, 'TaskConflict')) return error
  const { running } = error.details as { running: string }
  const state = row.task_state ?? running
  return fault('InstanceInvalidState', { id: row.id, action, attribute: 'task_state', state }, error)
}
