// server.resize and server.migrate: the guest goes off, its disks are copied, and it comes up as it shall be. What it was
// stays on the source until that is confirmed or reverted; a move that fails leads back to it.
import type { TaskEvent, TaskKind } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import type { Side } from '../migrations/side.ts'
import { columnsOf, disksOnlyOf } from '../migrations/side.ts'
import { migrationOf, updateMigration } from '../migrations/store.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvents } from '../servers/instance-action.ts'
import { change, enterTaskState } from '../servers/lifecycle.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { MoveServer } from '../servers/tasks.ts'
import { migrateServerTask, resizeServerTask } from '../servers/tasks.ts'
import type { Observed } from '../servers/work-notices.ts'
import { claimDestination, releaseDestination, sidesOf } from './claim-move.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestToPlan, serverOf } from './guest.ts'
import {
  bindPorts,
  bringBack,
  bringUp,
  COPY_CALL,
  cleanHost,
  destroyIfUp,
  guestOn,
  takeDown,
  withdrawDisks,
} from './move-guest.ts'
import { untilPlugged } from './plugged.ts'
import { keepFlavor } from './scheduling-request.ts'
import { settleFailed } from './settle-server.ts'

const recordEvents = actionEvents<MoveServer>(
  [
    { event: 'conductor_migrate_server', begins: 'host' },
    { event: 'cold_migrate', begins: 'host' },
    { event: 'compute_prep_resize', begins: 'prep' },
    { event: 'compute_resize_instance', begins: 'off' },
    { event: 'compute_finish_resize', begins: 'guest' },
  ],
  {
    steps: { prep: 'resize_prep', disks: 'resize', guest: 'resize_finish' },
    fails: 'resize',
    unbegun: 'migrate_server',
    details: ({ done }) => {
      const { newFlavor } = (done['host'] ?? {}) as { newFlavor?: NewFlavor }
      return newFlavor ? { newFlavor } : {}
    },
  },
)
type NewFlavor = Side['flavor'] & { id: string }

/** What users see the server doing from each step on. */
const STATES: Record<string, TaskState> = { off: 'resize_migrating', switch: 'resize_migrated', guest: 'resize_finish' }
const OWN: readonly TaskState[] = ['resize_prep', ...Object.values(STATES)]

async function observe(event: TaskEvent, run: Observed<MoveServer>): Promise<void> {
  const state = event.kind === 'step-started' && event.direction === 'do' ? STATES[event.step] : undefined
  if (state) await enterTaskState(run.deps.compute, run.input.serverId, state, OWN)
  await recordEvents(event, run)
}

interface Move {
  input: MoveServer
  deps: Conductor
}

/** The server and both its sides, as the migration has them now. */
async function moveOf({ input, deps: { compute } }: Move) {
  const row = await serverOf(compute, input.serverId)
  const { before, after } = sidesOf(await migrationOf(compute, input.migrationId))
  return { row, before, after, staysOnHost: before.host === after.host }
}

/** The vm_state does not change on the way. */
const wasRunning = ({ vm_state: state }: ServerRow): boolean => state === 'active'

/** What its disks shall be on the host that it goes to, before any of them is made. */
async function planDisks(move: Move, signal: AbortSignal): Promise<void> {
  const { input, deps } = move
  const { row, before, after, staysOnHost } = await moveOf(move)
  const guest = await guestToPlan(deps.compute, { ...guestOn(row, before), flavor: after.flavor })
  const generation = staysOnHost ? input.migrationId.slice(0, 8) : null
  const disks = await agentOf(deps, after.host!).planMove({ guest, generation }, { signal })
  const root = disks.find(({ role }) => role === 'root')
  const side: Side = { ...after, disks, rootDeviceName: root ? `/dev/${root.target}` : null }
  await updateMigration(deps.compute, input.migrationId, { after_json: JSON.stringify(side) })
}

/** Those on the source stay. */
async function copyDisks(move: Move, signal: AbortSignal): Promise<void> {
  const { deps } = move
  const { row, before, after, staysOnHost } = await moveOf(move)
  const limits = { timeout: COPY_CALL, signal }
  const asked = { guest: { ...guestOn(row, before), flavor: after.flavor }, planned: after.disks }
  const target = agentOf(deps, after.host!)
  if (staysOnHost) {
    await target.copyDisks(asked, limits)
    return
  }
  const source = agentOf(deps, before.host)
  const offer = await source.offerDisks(asked.guest, limits)
  await target.takeDisks({ ...asked, offer }, limits)
  await source.withdrawDisks({ id: row.id }, limits)
}

