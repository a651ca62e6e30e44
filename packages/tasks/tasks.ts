// The task engine: stores tasks, runs their steps, takes over from processes that died.
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { Failpoints } from './failpoints.ts'
import { fault } from './faults.ts'
import { Runner } from './runner.ts'
import type { AnySaga, Resource, TaskKind } from './saga.ts'
import { StoreTime } from './store-time.ts'
import type { Task, TaskLogEntry, TaskQuery } from './task.ts'
import { TaskRecords } from './task-records.ts'
import type { EnqueueOptions } from './task-requests.ts'
import { TaskRequests } from './task-requests.ts'
import type { Registered } from './task-store.ts'
import { TaskStore } from './task-store.ts'

export type { EnqueueOptions }

export interface TasksOptions<Deps> {
  store: Store
  clock?: Clock
  random?: Random
  /** What this process runs; more with `add`. A process that only enqueues has none. */
  sagas?: readonly AnySaga<Deps>[]
  deps?: Deps
  /** This process's name: no two that run at once share one. What an earlier one of that name held is freed at start. */
  owner: string
  /** Tasks in work at once. Default 32. */
  concurrency?: number
  /** No other process uses this store: its time is this process's, and leases of the dead are freed at start. */
  exclusive?: boolean
  /** Seconds after which another process takes over from one that does not renew. Default 15. */
  lease?: number
  /** Seconds between looks for tasks that other processes enqueued or left. Default 1. */
  poll?: number
  /** Seconds for a step that names no timeout. Default 600. */
  stepTimeout?: number
  /** Seconds that an aborted step has to come back before its undo begins beside it. Default 10. */
  abortGrace?: number
  /** Seconds in which an undo must end, else its task is stuck. Default 3600. */
  undoDeadline?: number
  /** Attempts of one undo step before its task is stuck. Default 12, about seven minutes. */
  undoTries?: number
  /** Default: what KILONOVA_FAILPOINT says. */
  failpoints?: Failpoints
}

export class Tasks<Deps = unknown> {
  readonly #clock: Clock
  readonly #poll: number
  readonly #failpoints: Failpoints
  readonly #registry = new Map<string, Registered>()
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #records: TaskRecords
  readonly #requests: TaskRequests
  readonly #runner: Runner

  constructor(options: TasksOptions<Deps>) {
    const { store, clock = systemClock, random = systemRandom, owner, concurrency = 32, exclusive = false } = options
    const { lease = 15, poll = 1, stepTimeout = 600, abortGrace = 10, undoDeadline = 3600, undoTries = 12 } = options
    const { failpoints = new Failpoints(process.env['KILONOVA_FAILPOINT']) } = options
    this.#clock = clock
    this.#poll = poll
    this.#failpoints = failpoints
    const time = new StoreTime(store, clock, exclusive)
    this.#records = new TaskRecords(store)
    this.#runner = new Runner({
      store,
      tasks: new TaskStore({ store, time, owner, leaseMs: lease * 1000, registry: this.#registry }),
      time,
      rules: { clock, random, failpoints, stepTimeout, abortGrace, undoTries },
      concurrency,
      exclusive,
      leaseMs: lease * 1000,
      pollMs: poll * 1000,
      undoDeadlineMs: undoDeadline * 1000,
      ended: (taskId) => this.#tell(taskId),
    })
    this.#requests = new TaskRequests({ store, time, random, listener: this.#runner })
    this.add(options.sagas ?? [], options.deps as Deps)
  }

