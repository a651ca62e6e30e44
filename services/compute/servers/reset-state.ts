// os-resetState: an admin says what a server is, whatever is being done to it.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { recordAction } from './instance-action.ts'
import { change } from './lifecycle.ts'
import { getServer, insertFault } from './store.ts'

/** Changes the record alone: neither the guest nor an operation that is under way. */
export function resetState(
  compute: Compute,
  context: RequestContext,
  id: string,
  state: 'active' | 'error',
): Promise<void> {
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    await change(compute, id, { vm_state: state, task_state: null })
    await recordAction(compute, context, id, 'resetState', 'api_reset_state')
    if (state === 'active') return
    await insertFault(compute, row, { code: 500, message: 'An administrator has set the state to error.', details: '' })
  })
}
