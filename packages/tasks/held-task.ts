// A task that this process holds: its row, read once when its lease was taken and kept in step by each record.
import type { RequestContext } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import type { AnySaga, AnyStep, Direction, Resource, Run, TaskError, UndoRun } from './saga.ts'
import type { TaskRow } from './schema.ts'
import type { Task } from './task.ts'

export interface HeldTask {
  readonly id: string
  readonly saga: AnySaga
  readonly deps: unknown
  readonly resource: Resource | null
  readonly context: RequestContext
  readonly input: unknown
  readonly nextInput: { readonly input: unknown } | null
  readonly done: Readonly<Record<string, unknown>>
  readonly state: TaskRow['state']
  readonly direction: Direction
  /** Null once the task has ended. */
  readonly step: string | null
  readonly stepSince: number | null
  readonly attempt: number
  readonly tries: number
  readonly reason: string | null
  readonly error: TaskError | null
  readonly cancelled: string | null
  readonly deadlineAt: number
  readonly giveUpAt: number | null
  readonly logSeq: number
  readonly nudges: number
  readonly version: number
  readonly startedAt: number | null
}

export function holdTask(row: TaskRow, saga: AnySaga, deps: unknown): HeldTask {
  return {
    id: row.id,
    saga,
    deps,
    resource: resourceOf(row),
    context: JSON.parse(row.context),
    input: JSON.parse(row.input),
    nextInput: row.next_input === null ? null : { input: JSON.parse(row.next_input) },
    done: JSON.parse(row.done),
    state: row.state,
    direction: row.direction,
    step: row.step,
    stepSince: row.step_since,
    attempt: row.attempt,
    tries: row.tries,
    reason: row.reason,
    error: row.error === null ? null : JSON.parse(row.error),
    cancelled: row.cancelled,
    deadlineAt: row.deadline_at,
    giveUpAt: row.give_up_at,
    logSeq: row.log_seq,
    nudges: row.nudges,
    version: row.version,
    startedAt: row.started_at,
  }
}

function resourceOf(row: TaskRow): Resource | null {
  return row.resource_type === null ? null : { type: row.resource_type, id: row.resource_id! }
}

/** The row as lists show it. */
export function viewTask(row: TaskRow): Task {
  return {
    id: row.id,
    name: row.name,
    resource: resourceOf(row),
    projectId: row.project_id,
    requestId: row.request_id,
    state: row.state,
    direction: row.direction,
    step: row.step,
    stepSince: row.step_since,
    attempt: row.attempt,
    tries: row.tries,
    reason: row.reason,
    error: row.error === null ? null : JSON.parse(row.error),
    cancelled: row.cancelled,
    owner: row.owner,
    dueAt: row.due_at,
    deadlineAt: row.deadline_at,
    createdAt: row.created_at,
    startedAt: row.started_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
    input: JSON.parse(row.input),
    done: JSON.parse(row.done),
  }
}

/** The step at which a held task is. */
export function stepOf(task: HeldTask): AnyStep {
  const step = task.saga.steps.find(({ name }) => name === task.step)
  if (!step) throw new Error(`${task.saga.name} has no step '${task.step}'`)
  return step
}

/** What steps, ends and observers are called with. */
// biome-ignore lint/suspicious/noExplicitAny: each step sees the results of the steps before it
export function runOf(task: HeldTask): Omit<Run<any, any, any>, 'signal'> {
  const { input, done, deps, context, id: taskId, attempt } = task
  return { input, done, deps, context, taskId, attempt }
}

/** Adds what only a running step or an end has. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function undoRunOf(task: HeldTask, signal: AbortSignal): UndoRun<any, any, any> {
  return { ...runOf(task), signal, error: task.error ?? { message: 'unknown error' } }
}

/** An error as it is stored. */
export function taskError(error: unknown): TaskError {
  return isFault(error) ? error.toWire() : { message: errorChain(error) }
}
