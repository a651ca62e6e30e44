// One run of one step: bounded in time, ended from outside by its signal, with its errors sorted.
import type { Clock } from '@kilonova/base/clock'
import { withContext } from '@kilonova/base/context'
import type { Random } from '@kilonova/base/random'
import type { FailpointPlace, Failpoints } from './failpoints.ts'
import { fault } from './faults.ts'
import type { HeldTask } from './held-task.ts'
import { runOf, stepOf, taskError, undoRunOf } from './held-task.ts'
import { Later, StartOver } from './saga.ts'
import { isTransient } from './transient.ts'
import type { Outcome } from './transition.ts'

export interface AttemptRules {
  readonly clock: Clock
  readonly random: Random
  readonly failpoints: Failpoints
  /** Store time. */
  now(): number
  /** Seconds for a step that names no timeout. */
  readonly stepTimeout: number
  /** How often an undo is tried before its task is stuck. */
  readonly undoTries: number
  /** Seconds that an aborted step has to come back before its undo begins beside it. */
  readonly abortGrace: number
  /** Ends this process, or what stands for it; never resolves. */
  crash(): Promise<never>
}

/** Runs the step at which the task is. Never throws. */
export async function attemptStep(task: HeldTask, control: AbortController, rules: AttemptRules): Promise<Outcome> {
  if (task.direction === 'undo') return attemptUndo(task, control, rules)
  if (task.cancelled !== null) return failed(cancelFault(task.saga.name, task.cancelled))
  if (rules.now() >= task.deadlineAt) return failed(deadlineFault(task))
  try {
    const result = await runBounded(task, control, rules)
    if (!(result instanceof Later)) return { kind: 'finished', result }
    if (control.signal.aborted) return failed(control.signal.reason)
    return napOutcome(task, result, rules)
  } catch (error) {
    if (control.signal.aborted) return failed(control.signal.reason)
    if (error instanceof StartOver) {
      return { kind: 'failed', error: taskError(error.cause), startOver: { input: error.input } }
    }
    return retryOrFail(task, error, rules)
  }
}

async function attemptUndo(task: HeldTask, control: AbortController, rules: AttemptRules): Promise<Outcome> {
  const late = () => rules.now() >= Math.min(task.deadlineAt, task.giveUpAt ?? Infinity)
  try {
    const result = await runBounded(task, control, rules)
    if (!(result instanceof Later)) return { kind: 'finished', result: null }
    return late() ? { kind: 'stuck', error: taskError(deadlineFault(task)) } : napOutcome(task, result, rules)
  } catch (error) {
    const why = taskError(control.signal.aborted ? control.signal.reason : error)
    if (late() || task.tries + 1 >= rules.undoTries) return { kind: 'stuck', error: why }
    return { kind: 'retry', error: why, ms: growingDelay(task.tries, 1, 60, rules.random) }
  }
}

function failed(error: unknown): Outcome {
  return { kind: 'failed', error: taskError(error) }
}

function retryOrFail(task: HeldTask, error: unknown, rules: AttemptRules): Outcome {
  const retry = stepOf(task).retry ?? {}
  if (retry === false || !isTransient(error)) return failed(error)
  const { tries = Infinity, first = 0.5, most = 30 } = retry
  if (task.tries + 1 >= tries) return failed(error)
  const ms = growingDelay(task.tries, first, most, rules.random)
  return { kind: 'retry', error: taskError(error), ms: Math.min(ms, Math.max(0, task.deadlineAt - rules.now())) }
}

function napOutcome(task: HeldTask, { seconds, why }: Later, rules: AttemptRules): Outcome {
  const ms = Math.min(seconds * 1000, Math.max(0, task.deadlineAt - rules.now()))
  return { kind: 'later', ms, why: why ?? null }
}

/** Milliseconds before the next attempt: doubling, and never the same for many tasks at once. */
export function growingDelay(tries: number, first: number, most: number, random: Random): number {
  return Math.min(first * 2 ** Math.min(tries, 30), most) * 1000 * (0.8 + 0.4 * random.float())
}

export function cancelFault(task: string, why: string): Error {
  return fault('TaskCancelled', { task, why })
}

