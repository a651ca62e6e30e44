// server.pause and server.unpause: one call to the host each.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { VmState } from '../servers/state.ts'
import type { OfServer } from '../servers/tasks.ts'
import { pauseServerTask, unpauseServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf } from './conductor.ts'
import { serverOf } from './guest.ts'
import type { StateOf } from './settle-server.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'

const asItsGuest: StateOf = ({ vm_state: before, power_state: power }) => {
  if (power === POWER.RUNNING) return 'active'
  return power === POWER.PAUSED ? 'paused' : (before as VmState)
}

export const pauseServer = saga<OfServer, Conductor>(pauseServerTask, {
  observe: actionEvent({ event: 'compute_pause_instance', notifies: 'pause' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).suspendGuest({ id }, { signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settleFrom(deps.compute, input.serverId, 'pausing', { vm_state: 'paused', power_state: POWER.PAUSED }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'pausing', { error, stateOf: asItsGuest }),
  })

export const unpauseServer = saga<OfServer, Conductor>(unpauseServerTask, {
  observe: actionEvent({ event: 'compute_unpause_instance', notifies: 'unpause' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).resumeGuest({ id }, { signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settleFrom(deps.compute, input.serverId, 'unpausing', { vm_state: 'active', power_state: POWER.RUNNING }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'unpausing', { error, stateOf: asItsGuest }),
  })
