// The workers of one process: take what is due, run its steps, record each, and look again when something may be due.
import type { Clock, Timer } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Store } from '@kilonova/store/store'
import type { AttemptRules } from './attempt.ts'
import { afterRecord, attemptStep, cancelFault, growingDelay } from './attempt.ts'
import type { HeldTask } from './held-task.ts'
import { taskError } from './held-task.ts'
import type { StoreTime } from './store-time.ts'
import type { TaskStore } from './task-store.ts'
import { RecordLost } from './task-store.ts'
import { isStoreTrouble } from './transient.ts'
import type { Outcome } from './transition.ts'
import { transition } from './transition.ts'

export interface RunnerOptions {
  readonly store: Store
  readonly tasks: TaskStore
  readonly time: StoreTime
  readonly rules: Omit<AttemptRules, 'now' | 'crash'>
  readonly concurrency: number
  readonly exclusive: boolean
  readonly leaseMs: number
  readonly pollMs: number
  readonly undoDeadlineMs: number
  /** Told of each task that ended or got stuck, after its commit. */
  ended(taskId: string): void
}

/** What the runner knows of a task in work. */
interface Working {
  readonly name: string
  /** Aborts the step under way. */
  control: AbortController
  /** Another process has it. */
  lost: boolean
  cancelled: string | null
  undoing: boolean
  finished: Promise<void>
}

type Mode = 'new' | 'running' | 'draining' | 'dead'

