// server.start, server.stop and server.reboot: one call to the host each.
import type { TaskError } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change } from '../servers/lifecycle.ts'
import { findServer, insertFault } from '../servers/store.ts'
import type { OfServer, RebootServer } from '../servers/tasks.ts'
import { rebootServerTask, startServerTask, stopServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'

/** The task state goes, unless a delete has taken it over meanwhile. */
async function settle(compute: Compute, id: string, states: Parameters<typeof change>[2]): Promise<void> {
  const row = await findServer(compute, id)
  if (!row || row.task_state === 'deleting') return
  await change(compute, id, { ...states, task_state: null })
}

async function keepFault(compute: Compute, id: string, error: TaskError): Promise<ServerRow | undefined> {
  const row = await findServer(compute, id)
  if (row) await insertFault(compute, row, { code: error.status ?? 500, message: error.message, details: '' })
  return row
}

/** The guest as it really is decides what the server is after a failure. */
async function powerStateOf(deps: Conductor, row: ServerRow): Promise<number> {
  return agentOf(deps, row.host!).powerState({ id: row.id })
}

export const startServer = saga<OfServer, Conductor>(startServerTask, {
  observe: actionEvent({ event: 'compute_start_instance' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).start(guestOf(row), { timeout: LONG_CALL, signal })
    },
  })
  .end({
    done: ({ input, deps }) => settle(deps.compute, input.serverId, { vm_state: 'active', power_state: POWER.RUNNING }),
    undone: async ({ input, deps, error }) => {
      await keepFault(deps.compute, input.serverId, error)
      await settle(deps.compute, input.serverId, {})
    },
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
  })
  .end({
    done: ({ input, deps }) =>
      settle(deps.compute, input.serverId, { vm_state: 'stopped', power_state: POWER.SHUTDOWN }),
    undone: async ({ input, deps, error }) => {
      await keepFault(deps.compute, input.serverId, error)
      await settle(deps.compute, input.serverId, {})
    },
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
  })
  .end({
    done: ({ input, deps, done }) =>
      settle(deps.compute, input.serverId, { vm_state: 'active', power_state: done.guest }),
    undone: async ({ input, deps, error }) => {
      await keepFault(deps.compute, input.serverId, error)
      await settle(deps.compute, input.serverId, { vm_state: 'error' })
    },
  })
