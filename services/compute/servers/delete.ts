// DELETE /servers/{id}: from every state, in front of whatever runs.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { startAction } from './instance-action.ts'
import { begin } from './lifecycle.ts'
import type { ServerId } from './server-id.ts'
import { getServer } from './store.ts'
import { deleteServerTask } from './tasks.ts'

/** A server that is being deleted already is left to that. */
export async function deleteServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  await compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    const running = await compute.tasks.liveTask({ type: 'server', id })
    if (row.task_state === 'deleting' && running?.name === deleteServerTask.name) return
    await begin(compute, context, row, 'delete')
    await startAction(compute, context, id, 'delete')
    await compute.tasks.enqueue(deleteServerTask, { input: { serverId: id as ServerId }, context, preempts: true })
  })
}
