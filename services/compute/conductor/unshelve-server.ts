// server.unshelve: a server that left its host is made anew, from the image of its disk, on a host that has room.
import { elevated } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { saga } from '@kilonova/tasks/saga'
import type { GuestImage } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { guestImage } from '../servers/image-for-server.ts'
import { actionEvent, actionEvents } from '../servers/instance-action.ts'
import { forgetShelved, shelvedServer } from '../servers/shelved.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { OfServer, UnshelveServer } from '../servers/tasks.ts'
import { unshelveInPlaceTask, unshelveServerTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import { makeGuest, removeGuest } from './build-server.ts'
import { claimHost } from './choose-host.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import { untilPlugged } from './plugged.ts'
import { bindPorts, takePortsOffHost } from './ports.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'

const observe = actionEvents<UnshelveServer>(
  [
    { event: 'get_image_info', begins: 'image' },
    { event: 'schedule_instances', begins: 'host' },
    { event: 'compute_unshelve_instance', begins: 'ports' },
  ],
  { task: 'unshelve' },
)

/** The image of its disk, whoever's that is. It goes when the server is back. */
async function shelvedImage(
  { image, ...compute }: Compute,
  { serverId }: OfServer,
  context: Parameters<typeof elevated>[0],
) {
  const kept = await shelvedServer(compute, serverId)
  const missing = (error?: unknown) =>
    fault('ShelvedImageMissing', { id: serverId, image: kept?.image_id ?? '' }, error)
  if (!kept) throw missing()
  const shown = await image.show(elevated(context), kept.image_id).catch((error: unknown) => {
    throw isFault(error, 'ImageNotFound') ? missing(error) : error
  })
  if (shown.status !== 'active') throw missing()
  return { ...guestImage(shown), standsAlone: true }
}

/** Its own image, as large as that of its disk where that is larger: what was a whole device needs one as large. */
const largerOf = (own: GuestImage, kept: GuestImage): GuestImage => ({
  ...own,
  virtualSize: Math.max(own.virtualSize ?? 0, kept.virtualSize ?? 0),
})

export const unshelveServer = saga<UnshelveServer, Conductor>(unshelveServerTask, { observe })
  .step('image', {
    do: ({ input, deps, context }): Promise<GuestImage> => shelvedImage(deps.compute, input, context),
  })
  .step('host', {
    do: async ({ input, done, deps: { compute } }) => {
      const row = await serverOf(compute, input.serverId)
      const wanted = { ...row, image_json: JSON.stringify(largerOf(parsed(row.image_json!), done.image)) }
      const where = { excluded: [], forcedHost: null, destination: input.host }
      const chosen = await claimHost(compute, wanted, { serverId: input.serverId, ...where })
      await updateServer(compute, row.id, { host: chosen.host, node: chosen.node })
      return chosen
    },
    undo: async ({ input, deps: { compute } }) => {
      await compute.placement.release(input.serverId)
      await updateServer(compute, input.serverId, { host: null, node: null })
    },
  })
  .step('ports', {
    do: async ({ input, done, deps: { compute }, context }) => {
      await bindPorts(compute, context, await serverOf(compute, input.serverId), done.host.host)
    },
    undo: async ({ input, deps: { compute }, context }) => {
      const row = await findServer(compute, input.serverId)
      if (row) await takePortsOffHost(compute, context, row)
    },
  })
  .step('cache', {
    do: async ({ done, deps, signal }) => {
      await agentOf(deps, done.host.host).prepareImage(done.image, { timeout: LONG_CALL, signal })
    },
    timeout: 1800,
  })
  .step('guest', {
    do: async ({ input, done, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await makeGuest(deps, { row, host: done.host.host, image: done.image, signal })
    },
    undo: async ({ input, done, deps, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (row) await removeGuest(deps, row, done.host.host, signal)
      await updateServer(deps.compute, input.serverId, { disks_json: '[]', devices_json: '[]' })
    },
    timeout: 1800,
  })
  .step('plugged', {
    do: async ({ input, deps: { compute }, waited }) =>
      untilPlugged(compute, await serverOf(compute, input.serverId), waited),
  })
  .step('run', {
    do: async ({ input, done, deps, signal }) => {
      const agent = agentOf(deps, done.host.host)
      await agent.resumeGuest({ id: input.serverId }, { signal })
      const state = await agent.powerState({ id: input.serverId }, { signal })
      if (state !== POWER.RUNNING) throw fault('GuestNotRunning', { id: input.serverId })
    },
  })
  .end({
    done: async ({ input, deps: { compute }, context }) => {
      await forgetShelved(compute, context, input.serverId)
      const states = { vm_state: 'active', power_state: POWER.RUNNING, launched_at: compute.clock.now() } as const
      await settleFrom(compute, input.serverId, 'unshelving', states)
    },
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'unshelving', { error, stateOf: () => 'shelved_offloaded' }),
  })

export const unshelveInPlace = saga<OfServer, Conductor>(unshelveInPlaceTask, {
  observe: actionEvent({ event: 'compute_unshelve_instance', notifies: 'unshelve' }),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).start(guestOf(row), { timeout: LONG_CALL, signal })
    },
    undo: async ({ input, deps, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (row?.host) await agentOf(deps, row.host).stop({ id: row.id, how: 'force' }, { signal })
      await lookAtGuest(deps, input.serverId)
    },
  })
  .end({
    done: async ({ input, deps: { compute }, context }) => {
      await forgetShelved(compute, context, input.serverId)
      await settleFrom(compute, input.serverId, 'unshelving', { vm_state: 'active', power_state: POWER.RUNNING })
    },
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'unshelving', { error, stateOf: () => 'shelved' }),
  })
