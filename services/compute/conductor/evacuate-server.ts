// server.evacuate: a server whose host is down comes up on another, its disks made anew from its image. All is ready there
// before the record says so; from then on the host that was down removes what it has of the server when it is back.
import { isFault } from '@kilonova/base/fault'
import type { TaskError, TaskEvent } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Side } from '../migrations/side.ts'
import { columnsOf } from '../migrations/side.ts'
import { migrationOf, unfinishedOf, updateMigration } from '../migrations/store.ts'
import type { MigrationRow, ServerRow } from '../schema/tables.ts'
import { change, enterTaskState } from '../servers/lifecycle.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { EvacuateServer } from '../servers/tasks.ts'
import { evacuateServerTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import type { Observed } from '../servers/work-notices.ts'
import { isHostUp } from '../services/liveness.ts'
import { AWAY, prepareGuest } from './build-server.ts'
import { claimDestination, releaseDestination, sidesOf } from './claim-move.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { dismissStuck } from './dismiss-stuck.ts'
import { serverOf } from './guest.ts'
import { bindPorts, bringBack, cleanHost } from './move-guest.ts'
import { untilPlugged } from './plugged.ts'
import { rebuildWork } from './rebuild-work.ts'
import { lockReturn } from './returned-host.ts'
import { lookAtGuest, powerStateOf, settleFailedFrom, settleFrom } from './settle-server.ts'

/** Seconds: images may have to be fetched. */
const timeout = LONG_CALL / 1000
/** Milliseconds that a host which is said to be down has to show that it is not. */
const LAST_CALL = { timeout: 5_000 }

/** What users see the server doing from each step on. */
const STATES: Record<string, TaskState> = { ports: 'rebuild_block_device_mapping', guest: 'rebuild_spawning' }
const OWN: readonly TaskState[] = ['rebuilding', ...Object.values(STATES)]

const work = rebuildWork<EvacuateServer>()

async function observe(event: TaskEvent, run: Observed<EvacuateServer>): Promise<void> {
  const state = event.kind === 'step-started' && event.direction === 'do' ? STATES[event.step] : undefined
  if (state) await enterTaskState(run.deps.compute, run.input.serverId, state, OWN)
  await work(event, run)
}

interface Evacuation {
  input: EvacuateServer
  deps: Conductor
}

interface Sides {
  row: ServerRow
  migration: MigrationRow
  before: Side & { host: string }
  after: Side
  /** The record says that it lives on the new host. */
  hasMoved: boolean
}

async function sides({ input, deps: { compute } }: Evacuation): Promise<Sides> {
  const row = await serverOf(compute, input.serverId)
  const migration = await migrationOf(compute, input.migrationId)
  const { before, after } = sidesOf(migration)
  return { row, migration, before, after, hasMoved: after.host !== null && row.host === after.host }
}

/** What was under way until now may have taken its task state with it, or brought it to another host. */
async function takeUp({ input, deps: { compute } }: Evacuation): Promise<ServerRow> {
  const row = await serverOf(compute, input.serverId)
  const { source_compute: host } = await migrationOf(compute, input.migrationId)
  if (row.host !== host) throw fault('NotOnEvacuatedHost', { id: row.id, host })
  const other = await unfinishedOf(compute, row.id, { but: input.migrationId })
  if (other) {
    const { status: state } = other
    throw fault('InstanceInvalidState', { id: row.id, action: 'evacuate', attribute: 'migration status', state })
  }
  if (row.task_state === null) await change(compute, row.id, { task_state: 'rebuilding' }, row)
  return row
}

/** Off, or paused before its first instruction; the record of the server still says that it lives elsewhere. */
async function makeThere(run: Evacuation, signal: AbortSignal): Promise<void> {
  const { input, deps } = run
  const { row, after } = await sides(run)
  const host = after.host!
  const none = { ...after, disks: [], devices: [], rootDeviceName: null }
  const made = await prepareGuest(deps, { row: { ...row, ...columnsOf(none) }, host, signal })
  await updateMigration(deps.compute, input.migrationId, { after_json: JSON.stringify({ ...after, ...made }) })
  if (!input.staysOff) await agentOf(deps, host).startPaused({ id: row.id }, { timeout: LONG_CALL, signal })
}

/** It lives on the new host, and the old one is to remove what it has: both or neither, and only while that is down. */
function move(run: Evacuation): Promise<void> {
  const { compute } = run.deps
  return compute.store.transaction(async () => {
    const { row, before, after, hasMoved } = await sides(run)
    if (hasMoved) return
    await lockReturn(compute, before.host)
    if (await isHostUp(compute, before.host)) throw fault('ComputeServiceInUse', { host: before.host })
    await updateServer(compute, row.id, columnsOf(after))
    const left = { status: 'post-migrating', uncleaned_host: before.host } as const
    await updateMigration(compute, run.input.migrationId, left)
  })
}

/** Back where it was, unless that host has already removed what it had. */
function moveBack(run: Evacuation): Promise<void> {
  const { compute } = run.deps
  return compute.store.transaction(async () => {
    const { row, migration, before, hasMoved } = await sides(run)
    if (!hasMoved) return
    await lockReturn(compute, before.host)
    if (migration.uncleaned_host === null) return
    await updateServer(compute, row.id, columnsOf(before))
    await updateMigration(compute, run.input.migrationId, { status: 'pre-migrating', uncleaned_host: null })
  })
}

/** A host may be said to be down and still be there: then the guest goes before the new one runs. */
async function destroyOnSource(run: Evacuation, signal: AbortSignal): Promise<void> {
  const { row, before } = await sides(run)
  try {
    await agentOf(run.deps, before.host).destroyGuest({ id: row.id }, { ...LAST_CALL, signal })
  } catch (error) {
    if (signal.aborted || !isFault(error, ...AWAY)) throw error
  }
}

/** The old host may have come back meanwhile, and has left alone what a task worked on. */
async function mendSource(run: Evacuation, signal: AbortSignal): Promise<void> {
  const { row, before } = await sides(run)
  if (row.task_state === 'deleting' || !(await isHostUp(run.deps.compute, before.host))) return
  await lookAtGuest(run.deps, row.id)
  const isOff = (await serverOf(run.deps.compute, row.id)).power_state !== POWER.RUNNING
  if (isOff && row.vm_state === 'active') await bringBack(run.deps, row, { host: before.host, running: true, signal })
}

export const evacuateServer = saga<EvacuateServer, Conductor>(evacuateServerTask, { observe })
  .step('host', {
    do: async (run) => {
      await claimDestination(run.deps.compute, await takeUp(run), run.input)
    },
    undo: async (run) => {
      const { row, hasMoved } = await sides(run)
      if (hasMoved) return
      await mendSource(run, run.signal)
      await releaseDestination(run.deps.compute, row, run.input.migrationId)
    },
  })
  .step('image', {
    timeout,
    do: async (run) => {
      const { row, after } = await sides(run)
      const limits = { timeout: LONG_CALL, signal: run.signal }
      await agentOf(run.deps, after.host!).prepareImage(parsed(row.image_json!), limits)
    },
  })
  .step('ports', {
    do: async (run) => {
      const { row, after } = await sides(run)
      await bindPorts(run.deps.compute, run.context, row, after)
    },
    undo: async (run) => {
      const { row, before, hasMoved } = await sides(run)
      if (!hasMoved) await bindPorts(run.deps.compute, run.context, row, before)
    },
  })
  .step('guest', {
    timeout,
    do: (run) => makeThere(run, run.signal),
    undo: async (run) => {
      const { after, hasMoved } = await sides(run)
      if (after.host !== null && !hasMoved) await cleanHost(run.deps, run.input, after.host, run.signal)
    },
  })
  .step('plugged', {
    do: async ({ input, deps: { compute }, waited }) =>
      untilPlugged(compute, await serverOf(compute, input.serverId), waited),
  })
  .step('move', { do: move, undo: moveBack })
  .step('source', { do: (run) => destroyOnSource(run, run.signal) })
  .step('run', {
    do: async (run) => {
      const { row } = await sides(run)
      if (run.input.staysOff) return
      await agentOf(run.deps, row.host!).resumeGuest({ id: row.id }, { signal: run.signal })
      if ((await powerStateOf(run.deps, row)) !== POWER.RUNNING) throw fault('GuestNotRunning', { id: row.id })
    },
  })
  .end({
    done: async (run) => {
      const { compute } = run.deps
      await endMigration(run, 'done')
      await updateServer(compute, run.input.serverId, { encrypted_password: '', rescue_json: null })
      const up = { vm_state: 'active', power_state: POWER.RUNNING } as const
      const off = { vm_state: 'stopped', power_state: POWER.SHUTDOWN } as const
      const now = { launched_at: compute.clock.now(), progress: 0 }
      await settleFrom(compute, run.input.serverId, OWN, { ...(run.input.staysOff ? off : up), ...now })
      await dismissStuck(compute, run.input.serverId, 'the server was evacuated')
    },
    undone: async (run) => {
      await endMigration(run, 'failed')
      if (!(await findServer(run.deps.compute, run.input.serverId))) return
      const mayBeGone = run.done.move !== undefined || (await sides(run)).hasMoved
      await settleUndone(run.deps.compute, run.input.serverId, run.error, mayBeGone)
    },
  })

/** The claim on the old host goes, and what only the new guest was to be told. */
async function endMigration({ input, deps: { compute } }: Evacuation, end: 'done' | 'failed'): Promise<void> {
  const { uncleaned_host: uncleaned } = await migrationOf(compute, input.migrationId)
  const status = end === 'done' && uncleaned === null ? 'completed' : end
  await updateMigration(compute, input.migrationId, { status })
  await compute.placement.release(input.migrationId)
  if (await findServer(compute, input.serverId)) await updateServer(compute, input.serverId, { admin_pass: null })
}

/** As before, unless its guest may be gone on the old host as well, or it lives on the new one and does not run. */
function settleUndone(compute: Compute, id: string, error: TaskError, mayBeGone: boolean): Promise<void> {
  const stateOf = (row: ServerRow): VmState => (mayBeGone ? 'error' : (row.vm_state as VmState))
  return settleFailedFrom(compute, id, OWN, { error, stateOf })
}
