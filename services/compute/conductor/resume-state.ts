// server.resume-state: the guest runs again as it did before its host booted, after those of earlier servers.
import { isFault } from '@kilonova/base/fault'
import { later, saga } from '@kilonova/tasks/saga'
import type { Task } from '@kilonova/tasks/task'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { VmState } from '../servers/state.ts'
import type { ResumeState } from '../servers/tasks.ts'
import { resumeStateTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, serverOf } from './guest.ts'
import type { StateOf } from './settle-server.ts'
import { lookAtGuest, powerStateOf, settleFailedFrom, settleFrom } from './settle-server.ts'

const ALL = 1_000_000
/** The one before nudges; this is for when it could not. */
const LOOK_AGAIN_SECONDS = 30

const asBeforeIfRunning: StateOf = ({ vm_state: before, power_state: power }) =>
  power === POWER.RUNNING ? (before as VmState) : 'error'

/** Those of the host that have not ended or begun to be undone, in their order. */
async function queueOf({ tasks }: Compute, host: string): Promise<Task[]> {
  const queue = (await tasks.list({ live: true, limit: ALL })).filter(
    ({ name, state, direction, input }) =>
      name === resumeStateTask.name &&
      state === 'running' &&
      direction === 'do' &&
      (input as ResumeState).host === host,
  )
  return queue.sort((a, b) => (a.input as ResumeState).number - (b.input as ResumeState).number)
}

/** What runs already goes on running; a memory that was saved when the host went down is gone on from. */
async function bringUp(deps: Conductor, row: ServerRow, signal: AbortSignal): Promise<void> {
  const agent = agentOf(deps, row.host!)
  const limits = { timeout: LONG_CALL, signal }
  const guest = guestOf(row)
  if ((await powerStateOf(deps, row)) === POWER.NOSTATE) return void (await agent.start(guest, limits))
  try {
    await agent.restore!(guest, limits)
  } catch (error) {
    if (!isFault(error, 'NoSuchMethod')) throw error
    await agent.start(guest, limits)
  }
}

async function nudgeNext(compute: Compute, { host, serverId }: ResumeState): Promise<void> {
  const next = (await queueOf(compute, host)).find(({ input }) => (input as ResumeState).serverId !== serverId)
  if (next) await compute.tasks.nudge(next.id)
}

export const resumeState = saga<ResumeState, Conductor>(resumeStateTask)
  .step('turn', {
    do: async ({ input, deps, taskId }) => {
      const [first] = await queueOf(deps.compute, input.host)
      if (!first || first.id === taskId || (first.input as ResumeState).number > input.number) return
      return later(LOOK_AGAIN_SECONDS, `waits until server ${first.resource!.id} has been started`)
    },
    // Whichever step failed: the guest that ran by the record may be off.
    undo: ({ input, deps }) => lookAtGuest(deps, input.serverId),
  })
  .step('guest', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await bringUp(deps, row, signal)
      const power = await powerStateOf(deps, row)
      if (power !== POWER.RUNNING) throw fault('GuestNotRunning', { id: row.id })
    },
  })
  .end({
    done: async ({ input, deps: { compute } }) => {
      await settleFrom(compute, input.serverId, 'powering-on', { power_state: POWER.RUNNING })
      await nudgeNext(compute, input)
    },
    undone: async ({ input, deps: { compute }, error }) => {
      await settleFailedFrom(compute, input.serverId, 'powering-on', { error, stateOf: asBeforeIfRunning })
      await nudgeNext(compute, input)
    },
  })
