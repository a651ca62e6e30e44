// Start, stop, reboot, pause, unpause, suspend and resume: each a task with nothing but its server as input.
import type { RequestContext } from '@kilonova/base/context'
import type { TaskKind } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ActionName } from './actions.ts'
import { commandServer } from './command.ts'
import type { OfServer } from './tasks.ts'
import {
  hardRebootServerTask,
  pauseServerTask,
  rebootServerTask,
  resumeServerTask,
  startServerTask,
  stopServerTask,
  suspendServerTask,
  unpauseServerTask,
} from './tasks.ts'

interface Plain {
  action: ActionName
  recorded: string
  task: TaskKind<OfServer>
  preempts?: (row: ServerRow) => boolean
}

type PlainCommand = (compute: Compute, context: RequestContext, id: string) => Promise<ServerRow>

/** A command that takes no argument. */
function plain(command: Plain): PlainCommand {
  return (compute, context, id) => commandServer(compute, context, { ...command, id, input: () => ({}) })
}

export const startServer = plain({ action: 'start', recorded: 'start', task: startServerTask })
export const stopServer = plain({ action: 'stop', recorded: 'stop', task: stopServerTask })
/** Also from states in which users may not stop it: for a guest that is not as its server says. */
export const forceStopServer = plain({ action: 'forceStop', recorded: 'stop', task: stopServerTask })
export const pauseServer = plain({ action: 'pause', recorded: 'pause', task: pauseServerTask })
export const unpauseServer = plain({ action: 'unpause', recorded: 'unpause', task: unpauseServerTask })
export const suspendServer = plain({ action: 'suspend', recorded: 'suspend', task: suspendServerTask })
export const resumeServer = plain({ action: 'resume', recorded: 'resume', task: resumeServerTask })

const rebootSoft = plain({ action: 'rebootSoft', recorded: 'reboot', task: rebootServerTask })
/** It takes the place of a soft reboot, or of a pause, that is still running. */
const rebootHard = plain({
  action: 'rebootHard',
  recorded: 'reboot',
  task: hardRebootServerTask,
  preempts: ({ task_state: running }) => running !== null,
})

export function rebootServer(compute: Compute, context: RequestContext, id: string, how: 'soft' | 'hard') {
  return how === 'hard' ? rebootHard(compute, context, id) : rebootSoft(compute, context, id)
}
