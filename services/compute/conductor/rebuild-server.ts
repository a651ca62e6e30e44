// server.rebuild: new disks beside the old ones, then the guest boots from them, then the old ones go.
// Until the record names the new disks everything can be undone; from then on only what is left behind is cleared.
// A whole device has no place beside it: the record names what it shall hold before that is written.
import type { TaskError, TaskEvent } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import type { GuestDisk, GuestSpec } from '../agent/guest-spec.ts'
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { enterTaskState } from '../servers/lifecycle.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { RebuildServer, RebuiltColumns } from '../servers/tasks.ts'
import { rebuildServerTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import type { Observed } from '../servers/work-notices.ts'
import { checkHostForImage } from './choose-host.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, guestToPlan, serverOf } from './guest.ts'
import { bootGuest, bringGuestBack, shutGuestDown } from './guest-off-and-back.ts'
import { namePorts } from './ports.ts'
import { rebuildWork } from './rebuild-work.ts'
import { keepFault } from './server-fault.ts'
import { activeOrStopped, lookAtGuest, powerStateOf, settleFailedFrom, settleFrom } from './settle-server.ts'

/** Seconds: images may have to be fetched and guests to be waited for. */
const timeout = LONG_CALL / 1000

/** What users see the server doing from each step on. */
const STATES: Record<string, TaskState> = {
  disks: 'rebuild_block_device_mapping',
  guest: 'rebuild_spawning',
  offAgain: 'powering-off',
}
const OWN: readonly TaskState[] = ['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning', 'powering-off']

const work = rebuildWork<RebuildServer>()

async function observe(event: TaskEvent, run: Observed<RebuildServer>): Promise<void> {
  const { input, deps } = run
  const state = event.kind === 'step-started' && event.direction === 'do' ? STATES[event.step] : undefined
  const isShown = state !== undefined && (state !== 'powering-off' || input.staysOff)
  if (isShown) await enterTaskState(deps.compute, input.serverId, state, OWN)
  await work(event, run)
}

interface Plan {
  /** What it is to have, and what it has. */
  disks: GuestDisk[]
  old: GuestDisk[]
}

const liesWhere = ({ source }: GuestDisk, others: readonly GuestDisk[]): GuestDisk | undefined =>
  others.find((other) => other.source.path === source.path)

/** The disks of the record stay while it is what it was; volumes belong to both. */
const without = (disks: readonly GuestDisk[], others: readonly GuestDisk[]): GuestDisk[] =>
  disks.filter((disk) => !liesWhere(disk, others))

/** Disks that are written where one of the old ones lies: whole devices. */
function inPlace({ disks, old }: Plan): GuestDisk[] {
  return disks.filter((disk) => {
    const before = liesWhere(disk, old)
    return before !== undefined && before.generation !== disk.generation
  })
}

/** The server's row with what the request has not changed since put back. */
function asBefore(row: ServerRow, { before, after }: RebuildServer): ServerRow {
  return { ...row, ...unchangedSince(row, before, after) }
}

function unchangedSince(row: ServerRow, before: RebuiltColumns, after: RebuiltColumns): RebuiltColumns {
  const columns = (Object.keys(before) as (keyof RebuiltColumns)[]).filter((column) => row[column] === after[column])
  return Object.fromEntries(columns.map((column) => [column, before[column]]))
}

const disksOf = (row: ServerRow): GuestDisk[] => parsed(row.disks_json)

/** The guest as it was before; with the disks given as it is to be. */
const oldGuest = (row: ServerRow, input: RebuildServer): GuestSpec => guestOf(asBefore(row, input))
const newGuest = (row: ServerRow, disks: GuestDisk[]): GuestSpec => ({ ...guestOf(row), disks })

/** The server while the old disks are its disks: not once the new ones are, nor when it is being deleted. */
async function stillOld({ compute }: Conductor, id: string, planned: GuestDisk[]): Promise<ServerRow | undefined> {
  const row = await findServer(compute, id)
  return row && row.task_state !== 'deleting' && !isSwitched(row, planned) ? row : undefined
}

const isSwitched = (row: ServerRow, planned: GuestDisk[]): boolean =>
  planned.every((disk) => {
    const recorded = liesWhere(disk, disksOf(row))
    return recorded !== undefined && recorded.generation === disk.generation
  })

export const rebuildServer = saga<RebuildServer, Conductor>(rebuildServerTask, { observe })
  .step('host', {
    do: async ({ input, deps: { compute } }) => {
      if (input.newImage) await checkHostForImage(compute, await serverOf(compute, input.serverId))
    },
  })
  .step('image', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await agentOf(deps, row.host!).prepareImage(parsed(row.image_json!), { timeout: LONG_CALL, signal })
    },
  })
  .step('plan', {
    do: async ({ input, deps, taskId, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      const how = { generation: taskId.slice(0, 8), keepsEphemeral: input.preserveEphemeral }
      const guest = await guestToPlan(deps.compute, guestOf(row))
      const disks = await agentOf(deps, row.host!).planRebuild({ guest, ...how }, { signal })
      return { disks, old: disksOf(row) }
    },
  })
  .step('disks', {
    timeout,
    do: async ({ input, deps, done, signal }): Promise<GuestDisk[]> => {
      const row = await serverOf(deps.compute, input.serverId)
      const beside = without(done.plan.disks, inPlace(done.plan))
      if (beside.every(({ role }) => role === 'volume')) return beside
      const limits = { timeout: LONG_CALL, signal }
      return agentOf(deps, row.host!).createDisks(newGuest(row, beside), limits)
    },
    undo: async ({ input, deps, done, signal }) => {
      const { disks, old } = done.plan
      const row = await findServer(deps.compute, input.serverId)
      if (!row || row.task_state === 'deleting') return
      const gone = isSwitched(row, disks) ? without(old, disks) : without(disks, old)
      await agentOf(deps, row.host!).removeDisks({ id: row.id, disks: gone }, { signal })
    },
  })
  .step('off', {
    timeout,
    do: async ({ input, deps, signal }) => shutGuestDown(deps, await serverOf(deps.compute, input.serverId), signal),
    undo: async ({ input, deps, done, signal }) => {
      const row = await stillOld(deps, input.serverId, done.plan.disks)
      if (row) await bringGuestBack(deps, oldGuest(row, input), { host: row.host!, runs: input.ran, signal })
    },
  })
  .step('ports', {
    do: async ({ input, deps: { compute }, context }) => {
      if (input.after.hostname !== undefined) {
        await namePorts(compute, context, await serverOf(compute, input.serverId))
      }
    },
    undo: async ({ input, deps, done, context }) => {
      if (input.after.hostname === undefined) return
      const row = await stillOld(deps, input.serverId, done.plan.disks)
      if (row) await namePorts(deps.compute, context, asBefore(row, input))
    },
  })
  .step('inPlace', {
    timeout,
    do: async ({ input, deps, done, signal }) => {
      if (inPlace(done.plan).length === 0) return done.disks
      const { disks } = done.plan
      // What is on the device is lost from here on, whatever happens.
      await updateServer(deps.compute, input.serverId, { disks_json: JSON.stringify(disks) })
      const row = await serverOf(deps.compute, input.serverId)
      return agentOf(deps, row.host!).createDisks(newGuest(row, disks), { timeout: LONG_CALL, signal })
    },
    undo: async ({ input, deps, done }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (row && isSwitched(row, done.plan.disks)) await lookAtGuest(deps, row.id)
    },
  })
  .step('guest', {
    timeout,
    do: async ({ input, deps, done, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      return { devices: await bootGuest(deps, newGuest(row, done.inPlace), row.host!, signal) }
    },
    undo: async ({ input, deps, done, signal }) => {
      const row = await stillOld(deps, input.serverId, done.plan.disks)
      if (row) await agentOf(deps, row.host!).stop({ id: row.id, how: 'force' }, { signal })
    },
  })
  .step('offAgain', {
    timeout,
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      if (input.staysOff) await shutGuestDown(deps, row, signal)
      return powerStateOf(deps, row)
    },
  })
  .step('switch', {
    do: async ({ input, deps, done, signal }) => {
      const root = done.inPlace.find(({ role }) => role === 'root')
      await updateServer(deps.compute, input.serverId, {
        disks_json: JSON.stringify(done.inPlace),
        devices_json: JSON.stringify(done.guest.devices),
        root_device_name: root ? `/dev/${root.target}` : null,
      })
      const row = await serverOf(deps.compute, input.serverId)
      const gone = without(done.plan.old, done.inPlace)
      await agentOf(deps, row.host!).removeDisks({ id: row.id, disks: gone }, { signal })
    },
  })
  .end({
    done: ({ input, done, deps: { compute } }) => {
      const state = input.staysOff ? 'stopped' : 'active'
      return settleRebuilt(compute, input, { vm_state: state, power_state: done.offAgain })
    },
    undone: async ({ input, done, deps: { compute }, error }) => {
      const row = await findServer(compute, input.serverId)
      if (!row) return
      if (!done.plan || !isSwitched(row, done.plan.disks)) return settleAsBefore(compute, row, input, error)
      await keepFault(compute, row, error)
      const power_state = row.power_state as PowerState
      await settleRebuilt(compute, input, { vm_state: done.guest ? stateAs(input, power_state) : 'error', power_state })
    },
  })

/** Of a rebuilt server whose guest was found so. */
function stateAs({ staysOff }: RebuildServer, power: PowerState): VmState {
  if (power === POWER.RUNNING) return 'active'
  return staysOff || power === POWER.SHUTDOWN || power === POWER.CRASHED ? 'stopped' : 'active'
}

/** What only its config drive was to say is forgotten; a password that the old guest posted is nobody's now. */
async function settleRebuilt(
  compute: Compute,
  input: RebuildServer,
  states: { vm_state: VmState; power_state: PowerState },
): Promise<void> {
  await updateServer(compute, input.serverId, { admin_pass: null, files_json: null, encrypted_password: '' })
  await settleFrom(compute, input.serverId, OWN, {
    ...states,
    launched_at: compute.clock.now(),
    progress: 0,
  })
}

async function settleAsBefore(compute: Compute, row: ServerRow, input: RebuildServer, error: TaskError): Promise<void> {
  const columns = unchangedSince(row, input.before, input.after)
  await updateServer(compute, row.id, { ...columns, admin_pass: null, files_json: null })
  await settleFailedFrom(compute, row.id, OWN, { error, stateOf: activeOrStopped })
}
