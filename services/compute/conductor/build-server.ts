// server.build: from a row to a running guest, or back to nothing with the reason.
import { isFault } from '@kilonova/base/fault'
import type { TaskEvent } from '@kilonova/tasks/saga'
import { saga, startOver } from '@kilonova/tasks/saga'
import { HOPELESS } from '../agent/faults.ts'
import type { GuestDevice, GuestDisk, GuestImage } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { change, enterBuildState } from '../servers/lifecycle.ts'
import type { TaskState } from '../servers/state.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { buildServerTask } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import type { Observed } from '../servers/work-notices.ts'
import type { ChosenHost } from './choose-host.ts'
import { claimHost } from './choose-host.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { countFailedBuild, forgetFailedBuilds } from './failed-builds.ts'
import { guestOf, guestToPlan, serverOf } from './guest.ts'
import { claimedDisks } from './isolated-disks.ts'
import { untilPlugged } from './plugged.ts'
import { preparePorts, releasePorts } from './ports.ts'
import { keepFault } from './server-fault.ts'

const recordEvent = actionEvent({
  event: 'compute__do_build_and_run_instance',
  begins: 'ports',
  before: 'schedule_instances',
  notifies: { task: 'create', unbegun: 'build_instances' },
})

/** What users see the server doing at each step. */
const STATES: Record<string, TaskState> = {
  host: 'scheduling',
  ports: 'networking',
  image: 'block_device_mapping',
  guest: 'spawning',
}

async function observe(event: TaskEvent, run: Observed<BuildServer>): Promise<void> {
  const state = event.kind === 'step-started' && event.direction === 'do' ? STATES[event.step] : undefined
  if (state) await enterBuildState(run.deps.compute, run.input.serverId, state)
  await recordEvent(event, run)
}

/** A failure that another host may not have is tried there, as often as the options allow. */
function elsewhere(
  conductor: Conductor,
  input: BuildServer,
  { host }: ChosenHost,
  attempt: number,
  error: unknown,
): unknown {
  const { max_attempts: most } = conductor.compute.options
  const hopeless = isFault(error, ...HOPELESS)
  if (hopeless || input.forcedHost !== null) return error
  const last = error instanceof Error ? error.message : String(error)
  if (attempt >= most) return fault('MaxRetriesExceeded', { id: input.serverId, attempts: attempt, last }, error)
  return startOver({ ...input, excluded: [...input.excluded, host], lastFailure: last }, error)
}

/** When no host is left, that the others failed says more than that none is left. */
function noneLeft({ serverId, excluded, lastFailure }: BuildServer, error: unknown): unknown {
  if (excluded.length === 0 || !isFault(error, 'NoValidHost')) return error
  return fault('MaxRetriesExceeded', { id: serverId, attempts: excluded.length, last: lastFailure ?? '' }, error)
}

/** The host itself is away, maybe for a moment only. */
export const AWAY = ['Unreachable', 'BusTimeout', 'HypervisorUnreachable', 'HostStopping']

async function onHost<T>(
  conductor: Conductor,
  run: { input: BuildServer; done: { host: ChosenHost }; attempt: number },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isFault(error, ...AWAY)) throw error
    if (!isFault(error, ...HOPELESS)) await countFailedBuild(conductor.compute, run.done.host.host)
    throw elsewhere(conductor, run.input, run.done.host, run.attempt, error)
  }
}

export interface NewGuest {
  row: ServerRow
  host: string
  /** What its root disk is made of, where that is another image than the server's. */
  image?: GuestImage
  signal: AbortSignal
}

/** Its disks and its domain, with its devices in their places. */
export interface MadeGuest {
  disks: GuestDisk[]
  devices: GuestDevice[]
  rootDeviceName: string | null
}

/** Its guest, on a host that has its image, ready to be started; answers what to record. */
export async function prepareGuest(conductor: Conductor, { row, host, image, signal }: NewGuest): Promise<MadeGuest> {
  const { compute } = conductor
  const agent = agentOf(conductor, host)
  const limits = { timeout: LONG_CALL, signal }
  const plugged = agent.plug(guestOf(row), limits)
  plugged.catch(() => undefined) // awaited below, whatever the rest does meanwhile
  const own = { ...(image ? { image } : {}), ...(await claimedDisks(compute, row)) }
  const disks = await agent.createDisks({ ...(await guestToPlan(compute, guestOf(row))), ...own }, limits)
  const guest = { ...guestOf(row), disks }
  const defined = agent.define(guest, limits)
  // Only where tagged devices sit must be known before the guest is told of itself.
  const known = [...guest.vifs, ...disks].some(({ tag }) => tag !== undefined) ? { devices: await defined } : {}
  const [devices] = await Promise.all([defined, agent.makeConfigDrive({ ...guest, ...known }, limits), plugged])
  const root = disks.find(({ role }) => role === 'root')
  return { disks, devices, rootDeviceName: root ? `/dev/${root.target}` : null }
}

