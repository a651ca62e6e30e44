// The task engine: stores tasks, runs their steps, takes over from processes that died.
import type { Clock } from '@kilonova/base/clock'
import type { RequestContext } from '@kilonova/base/context'
import type { Random } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { Failpoints } from './failpoints.ts'
import type { AnySaga, Resource, TaskKind } from './saga.ts'
import type { Task, TaskLogEntry, TaskQuery } from './task.ts'

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
  failpoints?: Failpoints
}

export interface EnqueueOptions<Input> {
  input: Input
  context: RequestContext
  /** Default: the context's. */
  projectId?: string | null
  /** Seconds before its first step. */
  dueIn?: number
  /** Cancel the live mutating task of the resource, and begin once that has ended. */
  preempts?: boolean
}

export declare class Tasks<Deps = unknown> {
  constructor(options: TasksOptions<Deps>)
  /** More tasks to run, with their own dependencies; before `start`. */
  add<Other>(sagas: readonly AnySaga<Other>[], deps: Other): void
  /** Stores a task inside the caller's transaction. Returns its id. Throws TaskConflict. */
  enqueue<Input>(task: TaskKind<Input>, options: EnqueueOptions<Input>): Promise<string>
  /** Undoes a task from where it is. Nothing happens to one that has ended. */
  cancel(taskId: string, why: string): Promise<void>
  /** Looks now at a napping task, or at all of a resource. */
  nudge(what: Resource | string): Promise<void>
  /** The live mutating task of a resource. */
  liveTask(resource: Resource): Promise<Task | undefined>
  get(taskId: string): Promise<Task | undefined>
  /** Newest first. */
  list(query?: TaskQuery): Promise<Task[]>
  /** Runs a stuck task again from where it stuck. Throws TaskNotFound, TaskNotStuck, TaskConflict. */
  retry(taskId: string): Promise<void>
  /** The steps that ran, oldest first. */
  log(taskId: string): Promise<TaskLogEntry[]>
  start(): Promise<void>
  /** Starts no further step and waits for those under way, at most `graceMs`. */
  stop(graceMs?: number): Promise<void>
  /** Resolves when nothing is in work and nothing is due. */
  idle(): Promise<void>
  /** Resolves with the task once it has ended or is stuck. */
  ended(taskId: string): Promise<Task>
  /** Deletes tasks that ended before `before` (ms since 1970). Returns how many. */
  purge(before: number): Promise<number>
}