export class Runner {
  readonly #options: RunnerOptions
  readonly #clock: Clock
  readonly #rules: AttemptRules
  readonly #working = new Map<string, Working>()
  #mode: Mode = 'new'
  #timer: Timer | undefined
  #pumping: Promise<void> | undefined
  #again = false
  #renewedAt = 0
  #checkedAt = 0

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#clock = options.rules.clock
    this.#rules = { ...options.rules, now: () => options.time.now(), crash: () => this.#crash() }
  }

  async start(): Promise<void> {
    const { time, tasks, exclusive } = this.#options
    await time.sync()
    if (tasks.runsNone) return
    await tasks.freeLeases(exclusive)
    this.#mode = 'running'
    this.wake()
  }

  /** Looks for due tasks now. */
  wake(): void {
    if (this.#mode !== 'running') return
    this.#again = true
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
      if (this.#again) this.wake()
    })
  }

  /** A task was cancelled: its step under way, if it is here, is told. */
  cancel(taskId: string, why: string): void {
    const working = this.#working.get(taskId)
    if (!working) this.wake()
    else {
      working.cancelled = why
      if (!working.undoing) working.control.abort(cancelFault(working.name, why))
    }
  }

  /** Resolves when nothing is in work and nothing is due. */
  async idle(): Promise<void> {
    for (;;) {
      this.wake()
      await this.#pumping
      if (this.#mode !== 'running') return
      const working = [...this.#working.values()].map(({ finished }) => finished)
      if (working.length > 0) await Promise.race(working)
      else if ((await this.#options.tasks.dueIds(1)).length === 0) return
    }
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#mode === 'dead') return
    this.#mode = 'draining'
    this.#timer?.cancel()
    await this.#pumping
    const drained = new AbortController()
    const working = Promise.all([...this.#working.values()].map(({ finished }) => finished))
    await Promise.race([working.then(() => drained.abort()), this.#clock.sleep(graceMs, drained.signal)])
    this.die()
    for (const { control } of this.#working.values()) control.abort(new Error('this process stops'))
  }

  /** From now on nothing is begun and nothing recorded: as if the process were gone. */
  die(): void {
    this.#mode = 'dead'
    this.#timer?.cancel()
  }

  #crash(): Promise<never> {
    if (this.#options.rules.failpoints.crash === 'sigkill') process.kill(process.pid, 'SIGKILL')
    this.die()
    return new Promise(() => undefined)
  }

  async #pump(): Promise<void> {
    const { concurrency } = this.#options
    try {
      await this.#check()
      while (this.#again && this.#mode === 'running') {
        this.#again = false
        const free = concurrency - this.#working.size
        if (free <= 0) break
        const taken = await this.#take(free)
        for (const task of taken) this.#begin(task)
        if (taken.length === free) this.#again = true
      }
      await this.#setTimer()
    } catch (error) {
      log('tasks').warn({ error: errorChain(error) }, 'tasks could not be taken; trying again')
      this.#wakeIn(this.#options.pollMs)
    }
  }

  async #take(limit: number): Promise<HeldTask[]> {
    const { tasks } = this.#options
    try {
      return await this.#options.store.transaction(() => tasks.take(limit))
    } catch (error) {
      if (isStoreTrouble(error)) throw error
      return this.#takeEach(await tasks.dueIds(limit))
    }
  }

  /** One task whose observer fails does not hold up the others. */
  async #takeEach(ids: readonly string[]): Promise<HeldTask[]> {
    const { tasks } = this.#options
    const held: HeldTask[] = []
    for (const id of ids) {
      try {
        held.push(...(await this.#options.store.transaction(() => tasks.take(1, id))))
      } catch (error) {
        if (isStoreTrouble(error)) throw error
        await this.#putBack(id, error, false)
      }
    }
    return held
  }

  /** Sets the timer to when the next task falls due, at most one poll away. */
  async #setTimer(): Promise<void> {
    const { tasks, time, pollMs } = this.#options
    if (this.#working.size >= this.#options.concurrency) return this.#wakeIn(pollMs)
    const due = await tasks.nextDue()
    this.#wakeIn(due === null ? pollMs : Math.min(pollMs, Math.max(1, due - time.now())))
  }

  #wakeIn(ms: number): void {
    this.#timer?.cancel()
    if (this.#mode === 'running') this.#timer = this.#clock.after(ms, () => this.wake())
  }

  /** Once a poll: learns of cancels and lost leases, renews its own, frees what it holds without knowing. */
  async #check(): Promise<void> {
    const { tasks, time, exclusive, pollMs, leaseMs } = this.#options
    const now = this.#clock.monotonic()
    if (now - this.#checkedAt < pollMs) return
    this.#checkedAt = now
    if (!exclusive) await time.sync()
    const held = new Map((await tasks.heldByMe()).map((row) => [row.id, row]))
    for (const [id, working] of this.#working) {
      const row = held.get(id)
      if (row?.cancelled && working.cancelled === null) this.cancel(id, row.cancelled)
    }
    const strays = [...held.keys()].filter((id) => !this.#working.has(id))
    for (const id of strays) await this.#putBack(id, new Error('its worker was lost'), true)
    if (exclusive || now - this.#renewedAt < leaseMs / 3) return
    this.#renewedAt = now
    await this.#renew()
  }

  async #renew(): Promise<void> {
    const ids = [...this.#working.keys()]
    if (ids.length === 0) return
    const renewed = new Set(await this.#options.tasks.renew(ids))
    for (const id of ids) {
      const working = this.#working.get(id)
      if (!working || renewed.has(id)) continue
      working.lost = true
      working.control.abort(new RecordLost('another process has taken this task over'))
    }
  }

  #begin(task: HeldTask): void {
    if (this.#mode === 'dead') return
    const working: Working = {
      name: task.saga.name,
      control: new AbortController(),
      lost: false,
      cancelled: task.cancelled,
      undoing: false,
      finished: Promise.resolve(),
    }
    this.#working.set(task.id, working)
    working.finished = this.#work(task, working).finally(() => {
      this.#working.delete(task.id)
      this.wake()
    })
  }

  async #work(task: HeldTask, working: Working): Promise<void> {
    try {
      if (this.#mode === 'draining') return await this.#options.tasks.release([task.id])
      for (let held: HeldTask | undefined = task; held; ) held = await this.#advance(held, working)
    } catch (error) {
      if (this.#mode === 'dead' || working.lost || error instanceof RecordLost) return
      log('tasks').warn({ task: task.id, name: task.saga.name, error: errorChain(error) }, 'a worker failed')
      await this.#putBack(task.id, error, true).catch(() => undefined) // else the next check finds it
    }
  }

  /** One step. Returns the task if this worker goes on with it. */
  async #advance(task: HeldTask, working: Working): Promise<HeldTask | undefined> {
    working.control = new AbortController()
    working.undoing = task.direction === 'undo'
    const held = working.cancelled === null ? task : { ...task, cancelled: working.cancelled }
    const outcome = await attemptStep(held, working.control, this.#rules)
    if (working.lost) return undefined
    const recorded = await this.#record(held, outcome)
    if (outcome.kind === 'finished') {
      working.control = new AbortController()
      await afterRecord(held, working.control, this.#rules)
    }
    working.cancelled ??= recorded?.cancelled ?? null
    return recorded
  }

  /** Writes the outcome down, however long the store takes. Returns the task if it goes on at once. */
  async #record(task: HeldTask, outcome: Outcome): Promise<HeldTask | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#recordOnce(task, outcome)
      } catch (error) {
        if (this.#mode === 'dead') return new Promise(() => undefined)
        if (error instanceof RecordLost || !isStoreTrouble(error)) throw error
        log('tasks').warn({ task: task.id, error: errorChain(error) }, 'a step could not be recorded; trying again')
        await this.#clock.sleep(growingDelay(tries, 0.05, 5, this.#rules.random))
      }
    }
  }

  async #recordOnce(task: HeldTask, outcome: Outcome): Promise<HeldTask | undefined> {
    const { tasks, time, undoDeadlineMs, ended } = this.#options
    const made = await this.#options.store.transaction(async () => {
      if (this.#mode === 'dead') throw new Error('this process is gone')
      const draining = this.#mode === 'draining'
      const change = transition(task, outcome, { now: time.now(), undoDeadlineMs, draining })
      return { next: await tasks.record(task, change), napMs: change.napMs }
    })
    const { next, napMs } = made
    if (next.state === 'stuck') {
      const { name } = next.saga
      log('tasks').error(
        { task: next.id, name, resource: next.resource, step: next.step, reason: next.reason },
        'stuck',
      )
    }
    if (next.state !== 'running') ended(next.id)
    return next.state === 'running' && napMs === null ? next : undefined
  }

  async #putBack(id: string, error: unknown, held: boolean): Promise<void> {
    const { tasks, ended, rules } = this.#options
    const reason = taskError(error).message
    const delay = (slips: number) => growingDelay(slips, 0.5, 30, rules.random)
    const stuck = await this.#options.store.transaction(() =>
      tasks.putBack(id, { reason, held, most: rules.undoTries, delay }),
    )
    if (!stuck) return
    log('tasks').error({ task: id, reason }, 'stuck')
    ended(id)
  }
}
