// What follows from what a step did: the task's next state, its log entry and its events. Pure.
import type { HeldTask } from './held-task.ts'
import type { AnyStep, TaskError, TaskEvent } from './saga.ts'
import type { TaskLogRow } from './schema.ts'

export type Outcome =
  /** `result` as it comes back from JSON. */
  | { readonly kind: 'finished'; readonly result: unknown }
  | { readonly kind: 'later'; readonly ms: number; readonly why: string | null }
  | { readonly kind: 'retry'; readonly ms: number; readonly error: TaskError }
  | { readonly kind: 'failed'; readonly error: TaskError; readonly startOver?: { readonly input: unknown } }
  | { readonly kind: 'stuck'; readonly error: TaskError }

export interface Transition {
  readonly next: HeldTask
  readonly log: TaskLogRow | null
  readonly events: readonly TaskEvent[]
  /** Milliseconds until the task is looked at again; null: this worker goes on with the next step, or it ended. */
  readonly napMs: number | null
}

export interface TransitionRules {
  readonly now: number
  /** Milliseconds in which an undo must end. */
  readonly undoDeadlineMs: number
  /** Steps that could begin now are left for another worker. */
  readonly draining: boolean
}

/** The next state of a running task. */
export function transition(task: HeldTask, outcome: Outcome, rules: TransitionRules): Transition {
  switch (outcome.kind) {
    case 'later':
      return nap({ ...task, tries: 0, reason: outcome.why }, outcome.ms)
    case 'retry':
      return nap({ ...task, tries: task.tries + 1, reason: outcome.error.message }, outcome.ms)
    case 'stuck':
      return stuck(task, outcome.error, rules)
    case 'failed':
      return failed(task, outcome, rules)
    default:
      return finished(task, outcome.result, rules)
  }
}

function nap(next: HeldTask, napMs: number): Transition {
  return { next, log: null, events: [], napMs }
}

function logOf(task: HeldTask, outcome: TaskLogRow['outcome'], now: number, error: TaskError | null): TaskLogRow {
  return {
    task_id: task.id,
    seq: task.logSeq + 1,
    attempt: task.attempt,
    step: task.step!,
    direction: task.direction,
    started_at: task.stepSince ?? now,
    ended_at: now,
    outcome,
    tries: task.tries,
    error: error && JSON.stringify(error),
  }
}

function stuck(task: HeldTask, error: TaskError, { now }: TransitionRules): Transition {
  const log = logOf(task, 'stuck', now, error)
  const next: HeldTask = { ...task, state: 'stuck', stepSince: null, reason: error.message, logSeq: log.seq }
  return { next, log, events: [{ kind: 'task-stuck', at: now, error }], napMs: null }
}

function finished(task: HeldTask, result: unknown, rules: TransitionRules): Transition {
  const { now } = rules
  const { direction, step } = task
  const undoing = direction === 'undo'
  const log = logOf(task, undoing ? 'undone' : 'done', now, null)
  const event: TaskEvent = { kind: 'step-finished', at: now, step: step!, direction }
  const after = { ...task, logSeq: log.seq, tries: 0, reason: null }
  const at = task.saga.steps.findIndex(({ name }) => name === step)
  if (undoing) return goUp(after, task.saga.steps.slice(0, at), { log, events: [event] }, rules)
  const kept: HeldTask = { ...after, done: { ...task.done, [step!]: result } }
  const following = task.saga.steps[at + 1]
  if (following) return enter(kept, following, { log, events: [event] }, rules)
  const next: HeldTask = { ...kept, state: 'done', step: null, stepSince: null }
  return { next, log, events: [event, { kind: 'task-done', at: now }], napMs: null }
}

function failed(task: HeldTask, outcome: Outcome & { kind: 'failed' }, rules: TransitionRules): Transition {
  const { now, undoDeadlineMs } = rules
  const { error, startOver = null } = outcome
  const log = logOf(task, 'failed', now, error)
  const event: TaskEvent = { kind: 'step-failed', at: now, step: task.step!, error }
  const next: HeldTask = {
    ...task,
    direction: 'undo',
    error,
    nextInput: startOver,
    deadlineAt: now + undoDeadlineMs,
    logSeq: log.seq,
    tries: 0,
    reason: null,
  }
  const at = task.saga.steps.findIndex(({ name }) => name === task.step)
  return goUp(next, task.saga.steps.slice(0, at + 1), { log, events: [event] }, rules)
}

type SoFar = Pick<Transition, 'log' | 'events'>

/** To the last of these steps that has an undo; without one, all is undone. */
function goUp(task: HeldTask, above: readonly AnyStep[], soFar: SoFar, rules: TransitionRules): Transition {
  const step = above.findLast(({ undo }) => undo !== undefined)
  if (step) return enter(task, step, soFar, rules)
  const { now } = rules
  const error = task.error ?? { message: 'unknown error' }
  if (task.nextInput === null || task.cancelled !== null) {
    const next: HeldTask = { ...task, state: 'undone', step: null, stepSince: null, nextInput: null }
    return { ...soFar, next, events: [...soFar.events, { kind: 'task-undone', at: now, error }], napMs: null }
  }
  const again: HeldTask = {
    ...task,
    direction: 'do',
    attempt: task.attempt + 1,
    input: task.nextInput.input,
    nextInput: null,
    done: {},
    error: null,
    deadlineAt: now + task.saga.deadline * 1000,
  }
  const events: TaskEvent[] = [...soFar.events, { kind: 'task-restarted', at: now, error }]
  return enter(again, task.saga.steps[0]!, { ...soFar, events }, rules)
}

function enter(task: HeldTask, step: AnyStep, soFar: SoFar, { now, draining }: TransitionRules): Transition {
  const { direction } = task
  if (draining) return { ...soFar, next: { ...task, step: step.name, stepSince: null }, napMs: 0 }
  const events: TaskEvent[] = [...soFar.events, { kind: 'step-started', at: now, step: step.name, direction }]
  return { ...soFar, next: { ...task, step: step.name, stepSince: now }, events, napMs: null }
}
