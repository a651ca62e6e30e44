// server.shelve: the guest goes off and its root disk becomes an image. server.shelve-offload: it leaves its host.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change } from '../servers/lifecycle.ts'
import { rememberShelved } from '../servers/shelved.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { OffloadServer, SnapshotServer } from '../servers/tasks.ts'
import { offloadServerTask, shelveServerTask } from '../servers/tasks.ts'
import type { Observed } from '../servers/work-notices.ts'
import { workNotices } from '../servers/work-notices.ts'
import { removeGuest } from './build-server.ts'
import type { Conductor } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import { bringGuestBack, shutGuestDown } from './guest-off-and-back.ts'
import { bindPorts, takePortsOffHost } from './ports.ts'
import type { StateOf } from './settle-server.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'
import { clearCopy, copyDisk, dropItsImage, expectImage, inStates, removeCopy, sendCopy } from './snapshot-steps.ts'

const SHELVING: readonly TaskState[] = ['shelving', 'shelving_image_pending_upload', 'shelving_image_uploading']
const STATES = { copy: 'shelving_image_pending_upload', upload: 'shelving_image_uploading' } as const

/** What was paused was put off, and its memory is gone. */
const asItsGuest: StateOf = ({ vm_state: before, power_state: power }) => {
  if (power === POWER.RUNNING) return 'active'
  if (power === POWER.PAUSED) return 'paused'
  return before === 'active' || before === 'paused' ? 'stopped' : (before as VmState)
}

export const shelveServer = saga<SnapshotServer, Conductor>(shelveServerTask, {
  observe: inStates(SHELVING, STATES, actionEvent({ event: 'compute_shelve_instance', notifies: 'shelve' })),
})
  .step('image', { do: expectImage, undo: dropItsImage })
  .step('guest', {
    do: async ({ input, deps, signal }) => shutGuestDown(deps, await serverOf(deps.compute, input.serverId), signal),
    undo: async ({ input, deps, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (!row) return
      if (row.vm_state === 'active' && row.task_state !== 'deleting')
        await bringGuestBack(deps, guestOf(row), { host: row.host!, runs: true, signal })
      else await lookAtGuest(deps, row.id)
    },
  })
  .step('copy', { do: copyDisk, undo: removeCopy })
  .step('upload', { do: (run) => sendCopy(run, run.done.copy) })
  .step('clean', { do: clearCopy })
  .end({
    done: async ({ input, deps: { compute }, context }) => {
      await rememberShelved(compute, input.serverId, input.imageId)
      const row = await findServer(compute, input.serverId)
      if (!row || !SHELVING.includes(row.task_state as TaskState)) return
      const leaves = compute.options.shelved_offload_time === 0
      const states = { vm_state: 'shelved', power_state: POWER.SHUTDOWN, progress: 0 } as const
      await change(compute, row.id, { ...states, task_state: leaves ? 'shelving_offloading' : null }, row)
      if (leaves) await compute.tasks.enqueue(offloadServerTask, { input: { ...input, asked: false }, context })
    },
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, SHELVING, { error, stateOf: asItsGuest }),
  })

const tellOffload = workNotices<OffloadServer>({ task: 'shelve_offload' }, undefined)
const recordOffload = actionEvent<OffloadServer>({
  event: 'compute_shelve_offload_instance',
  notifies: 'shelve_offload',
})

/** There is no way back: after a failure the server is still shelved, and is offloaded at another time. */
export const offloadServer = saga<OffloadServer, Conductor>(offloadServerTask, {
  observe: (event, run: Observed<OffloadServer>) =>
    run.input.asked ? recordOffload(event, run) : tellOffload(event, run, true),
})
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      if (row.host === null) return
      await removeGuest(deps, row, row.host, signal)
      await updateServer(deps.compute, row.id, { disks_json: '[]', devices_json: '[]' })
    },
    timeout: 1800,
  })
  .step('ports', {
    do: async ({ input, deps: { compute }, context }) =>
      takePortsOffHost(compute, context, await serverOf(compute, input.serverId)),
    undo: async ({ input, deps: { compute }, context }) => {
      const row = await findServer(compute, input.serverId)
      if (row?.host) await bindPorts(compute, context, row, row.host)
    },
  })
  .end({
    done: async ({ input, deps: { compute } }) => {
      await compute.placement.release(input.serverId)
      await updateServer(compute, input.serverId, { host: null, node: null })
      const states = { vm_state: 'shelved_offloaded', power_state: POWER.NOSTATE } as const
      await settleFrom(compute, input.serverId, 'shelving_offloading', states)
    },
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'shelving_offloading', { error, stateOf: () => 'shelved' }),
  })