/** What was made of its disks for the new side, whether that was finished or not. */
async function dropCopies(move: Move, signal: AbortSignal): Promise<void> {
  const { input, deps } = move
  const { row, before, after, staysOnHost } = await moveOf(move)
  if (after.host === null) return
  if (!staysOnHost) return cleanHost(deps, input, after.host, signal)
  const disks = disksOnlyOf(after, before)
  await agentOf(deps, before.host).removeDisks({ id: row.id, disks }, { timeout: LONG_CALL, signal })
}

function moveSaga(task: TaskKind<MoveServer>) {
  return saga<MoveServer, Conductor>(task, { observe })
    .step('host', {
      do: async ({ input, deps: { compute } }) =>
        claimDestination(compute, await serverOf(compute, input.serverId), input),
      undo: async ({ input, deps: { compute } }) => {
        const row = await findServer(compute, input.serverId)
        if (row) await releaseDestination(compute, row, input.migrationId)
      },
    })
    .step('prep', {
      do: (run) => planDisks(run, run.signal),
      undo: (run) => dropCopies(run, run.signal),
    })
    .step('off', {
      do: async (run) => {
        const { row, before } = await moveOf(run)
        await updateMigration(run.deps.compute, run.input.migrationId, { status: 'migrating' })
        await takeDown(run.deps, row, before.host, run.signal)
      },
      undo: async (run) => {
        const { row, before } = await moveOf(run)
        await withdrawDisks(run.deps, row.id, before.host)
        await bringBack(run.deps, row, { host: before.host, running: wasRunning(row), signal: run.signal })
      },
      timeout: LONG_CALL / 1000,
    })
    .step('disks', {
      do: (run) => copyDisks(run, run.signal),
      timeout: COPY_CALL / 1000,
    })
    .step('ports', {
      do: async (run) => {
        const { row, after } = await moveOf(run)
        await bindPorts(run.deps.compute, run.context, row, after)
      },
      undo: async (run) => {
        const { row, before } = await moveOf(run)
        await bindPorts(run.deps.compute, run.context, row, before)
      },
    })
    .step('switch', {
      do: async (run) => {
        const { after } = await moveOf(run)
        await become(run, { side: after, status: 'post-migrating' })
      },
      undo: async (run) => {
        const { before } = await moveOf(run)
        await become(run, { side: before, status: 'migrating' })
      },
    })
    .step('guest', {
      do: async (run) => {
        const { row, after } = await moveOf(run)
        const up = { host: after.host!, running: wasRunning(row), signal: run.signal }
        const devices = await bringUp(run.deps, guestOn(row, after), up)
        await updateServer(run.deps.compute, row.id, { devices_json: JSON.stringify(devices) })
      },
      undo: async (run) => {
        const { row, after } = await moveOf(run)
        if (after.host !== null) await destroyIfUp(run.deps, row.id, after.host, run.signal)
      },
      timeout: LONG_CALL / 1000,
    })
    .step('plugged', {
      do: async ({ input, deps: { compute }, waited }) =>
        untilPlugged(compute, await serverOf(compute, input.serverId), waited),
    })
    .end({
      done: async ({ input, deps: { compute } }) => {
        const row = await findServer(compute, input.serverId)
        await updateMigration(compute, input.migrationId, { status: 'finished' })
        if (!row || row.task_state === 'deleting') return
        const power = wasRunning(row) ? POWER.RUNNING : POWER.SHUTDOWN
        const now = compute.clock.now()
        await change(compute, row.id, { vm_state: 'resized', task_state: null, power_state: power, launched_at: now })
      },
      undone: async ({ input, deps: { compute }, error }) => {
        await updateMigration(compute, input.migrationId, { status: 'error' })
        await settleFailed(compute, input.serverId, error, asItsGuest)
      },
    })
}

interface Became {
  side: Side
  status: 'post-migrating' | 'migrating'
}

/** Row, stored request and migration say so at once. */
async function become({ input, deps: { compute } }: Move, { side, status }: Became): Promise<void> {
  await compute.store.transaction(async () => {
    await updateServer(compute, input.serverId, columnsOf(side))
    await keepFlavor(compute, input.serverId, { id: side.flavorId, ...side.flavor })
    await updateMigration(compute, input.migrationId, { status })
  })
}

/** One that ran and does not is in error; of one whose host does not answer nothing is known. */
const asItsGuest = (row: ServerRow): VmState => {
  if (!wasRunning(row)) return row.vm_state as VmState
  return row.power_state === POWER.RUNNING || row.power_state === POWER.NOSTATE ? 'active' : 'error'
}

export const resizeServer = moveSaga(resizeServerTask)
export const migrateServer = moveSaga(migrateServerTask)
