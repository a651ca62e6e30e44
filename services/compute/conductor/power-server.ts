// server.start, server.stop and the reboots: one call to the host each.
import type { TaskKind } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import { fault } from '../agent/faults.ts'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { TaskState } from '../servers/state.ts'
import type { OfServer } from '../servers/tasks.ts'
import { hardRebootServerTask, rebootServerTask, startServerTask, stopServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import type { StateOf } from './settle-server.ts'
import {
  activeOrStopped,
  lookAtGuest,
  powerStateOf,
  settle,
  settleFailed,
  settleFailedFrom,
  settleFrom,
} from './settle-server.ts'

const activeIfRunning: StateOf = ({ power_state: power }) => (power === POWER.RUNNING ? 'active' : 'error')

export const startServer = saga<OfServer, Conductor>(startServerTask, {
  observe: actionEvent({ event: 'compute_start_instance', notifies: 'power_on' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).start(guestOf(row), { timeout: LONG_CALL, signal })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) => settle(deps.compute, input.serverId, { vm_state: 'active', power_state: POWER.RUNNING }),
    undone: ({ input, deps, error }) => settleFailed(deps.compute, input.serverId, error, activeOrStopped),
  })

export const stopServer = saga<OfServer, Conductor>(stopServerTask, {
  observe: actionEvent({ event: 'compute_stop_instance', notifies: 'power_off' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const { shutdown_timeout: timeout } = deps.compute.options
      await agentOf(deps, row.host!).stop(
        { id: row.id, how: timeout > 0 ? 'acpi' : 'force', timeout },
        { timeout: LONG_CALL, signal },
      )
      // A guest that is missing is off as well, but its server is not one that could simply be started again.
      if ((await powerStateOf(deps, row)) === POWER.NOSTATE) throw fault('GuestNotFound', { id: row.id })
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settle(deps.compute, input.serverId, { vm_state: 'stopped', power_state: POWER.SHUTDOWN }),
    undone: ({ input, deps, error }) => settleFailed(deps.compute, input.serverId, error, activeOrStopped),
  })

function rebootSaga(task: TaskKind<OfServer>, how: 'soft' | 'hard', own: TaskState) {
  return saga<OfServer, Conductor>(task, {
    observe: actionEvent({ event: 'compute_reboot_instance', notifies: 'reboot' }),
  })
    .step('guest', {
      do: async ({ input, deps, signal }) => {
        const row = await serverOf(deps.compute, input.serverId)
        const { wait_soft_reboot_seconds: timeout } = deps.compute.options
        const limits = { timeout: LONG_CALL, signal }
        await agentOf(deps, row.host!).reboot({ guest: guestOf(row), how, timeout }, limits)
        return powerStateOf(deps, row)
      },
      undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
    })
    .end({
      done: ({ input, deps, done }) =>
        settleFrom(deps.compute, input.serverId, own, { vm_state: 'active', power_state: done.guest }),
      undone: ({ input, deps, error }) =>
        settleFailedFrom(deps.compute, input.serverId, own, { error, stateOf: activeIfRunning }),
    })
}

export const rebootServer = rebootSaga(rebootServerTask, 'soft', 'rebooting')
export const hardRebootServer = rebootSaga(hardRebootServerTask, 'hard', 'rebooting_hard')
