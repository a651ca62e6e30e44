// server.delete: guest, ports and claim go, then the row. There is no way back: a failure that
// does not go away by itself leaves the server in error with what it still has, until it is deleted again.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { removeTokensOf } from '../consoles/tokens.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change } from '../servers/lifecycle.ts'
import { forgetShelved } from '../servers/shelved.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { OfServer } from '../servers/tasks.ts'
import { deleteServerTask } from '../servers/tasks.ts'
import { isHostUp } from '../services/liveness.ts'
import { removeGuest } from './build-server.ts'
import type { Conductor } from './conductor.ts'
import { endMove, leaveOtherHosts } from './confirm-resize.ts'
import { dismissStuck } from './dismiss-stuck.ts'
import { releasePorts } from './ports.ts'
import { keepFault } from './server-fault.ts'

export const deleteServer = saga<OfServer, Conductor>(deleteServerTask, {
  observe: actionEvent({
    event: 'compute_terminate_instance',
    notifies: { task: 'delete', steps: { guest: 'shutdown' } },
  }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (!row) return
      await leaveOtherHosts(deps, row, signal)
      if (row.host === null) return
      // A host that is down takes the guest away itself when it comes back and finds that its server is gone.
      if (await isHostUp(deps.compute, row.host)) await removeGuest(deps, row, row.host, signal)
    },
    timeout: 1800,
  })
  .step('ports', {
    do: async ({ input, deps: { compute }, context }) => {
      const row = await findServer(compute, input.serverId)
      if (row) await releasePorts(compute, context, row)
    },
  })
  .step('claim', {
    do: async ({ input, deps }) => {
      await endMove(deps, input.serverId)
      await deps.compute.placement.release(input.serverId)
    },
  })
  .end({
    done: async ({ input, deps: { compute }, context }) => {
      await forgetShelved(compute, context, input.serverId)
      const now = compute.clock.now()
      const gone = {
        vm_state: 'deleted',
        task_state: null,
        power_state: POWER.NOSTATE,
        terminated_at: now,
        deleted_at: now,
      } as const
      await change(compute, input.serverId, gone)
      await removeTokensOf(compute, input.serverId)
      await dismissStuck(compute, input.serverId, 'its server is gone')
    },
    undone: async ({ input, deps: { compute }, error }) => {
      const row = await findServer(compute, input.serverId)
      if (!row) return
      await keepFault(compute, row, error)
      const claims = await compute.placement.allocationsOf(row.id)
      // It lives nowhere any more once its claim, the last of it, is gone.
      if (Object.keys(claims).length === 0) await updateServer(compute, row.id, { host: null, node: null })
      await change(compute, row.id, { vm_state: 'error', task_state: null })
    },
  })
