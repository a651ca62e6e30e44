// Start, stop, reboot, pause, unpause, suspend and resume.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { startAction } from './instance-action.ts'
import type { ActionName } from './lifecycle.ts'
import { begin } from './lifecycle.ts'
import type { ServerId } from './server-id.ts'
import { getServer } from './store.ts'
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

export function startServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(startServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'start', recorded: 'start', enqueue })
}

export function stopServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(stopServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'stop', recorded: 'stop', enqueue })
}

/** Also from states in which users may not stop it: for a guest that is not as its server says. */
export function forceStopServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(stopServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'forceStop', recorded: 'stop', enqueue })
}

/** A hard reboot takes the place of a soft one, or of a pause, that is still running. */
export function rebootServer(
  compute: Compute,
  context: RequestContext,
  id: string,
  how: 'soft' | 'hard',
): Promise<void> {
  const enqueue = (row: ServerRow) =>
    compute.tasks.enqueue(how === 'hard' ? hardRebootServerTask : rebootServerTask, {
      input: { serverId: id as ServerId },
      context,
      preempts: how === 'hard' && row.task_state !== null,
    })
  return command(compute, context, {
    id,
    action: how === 'soft' ? 'rebootSoft' : 'rebootHard',
    recorded: 'reboot',
    enqueue,
  })
}

export function pauseServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(pauseServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'pause', recorded: 'pause', enqueue })
}

export function unpauseServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(unpauseServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'unpause', recorded: 'unpause', enqueue })
}

export function suspendServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(suspendServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'suspend', recorded: 'suspend', enqueue })
}

export function resumeServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  const enqueue = () => compute.tasks.enqueue(resumeServerTask, { input: { serverId: id as ServerId }, context })
  return command(compute, context, { id, action: 'resume', recorded: 'resume', enqueue })
}

interface Command {
  id: string
  action: ActionName
  /** The name in os-instance-actions. */
  recorded: string
  enqueue: (row: ServerRow) => Promise<string>
}

async function command(
  compute: Compute,
  context: RequestContext,
  { id, action, recorded, enqueue }: Command,
): Promise<void> {
  await compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    await begin(compute, context, row, action)
    await startAction(compute, context, id, recorded)
    try {
      await enqueue(row)
    } catch (error) {
      if (!isFault(error, 'TaskConflict')) throw error
      const { running } = error.details as { running: string }
      const state = row.task_state ?? running
      throw fault('InstanceInvalidState', { id, action: recorded, attribute: 'task_state', state }, error)
    }
  })
}
