// server.rescue and server.unrescue: a guest boots from another image, its own disks beside it, and from them again.
import { saga } from '@kilonova/tasks/saga'
import type { GuestRescue, GuestSpec } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { OfServer, RescueServer } from '../servers/tasks.ts'
import { rescueServerTask, unrescueServerTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import { bootGuest, bringGuestBack, shutGuestDown } from './guest-off-and-back.ts'
import { activeOrStopped, settleFailedFrom, settleFrom } from './settle-server.ts'

/** Seconds: images may have to be fetched and guests to be waited for. */
const timeout = LONG_CALL / 1000

const rescueOf = ({ rescue_json: json }: ServerRow): GuestRescue => parsed(json!)
const rescuedGuestOf = (row: ServerRow): GuestSpec => ({ ...guestOf(row), rescue: rescueOf(row) })
const ownGuestOf = (row: ServerRow): GuestSpec => ({ ...guestOf(row), rescue: null })

/** The server unless it is being deleted, which takes everything away itself. */
async function kept({ compute }: Conductor, id: string): Promise<ServerRow | undefined> {
  const row = await findServer(compute, id)
  return row?.task_state === 'deleting' ? undefined : row
}

export const rescueServer = saga<RescueServer, Conductor>(rescueServerTask, {
  observe: actionEvent({
    event: 'compute_rescue_instance',
    notifies: { task: 'rescue', details: ({ input }) => ({ rescueImageId: input.rescueImage }) },
  }),
})
  .step('image', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).prepareImage(rescueOf(row).image, { timeout: LONG_CALL, signal })
    },
  })
  .step('disks', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const agent = agentOf(deps, row.host!)
      if (input.leftover) await agent.removeRescueDisks({ id: row.id }, { signal })
      const { image } = rescueOf(row)
      const disks = await agent.createRescueDisks({ guest: ownGuestOf(row), image }, { timeout: LONG_CALL, signal })
      await updateServer(deps.compute, row.id, { rescue_json: JSON.stringify({ image, disks }) })
    },
    undo: async ({ input, deps, signal }) => {
      const row = await kept(deps, input.serverId)
      if (row) await agentOf(deps, row.host!).removeRescueDisks({ id: row.id }, { signal })
    },
  })
  .step('off', {
    timeout,
    do: async ({ input, deps, signal }) => shutGuestDown(deps, await serverOf(deps.compute, input.serverId), signal),
    undo: async ({ input, deps, signal }) => {
      const row = await kept(deps, input.serverId)
      if (row) await bringGuestBack(deps, ownGuestOf(row), { host: row.host!, runs: input.ran, signal })
    },
  })
  .step('guest', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await bootGuest(deps, rescuedGuestOf(row), row.host!, signal)
    },
    undo: async ({ input, deps, signal }) => {
      const row = await kept(deps, input.serverId)
      if (row) await agentOf(deps, row.host!).stop({ id: row.id, how: 'force' }, { signal })
    },
  })
  .end({
    done: async ({ input, deps: { compute } }) => {
      await updateServer(compute, input.serverId, { admin_pass: null })
      await settleFrom(compute, input.serverId, 'rescuing', {
        vm_state: 'rescued',
        power_state: POWER.RUNNING,
        launched_at: compute.clock.now(),
      })
    },
    undone: async ({ input, deps: { compute }, error }) => {
      await updateServer(compute, input.serverId, { admin_pass: null, rescue_json: null })
      await settleFailedFrom(compute, input.serverId, 'rescuing', { error, stateOf: activeOrStopped })
    },
  })

export const unrescueServer = saga<OfServer, Conductor>(unrescueServerTask, {
  observe: actionEvent({ event: 'compute_unrescue_instance', notifies: 'unrescue' }),
})
  .step('off', {
    do: async ({ input, deps, signal }) => {
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).stop({ id, how: 'force' }, { signal })
    },
    undo: async ({ input, deps, signal }) => {
      const row = await stillRescued(deps, input.serverId)
      if (row) await bringGuestBack(deps, rescuedGuestOf(row), { host: row.host!, runs: true, signal })
    },
  })
  .step('guest', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).start(ownGuestOf(row), { timeout: LONG_CALL, signal })
    },
    undo: async ({ input, deps, signal }) => {
      const row = await stillRescued(deps, input.serverId)
      if (row) await agentOf(deps, row.host!).stop({ id: row.id, how: 'force' }, { signal })
    },
  })
  .step('switch', {
    do: async ({ input, deps, signal }) => {
      await updateServer(deps.compute, input.serverId, { rescue_json: null })
      const { id, host } = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, host!).removeRescueDisks({ id }, { signal })
    },
    // From the record on there is no way back: what is left of the rescue still has to go.
    undo: async ({ input, deps, signal }) => {
      const row = await kept(deps, input.serverId)
      if (row?.rescue_json === null) await agentOf(deps, row.host!).removeRescueDisks({ id: row.id }, { signal })
    },
  })
  .end({
    done: ({ input, deps: { compute } }) =>
      settleFrom(compute, input.serverId, 'unrescuing', { vm_state: 'active', power_state: POWER.RUNNING }),
    undone: ({ input, deps: { compute }, error }) =>
      settleFailedFrom(compute, input.serverId, 'unrescuing', {
        error,
        stateOf: ({ rescue_json: rescue }) => (rescue === null ? 'active' : 'rescued'),
      }),
  })

/** The server while its rescue can still be gone back to. */
async function stillRescued(deps: Conductor, id: string): Promise<ServerRow | undefined> {
  const row = await kept(deps, id)
  return row?.rescue_json === null ? undefined : row
}