  /** More tasks to run, with their own dependencies; before `start`. */
  add<Other>(sagas: readonly AnySaga<Other>[], deps: Other): void {
    for (const saga of sagas) {
      if (this.#registry.has(saga.name)) throw new Error(`two tasks are named ${saga.name}`)
      this.#registry.set(saga.name, { saga, deps })
    }
  }

  /** What this process runs. */
  get sagas(): readonly AnySaga[] {
    return [...this.#registry.values()].map(({ saga }) => saga)
  }

  /** Stores a task inside the caller's transaction. Returns its id. Throws TaskConflict. */
  enqueue<Input>(task: TaskKind<Input>, options: EnqueueOptions<Input>): Promise<string> {
    return this.#requests.enqueue(task, options)
  }

  /** Undoes a task from where it is. Nothing happens to one that has ended, is stuck or is being undone. */
  cancel(taskId: string, why: string): Promise<void> {
    return this.#requests.cancel(taskId, why)
  }

  /**
   * As `cancel`, and an undo that fails is tried again for so many more seconds at most: then the task is stuck.
   * Whoever waits for its end begins in either case. Nothing happens to one that has ended or is stuck.
   */
  giveUp(taskId: string, why: string, seconds: number): Promise<void> {
    return this.#requests.giveUp(taskId, why, seconds)
  }

  /** Looks now at a napping task, or at all of a resource. */
  nudge(what: Resource | string): Promise<void> {
    return this.#requests.nudge(what)
  }

  /** The live mutating task of a resource: the one that another would conflict with. */
  liveTask(resource: Resource): Promise<Task | undefined> {
    return this.#records.holder(resource)
  }

  get(taskId: string): Promise<Task | undefined> {
    return this.#records.get(taskId)
  }

  /** Newest first. */
  list(query: TaskQuery = {}): Promise<Task[]> {
    return this.#records.list(query)
  }

  /** The steps that ran, oldest first. */
  log(taskId: string): Promise<TaskLogEntry[]> {
    return this.#records.log(taskId)
  }

  /** Runs a stuck task again from where it stuck. Throws TaskNotFound, TaskNotStuck, TaskConflict. */
  retry(taskId: string): Promise<void> {
    return this.#requests.retry(taskId)
  }

  /** Ends a stuck task as it is, because what it left was cleared in another way. Throws as `retry`. */
  dismiss(taskId: string, why: string): Promise<void> {
    return this.#requests.dismiss(taskId, why)
  }

  async start(): Promise<void> {
    const unknown = this.#registry.size > 0 ? this.#failpoints.unknown(this.sagas) : []
    if (unknown.length > 0) throw new Error(`KILONOVA_FAILPOINT: no task has a step ${unknown.join(', ')}`)
    await this.#runner.start()
  }

  /** Starts no further step and waits for those under way, at most `graceMs`; what is left is as after a kill. */
  stop(graceMs = 30_000): Promise<void> {
    return this.#runner.stop(graceMs)
  }

  /** Stops dead, without a record, as a crash would. Another Tasks on the same store takes over. */
  throwAway(): void {
    this.#runner.die()
  }

  /** Resolves when nothing is in work and nothing is due. Naps are not waited for. */
  idle(): Promise<void> {
    return this.#runner.idle()
  }

  /** Resolves with the task once it has ended or is stuck. Throws TaskNotFound. */
  async ended(taskId: string): Promise<Task> {
    for (;;) {
      const woken = new AbortController()
      const forget = this.#listen(taskId, () => woken.abort())
      try {
        const task = await this.get(taskId)
        if (!task) throw fault('TaskNotFound', { id: taskId })
        if (task.state !== 'running' && task.state !== 'waiting') return task
        await this.#clock.sleep(this.#poll * 1000, woken.signal)
      } finally {
        forget()
      }
    }
  }

  /** Deletes tasks that ended before `before` (ms since 1970). Returns how many. */
  purge(before: number): Promise<number> {
    return this.#records.purge(before)
  }

  #listen(taskId: string, tell: () => void): () => void {
    const listeners = this.#waiting.get(taskId) ?? new Set()
    this.#waiting.set(taskId, listeners.add(tell))
    return () => {
      listeners.delete(tell)
      if (listeners.size === 0) this.#waiting.delete(taskId)
    }
  }

  #tell(taskId: string): void {
    for (const tell of this.#waiting.get(taskId) ?? []) tell()
  }
}
