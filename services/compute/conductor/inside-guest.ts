// server.change-password and server.trigger-crash-dump: one call to the host each, of which its guest makes the rest.
import { isFault } from '@kilonova/base/fault'
import { saga } from '@kilonova/tasks/saga'
import type { GuestImage } from '../agent/guest-spec.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { VmState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { OfServer } from '../servers/tasks.ts'
import { changePasswordTask, triggerCrashDumpTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import type { Conductor } from './conductor.ts'
import { agentOf } from './conductor.ts'
import { serverOf } from './guest.ts'
import { keepFault } from './server-fault.ts'
import type { StateOf } from './settle-server.ts'
import { settleFailedFrom, settleFrom } from './settle-server.ts'

const asBefore: StateOf = ({ vm_state: before }) => before as VmState

/** Who administers the system in the image. */
function administrator({ image_json: image }: ServerRow): string {
  const { properties } = image === null ? { properties: {} as Record<string, string> } : parsed<GuestImage>(image)
  return properties['os_admin_user'] ?? (properties['os_type'] === 'windows' ? 'Administrator' : 'root')
}

export const changePassword = saga<OfServer, Conductor>(changePasswordTask, {
  observe: actionEvent({ event: 'compute_set_admin_password' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const agent = agentOf(deps, row.host!)
      await agent.setPassword!({ id: row.id, user: administrator(row), password: row.admin_pass ?? '' }, { signal })
    },
  })
  .end({
    done: async ({ input, deps: { compute } }) => {
      await updateServer(compute, input.serverId, { admin_pass: null })
      await settleFrom(compute, input.serverId, 'updating_password', {})
    },
    undone: async ({ input, deps: { compute }, error }) => {
      await updateServer(compute, input.serverId, { admin_pass: null })
      await settleFailedFrom(compute, input.serverId, 'updating_password', { error, stateOf: asBefore })
    },
  })

export const triggerCrashDump = saga<OfServer, Conductor>(triggerCrashDumpTask, {
  observe: actionEvent({ event: 'compute_trigger_crash_dump', notifies: 'trigger_crash_dump' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      try {
        await agentOf(deps, host!).triggerCrashDump!({ id }, { signal })
      } catch (error) {
        throw isFault(error, 'GuestNotFound') ? fault('InstanceNotReady', { id }, error) : error
      }
    },
  })
  .end({
    undone: async ({ input, deps: { compute }, error }) => {
      const row = await findServer(compute, input.serverId)
      if (row) await keepFault(compute, row, error)
    },
  })
