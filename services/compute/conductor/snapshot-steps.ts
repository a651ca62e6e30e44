// What tasks that make an image of a server's root disk have in common. The host copies and sends by itself, and is
// asked how far it is.
import { elevated } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Later, Run, TaskEvent } from '@kilonova/tasks/saga'
import { later } from '@kilonova/tasks/saga'
import type { SnapshotOfGuest, SnapshotProgress } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { change, enterTaskState } from '../servers/lifecycle.ts'
import type { TaskState } from '../servers/state.ts'
import { findServer } from '../servers/store.ts'
import type { SnapshotServer } from '../servers/tasks.ts'
import type { Observed } from '../servers/work-notices.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { dropImage } from './discard-image.ts'
import { guestOf, serverOf } from './guest.ts'

type StepRun = Pick<Run<SnapshotServer, unknown, Conductor>, 'input' | 'deps' | 'context' | 'signal'>

export interface Copied {
  format: string
  /** Bytes. */
  size: number
}

const LOOK_AGAIN_SECONDS = 0.5

/** What its record in `image` step says; throws when it has been deleted. */
export async function expectImage({ input, deps, context }: StepRun): Promise<void> {
  await deps.compute.image.show(elevated(context), input.imageId)
}

export function dropItsImage({ input, deps, context }: StepRun): Promise<void> {
  return dropImage(deps.compute, context, input.imageId)
}

export async function copyDisk(run: StepRun): Promise<Copied | Later> {
  const { input, deps, signal } = run
  const row = await serverOf(deps.compute, input.serverId)
  const copied = await agentOf(deps, row.host!).copySnapshot!(snapshotOf(row, input), { signal })
  return resultOf(deps.compute, row, copied, (percent) => percent / 2)
}

/** Once it has begun, the image says of which format it is. */
export async function sendCopy(run: StepRun, { format }: Copied): Promise<Copied | Later> {
  const { input, deps, context, signal } = run
  const { image } = deps.compute
  const row = await serverOf(deps.compute, input.serverId)
  const shown = await image.show(elevated(context), input.imageId)
  if (shown.disk_format === null)
    await image.update(elevated(context), input.imageId, { disk_format: format, container_format: 'bare' })
  const sent = await agentOf(deps, row.host!).uploadSnapshot!(snapshotOf(row, input), { signal })
  return resultOf(deps.compute, row, sent, (percent) => 50 + percent / 2)
}

/** Nothing of the copy is left on the host, and the guest is as it was. A host that is down sees to that at its start. */
export async function removeCopy({ input, deps, signal }: StepRun): Promise<void> {
  const row = await findServer(deps.compute, input.serverId)
  if (!row || row.host === null) return
  await showProgress(deps.compute, row, 0)
  if (!(await isHostUp(deps.compute, row.host))) return
  await agentOf(deps, row.host).removeSnapshot!(snapshotOf(row, input), { timeout: LONG_CALL, signal })
}

/** The same after the end of it, when nothing depends on it any more. */
export async function clearCopy(run: StepRun): Promise<void> {
  try {
    await removeCopy(run)
  } catch (error) {
    if (!isFault(error)) throw error
    log('compute.snapshots').warn(run.input, `files of the snapshot are left for later: ${errorChain(error)}`)
  }
}

function snapshotOf(row: ServerRow, { imageId }: SnapshotServer): SnapshotOfGuest {
  return { guest: guestOf(row), imageId }
}

async function resultOf(
  compute: Compute,
  row: ServerRow,
  progress: SnapshotProgress,
  ofAll: (percent: number) => number,
): Promise<Copied | Later> {
  if (progress.done) return { format: progress.format, size: progress.size }
  await showProgress(compute, row, Math.floor(ofAll(progress.percent)))
  const { doing, percent } = progress
  return later(
    LOOK_AGAIN_SECONDS,
    doing === 'waiting' ? 'waits for other snapshots of its host' : `${doing}: ${percent} %`,
  )
}

async function showProgress(compute: Compute, row: ServerRow, progress: number): Promise<void> {
  if (row.progress !== progress) await change(compute, row.id, { progress }, row)
}

/** Shows the server in the task state of each step, then does what else there is to observe. */
export function inStates<Input extends SnapshotServer>(
  own: readonly TaskState[],
  states: Readonly<Record<string, TaskState>>,
  observe: (event: TaskEvent, run: Observed<Input>) => Promise<void>,
) {
  return async (event: TaskEvent, run: Observed<Input>): Promise<void> => {
    const state = event.kind === 'step-started' && event.direction === 'do' ? states[event.step] : undefined
    if (state) await enterTaskState(run.deps.compute, run.input.serverId, state, own)
    await observe(event, run)
  }
}
