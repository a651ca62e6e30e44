// os-resetState: an admin says what a server is, and whatever is being done to it ends.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { giveUpTasks } from './give-up.ts'
import { startAction } from './instance-action.ts'
import type { ServerId } from './server-id.ts'
import { getServer } from './store.ts'
import type { ResetState } from './tasks.ts'
import { resetStateTask } from './tasks.ts'

/** Milliseconds that the caller waits for the end of what is under way. */
const PATIENCE = 30_000

/** Resolves when the server is what was said, or goes on without the caller when that takes long. */
export async function resetState(
  compute: Compute,
  context: RequestContext,
  id: string,
  state: ResetState['state'],
): Promise<void> {
  const taskId = await compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    await giveUpTasks(compute, row.id, { but: resetStateTask.name, why: 'an admin has reset the state' })
    await startAction(compute, context, row.id, 'resetState')
    const input = { serverId: row.id as ServerId, state }
    return compute.tasks.enqueue(resetStateTask, { input, context, preempts: true })
  })
  const over = new AbortController()
  const ended = compute.tasks.ended(taskId).finally(() => over.abort())
  await Promise.race([ended, compute.clock.sleep(PATIENCE, over.signal)])
}
