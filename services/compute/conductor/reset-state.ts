// server.reset-state: when all that was under way has ended, the server is what an admin says.
import { isFault } from '@kilonova/base/fault'
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change } from '../servers/lifecycle.ts'
import { findServer, insertFault } from '../servers/store.ts'
import type { ResetState } from '../servers/tasks.ts'
import { resetStateTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf } from './conductor.ts'
import { dismissStuck } from './dismiss-stuck.ts'

/** Milliseconds that a host has to say what its guest does. */
const LOOK = { timeout: 5_000 }

const FAULT = { code: 500, message: 'An administrator has set the state to error.', details: '' }

export const resetState = saga<ResetState, Conductor>(resetStateTask, {
  observe: actionEvent({ event: 'api_reset_state' }),
})
  .step('guest', {
    /** What the guest does; null when that cannot be known. It is left as it is. */
    do: async ({ input, deps, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (!row) return null
      if (row.host === null) return POWER.NOSTATE
      try {
        return await agentOf(deps, row.host).powerState({ id: row.id }, { ...LOOK, signal })
      } catch (error) {
        if (signal.aborted || !isFault(error)) throw error
        return null
      }
    },
  })
  .end({
    done: async ({ input, done, deps: { compute } }) => {
      await dismissStuck(compute, input.serverId, 'an admin has reset the state')
      const row = await findServer(compute, input.serverId)
      if (!row) return
      const seen = done.guest === null ? {} : { power_state: done.guest }
      await change(compute, row.id, { vm_state: input.state, task_state: null, ...seen })
      if (input.state === 'error') await insertFault(compute, row, FAULT)
    },
  })
