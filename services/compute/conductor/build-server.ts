// server.build: from a row to a running guest, or back to nothing with the reason.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { TaskEvent } from '@kilonova/tasks/saga'
import { later, saga, startOver } from '@kilonova/tasks/saga'
import { HOPELESS } from '../agent/faults.ts'
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
import type { ChosenHost } from './choose-host.ts'
import { claimHost } from './choose-host.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { countFailedBuild, forgetFailedBuilds } from './failed-builds.ts'
import { guestOf, networksOf, serverOf } from './guest.ts'
import { preparePorts, releasePorts } from './ports.ts'
import { keepFault } from './server-fault.ts'

const recordEvent = actionEvent({
  event: 'compute__do_build_and_run_instance',
  begins: 'ports',
  before: 'schedule_instances',
})

/** What users see the server doing at each step. */
const STATES: Record<string, TaskState> = {
  host: 'scheduling',
  ports: 'networking',
  image: 'block_device_mapping',
  guest: 'spawning',
}

const LOOK_AGAIN_SECONDS = 1

interface Observed {
  input: BuildServer
  context: RequestContext
  deps: Conductor
}

async function observe(event: TaskEvent, run: Observed): Promise<void> {
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

/** The host itself is away for a moment: the step is tried again there. */
const AWAY = ['Unreachable', 'BusTimeout', 'HypervisorUnreachable']

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

async function makeGuest(conductor: Conductor, row: ServerRow, host: string, signal: AbortSignal): Promise<void> {
  const { compute } = conductor
  const agent = agentOf(conductor, host)
  const limits = { timeout: LONG_CALL, signal }
  const plugged = agent.plug(guestOf(row), limits)
  plugged.catch(() => undefined) // awaited below, whatever the rest does meanwhile
  const disks = await agent.createDisks(guestOf(row), limits)
  const root = disks.find(({ role }) => role === 'root')
  await updateServer(compute, row.id, {
    disks_json: JSON.stringify(disks),
    root_device_name: root ? `/dev/${root.target}` : null,
  })
  const guest = { ...guestOf(row), disks }
  const devices = await agent.define(guest, limits)
  await updateServer(compute, row.id, { devices_json: JSON.stringify(devices) })
  await agent.makeConfigDrive({ ...guest, devices }, limits)
  await plugged
  await agent.startPaused({ id: row.id }, limits)
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
      const chosen = await claimHost(compute, row, input).catch((error) => Promise.reject(noneLeft(input, error)))
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
      await preparePorts(compute, context, await serverOf(compute, input.serverId), done.host.host)
    },
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
        await makeGuest(run.deps, row, run.done.host.host, run.signal)
        return { waitsSince: run.deps.compute.clock.now() }
      }),
    undo: async ({ input, deps, done, signal }) => {
      const row = await findServer(deps.compute, input.serverId)
      if (row) await removeGuest(deps, row, done.host.host, signal)
      await updateServer(deps.compute, input.serverId, { disks_json: '[]', devices_json: '[]', root_device_name: null })
    },
    timeout: 1800,
  })
  .step('plugged', {
    do: async ({ input, deps, done }) => {
      const { compute } = deps
      const row = await serverOf(compute, input.serverId)
      const { vif_plugging_timeout: most, vif_plugging_is_fatal: fatal } = compute.options
      if (most === 0) return
      const ports = networksOf(row).map(({ portId }) => portId)
      const statuses = ports.length > 0 ? await compute.network.portStatuses(ports) : {}
      const missing = ports.filter((port) => statuses[port] !== 'ACTIVE')
      if (missing.length === 0) return
      const waited = (compute.clock.now() - done.guest.waitsSince) / 1000
      if (waited < most) return later(LOOK_AGAIN_SECONDS, `waits until ports ${missing.join(', ')} are active`)
      if (fatal) throw fault('VirtualInterfaceTimeout', { seconds: most, ports: missing })
    },
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
    done: async ({ input, done, deps: { compute } }) => {
      await forgetFailedBuilds(compute, done.host.host)
      await updateServer(compute, input.serverId, { admin_pass: null })
      const now = compute.clock.now()
      await change(
        compute,
        input.serverId,
        { vm_state: 'active', task_state: null, power_state: POWER.RUNNING, launched_at: now, progress: 0 },
        { vm_state: 'building', task_state: 'spawning' },
      )
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
