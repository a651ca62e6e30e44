// server.soft-delete and server.restore: the guest goes off and stays, or comes back.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { OfServer } from '../servers/tasks.ts'
import { restoreServerTask, softDeleteServerTask } from '../servers/tasks.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import type { StateOf } from './settle-server.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'

const asItsGuest: StateOf = ({ power_state: power }) => {
  if (power === POWER.RUNNING) return 'active'
  if (power === POWER.PAUSED) return 'paused'
  return power === POWER.SHUTDOWN || power === POWER.CRASHED ? 'stopped' : 'error'
}

export const softDeleteServer = saga<OfServer, Conductor>(softDeleteServerTask, {
  observe: actionEvent({ event: 'compute_soft_delete_instance', notifies: 'soft_delete' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      const { shutdown_timeout: timeout } = deps.compute.options
      // The guest of a host that is down is put off by the comparison of power states when the host comes back.
      if (!(await isHostUp(deps.compute, host!))) return
      const how = timeout > 0 ? 'acpi' : 'force'
      await agentOf(deps, host!).stop({ id, how, timeout }, { timeout: LONG_CALL, signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps: { compute } }) =>
      settleFrom(compute, input.serverId, 'soft-deleting', {
        vm_state: 'soft-delete',
        power_state: POWER.SHUTDOWN,
        terminated_at: compute.clock.now(),
      }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'soft-deleting', { error, stateOf: asItsGuest }),
  })

export const restoreServer = saga<OfServer, Conductor>(restoreServerTask, {
  observe: actionEvent({ event: 'compute_restore_instance', notifies: 'restore' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).start(guestOf(row), { timeout: LONG_CALL, signal })
    },
    undo: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).stop({ id, how: 'force' }, { signal })
    },
  })
  .end({
    done: ({ input, deps }) =>
      settleFrom(deps.compute, input.serverId, 'restoring', {
        vm_state: 'active',
        power_state: POWER.RUNNING,
        terminated_at: null,
      }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'restoring', { error, stateOf: () => 'soft-delete' }),
  })