/** As prepareGuest, and paused before its first instruction. */
export async function makeGuest(conductor: Conductor, asked: NewGuest): Promise<void> {
  const { row, host, signal } = asked
  const { disks, devices, rootDeviceName } = await prepareGuest(conductor, asked)
  await updateServer(conductor.compute, row.id, {
    disks_json: JSON.stringify(disks),
    devices_json: JSON.stringify(devices),
    root_device_name: rootDeviceName,
  })
  await agentOf(conductor, host).startPaused({ id: row.id }, { timeout: LONG_CALL, signal })
}

/** Takes away whatever of the guest is on the host; nothing is fine too. */
export async function removeGuest(
  conductor: Conductor,
  row: ServerRow,
  host: string,
  signal?: AbortSignal,
): Promise<void> {
  const agent = agentOf(conductor, host)
  const limits = { timeout: LONG_CALL, ...(signal ? { signal } : {}) }
  await agent.destroyGuest({ id: row.id }, limits)
  await agent.unplug(guestOf(row), limits)
  await agent.deleteFiles({ id: row.id }, limits)
}

export const buildServer = saga<BuildServer, Conductor>(buildServerTask, { observe })
  .step('host', {
    do: async ({ input, deps }) => {
      const { compute } = deps
      const row = await serverOf(compute, input.serverId)
      return await claimHost(compute, row, input).catch((error) => Promise.reject(noneLeft(input, error)))
    },
    undo: async ({ input, deps: { compute } }) => {
      await compute.placement.release(input.serverId)
      await updateServer(compute, input.serverId, { host: null, node: null })
    },
  })
  .step('ports', {
    do: async ({ input, done, deps: { compute }, context, tries, signal }) => {
      try {
        await preparePorts(compute, context, await serverOf(compute, input.serverId), done.host.host)
      } catch (error) {
        const isLast = tries >= compute.options.network_allocate_retries
        throw isLast || signal.aborted ? error : fault('NetworkNotAllocated', { transient: true }, error)
      }
    },
    retry: { first: 1, most: 30 },
    undo: async ({ input, deps: { compute }, context }) => {
      const row = await findServer(compute, input.serverId)
      if (row) await releasePorts(compute, context, row)
    },
  })
  .step('image', {
    do: (run) =>
      onHost(run.deps, run, async () => {
        const row = await serverOf(run.deps.compute, run.input.serverId)
        if (row.image_json === null) return
        const limits = { timeout: LONG_CALL, signal: run.signal }
        await agentOf(run.deps, run.done.host.host).prepareImage(parsed(row.image_json), limits)
      }),
    timeout: 1800,
  })
  .step('guest', {
    do: (run) =>
      onHost(run.deps, run, async () => {
        const row = await serverOf(run.deps.compute, run.input.serverId)
        await makeGuest(run.deps, { row, host: run.done.host.host, signal: run.signal })
      }),
    undo: async ({ input, deps, done, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (row) await removeGuest(deps, row, done.host.host, signal)
      await updateServer(deps.compute, input.serverId, { disks_json: '[]', devices_json: '[]', root_device_name: null })
    },
    timeout: 1800,
  })
  .step('plugged', {
    do: async ({ input, deps: { compute }, waited }) =>
      untilPlugged(compute, await serverOf(compute, input.serverId), waited),
  })
  .step('run', {
    do: (run) =>
      onHost(run.deps, run, async () => {
        const { input, signal } = run
        const agent = agentOf(run.deps, run.done.host.host)
        await agent.resumeGuest({ id: input.serverId }, { signal })
        const state = await agent.powerState({ id: input.serverId }, { signal })
        if (state !== POWER.RUNNING) throw fault('GuestNotRunning', { id: input.serverId })
      }),
  })
  .end({
    done: async ({ input, done: { host }, deps: { compute } }) => {
      await forgetFailedBuilds(compute, host.host)
      const active = { vm_state: 'active', task_state: null, power_state: POWER.RUNNING, progress: 0 } as const
      const done = { launched_at: compute.clock.now(), admin_pass: null, files_json: null }
      await change(compute, input.serverId, { ...active, ...done }, { vm_state: 'building', task_state: 'spawning' })
    },
    undone: async ({ input, deps: { compute }, error }) => {
      const row = await findServer(compute, input.serverId)
      if (!row) return
      await keepFault(compute, row, error)
      await change(compute, row.id, {
        vm_state: 'error',
        ...(row.task_state === 'deleting' ? {} : { task_state: null }),
      })
    },
  })
