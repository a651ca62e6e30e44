// server.start, server.stop and server.reboot: one call to the host each.
import { isFault } from '@kilonova/base/fault'
import type { TaskError } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change } from '../servers/lifecycle.ts'
import type { VmState } from '../servers/state.ts'
import { findServer } from '../servers/store.ts'
import type { OfServer, RebootServer } from '../servers/tasks.ts'
import { rebootServerTask, startServerTask, stopServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import { keepFault } from './server-fault.ts'

/** The task state goes, unless a delete has taken it over meanwhile. */
async function settle(compute: Compute, id: string, states: Parameters<typeof change>[2]): Promise<void> {
  const row = await findServer(compute, id)
  if (!row || row.task_state === 'deleting') return
  await change(compute, id, { ...states, task_state: null })
}

/** The guest as it really is. */
function powerStateOf(deps: Conductor, row: ServerRow): Promise<PowerState> {
  return agentOf(deps, row.host!).powerState({ id: row.id })
}

/** What failed may have taken effect: the guest is looked at. Of a host that does not answer nothing is known. */
async function lookAtGuest(deps: Conductor, id: string): Promise<void> {
  const row = await findServer(deps.compute, id)
  if (!row || row.host === null || row.task_state === 'deleting') return
  const state = await powerStateOf(deps, row).catch((error: unknown) => {
    if (isFault(error)) return POWER.NOSTATE
    throw error
  })
  await change(deps.compute, id, { power_state: state })
}

type StateOf = (row: ServerRow) => VmState

/** A server that was neither active nor stopped stays what it was. */
const asItsGuest: StateOf = ({ vm_state: before, power_state: power }) => {
  if (before !== 'active' && before !== 'stopped') return before as VmState
  if (power === POWER.RUNNING) return 'active'
  return power === POWER.SHUTDOWN || power === POWER.CRASHED ? 'stopped' : before
}

const activeIfRunning: StateOf = ({ power_state: power }) => (power === POWER.RUNNING ? 'active' : 'error')

/** Keeps why it failed, and shows the server as its guest was found. */
async function settleFailed(compute: Compute, id: string, error: TaskError, stateOf: StateOf): Promise<void> {
  const row = await findServer(compute, id)
  if (!row) return
  await keepFault(compute, row, error)
  await settle(compute, id, { vm_state: stateOf(row) })
}

export const startServer = saga<OfServer, Conductor>(startServerTask, {
  observe: actionEvent({ event: 'compute_start_instance' }),
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
    undone: ({ input, deps, error }) => settleFailed(deps.compute, input.serverId, error, asItsGuest),
  })

export const stopServer = saga<OfServer, Conductor>(stopServerTask, {
  observe: actionEvent({ event: 'compute_stop_instance' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const { shutdown_timeout: timeout } = deps.compute.options
      await agentOf(deps, row.host!).stop(
        { id: row.id, how: timeout > 0 ? 'acpi' : 'force', timeout },
        { timeout: LONG_CALL, signal },
      )
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps }) =>
      settle(deps.compute, input.serverId, { vm_state: 'stopped', power_state: POWER.SHUTDOWN }),
    undone: ({ input, deps, error }) => settleFailed(deps.compute, input.serverId, error, asItsGuest),
  })

export const rebootServer = saga<RebootServer, Conductor>(rebootServerTask, {
  observe: actionEvent({ event: 'compute_reboot_instance' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const { wait_soft_reboot_seconds: timeout } = deps.compute.options
      await agentOf(deps, row.host!).reboot(
        { guest: guestOf(row), how: input.how, timeout },
        { timeout: LONG_CALL, signal },
      )
      return powerStateOf(deps, row)
    },
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .end({
    done: ({ input, deps, done }) =>
      settle(deps.compute, input.serverId, { vm_state: 'active', power_state: done.guest }),
    undone: ({ input, deps, error }) => settleFailed(deps.compute, input.serverId, error, activeIfRunning),
  })
