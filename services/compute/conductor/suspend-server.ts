// server.suspend and server.resume: a guest's memory goes to its host's disk and comes back.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { VmState } from '../servers/state.ts'
import type { OfServer } from '../servers/tasks.ts'
import { resumeServerTask, suspendServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import type { StateOf } from './settle-server.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'

/** One that is off goes on when it is resumed, from its saved memory if that was written. */
const asItsGuest: StateOf = ({ vm_state: before, power_state: power }) => {
  if (power === POWER.RUNNING) return 'active'
  return power === POWER.SHUTDOWN ? 'suspended' : (before as VmState)
}

/** Seconds: all of the guest's memory is written, or read. */
const timeout = LONG_CALL / 1000

export const suspendServer = saga<OfServer, Conductor>(suspendServerTask, {
  observe: actionEvent({ event: 'compute_suspend_instance', notifies: 'suspend' }),
})
  .step('guest', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).managedSave!({ id }, { timeout: LONG_CALL, signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settleFrom(deps.compute, input.serverId, 'suspending', { vm_state: 'suspended', power_state: POWER.SHUTDOWN }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'suspending', { error, stateOf: asItsGuest }),
  })

export const resumeServer = saga<OfServer, Conductor>(resumeServerTask, {
  observe: actionEvent({ event: 'compute_resume_instance', notifies: 'resume' }),
})
  .step('guest', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).restore!(guestOf(row), { timeout: LONG_CALL, signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settleFrom(deps.compute, input.serverId, 'resuming', { vm_state: 'active', power_state: POWER.RUNNING }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'resuming', { error, stateOf: asItsGuest }),
  })