function deadlineFault(task: HeldTask): Error {
  const { saga, step, reason } = task
  return fault('DeadlineExceeded', { task: saga.name, seconds: saga.deadline, step: step ?? '', reason })
}

/** The reason of an abort that nobody hears; one of its own would be made with a stack each time. */
const OVER = 'over'

/** Runs the step until it ends, its time is up, or its signal aborts and its grace has passed. */
async function runBounded(task: HeldTask, control: AbortController, rules: AttemptRules): Promise<unknown> {
  const { clock } = rules
  const seconds = stepOf(task).timeout ?? rules.stepTimeout
  const left = task.direction === 'do' ? task.deadlineAt - rules.now() : Infinity
  const timeUp = () =>
    control.abort(
      left < seconds * 1000
        ? deadlineFault(task)
        : fault('StepTimeout', { step: `${task.saga.name}.${task.step}`, seconds }),
    )
  const timer = clock.after(Math.min(seconds * 1000, left), timeUp)
  const over = new AbortController()
  try {
    const work = withContext(task.context, () => callStep(task, control.signal, rules))
    return await Promise.race([work, abandoned(control.signal, over.signal, rules)])
  } finally {
    timer.cancel()
    over.abort(OVER)
  }
}

/** Throws once the step has not come back in its grace after the abort. */
async function abandoned(signal: AbortSignal, over: AbortSignal, rules: AttemptRules): Promise<never> {
  await aborted(signal)
  await rules.clock.sleep(rules.abortGrace * 1000, over)
  throw signal.reason
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function callStep(task: HeldTask, signal: AbortSignal, rules: AttemptRules): Promise<unknown> {
  const call = () => callOnce(task, signal, rules)
  const before = await atFailpoint(task, 'before', signal, rules)
  let result = await call()
  if (before === 'repeat') result = await call()
  if (result instanceof Later) return result
  const effect = await atFailpoint(task, 'effect', signal, rules)
  if (effect === 'repeat') result = await call()
  return result
}

async function callOnce(task: HeldTask, signal: AbortSignal, { now }: AttemptRules): Promise<unknown> {
  const step = stepOf(task)
  const undoing = task.direction === 'undo'
  const at = now()
  const waited = (at - (task.stepSince ?? at)) / 1000
  const result = await (undoing
    ? step.undo?.(undoRunOf(task, signal))
    : step.do({ ...runOf(task), signal, waited, tries: task.tries }))
  return result instanceof Later ? result : asStored(result)
}

/** A result as the next process would read it, so that what JSON cannot hold fails at once. */
function asStored(result: unknown): unknown {
  return result === undefined ? null : JSON.parse(JSON.stringify(result))
}

/** Commits the fault that is asked for here; 'repeat' is the caller's to commit. */
async function atFailpoint(
  task: HeldTask,
  place: FailpointPlace,
  signal: AbortSignal,
  rules: AttemptRules,
): Promise<'repeat' | undefined> {
  const name = `${task.saga.name}.${task.step}${task.direction === 'undo' ? '.undo' : ''}`
  const asked = rules.failpoints.take(name, place)
  if (asked === undefined || asked === 'repeat') return asked
  if (asked === 'crash') return rules.crash()
  if (asked === 'error') throw new Error(`failpoint ${name}:${place}:error`)
  rules.failpoints.hanging++
  await aborted(signal)
  rules.failpoints.hanging--
  throw signal.reason
}

/** Commits what is asked for after the record of a step. Throws when the worker is to fail. */
export async function afterRecord(task: HeldTask, control: AbortController, rules: AttemptRules): Promise<void> {
  const seconds = stepOf(task).timeout ?? rules.stepTimeout
  const timeUp = () => control.abort(fault('StepTimeout', { step: `${task.saga.name}.${task.step}`, seconds }))
  const timer = rules.clock.after(seconds * 1000, timeUp)
  try {
    const asked = await atFailpoint(task, 'after', control.signal, rules)
    if (asked === 'repeat') await callOnce(task, control.signal, rules).catch(() => undefined)
  } finally {
    timer.cancel()
  }
}
