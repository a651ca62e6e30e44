// A stored task as lists, `explain` and tests see it.
import type { Direction, Resource, TaskError } from './saga.ts'

/**
 * waiting: begins when the task that it preempts has ended. running: queued, in a step, or napping.
 * stuck: could not finish; somebody must look; does not block its resource. done, undone: ended.
 */
export type TaskState = 'waiting' | 'running' | 'stuck' | 'done' | 'undone'

/** Times are milliseconds since 1970 by the store's clock. */
export interface Task {
  readonly id: string
  readonly name: string
  readonly resource: Resource | null
  readonly projectId: string | null
  readonly requestId: string
  readonly state: TaskState
  readonly direction: Direction
  /** The step at which it is; null after the last. */
  readonly step: string | null
  /** When that step began; null while it has not. */
  readonly stepSince: number | null
  readonly attempt: number
  /** Failed runs of the present step. */
  readonly tries: number
  /** Why it naps, is retried or is stuck. */
  readonly reason: string | null
  readonly error: TaskError | null
  /** Why it was cancelled, if it was. */
  readonly cancelled: string | null
  /** The process that works on it. */
  readonly owner: string | null
  /** When it is looked at next; null when it has ended, waits or is stuck. */
  readonly dueAt: number | null
  readonly deadlineAt: number
  readonly createdAt: number
  readonly startedAt: number | null
  readonly updatedAt: number
  readonly endedAt: number | null
  readonly input: unknown
  /** Results of the finished steps. */
  readonly done: Readonly<Record<string, unknown>>
}

/** One run of a step, from its first attempt to its end; the present one has no end yet. */
export interface TaskLogEntry {
  readonly attempt: number
  readonly step: string
  readonly direction: Direction
  readonly startedAt: number
  readonly endedAt: number | null
  readonly outcome: 'done' | 'failed' | 'undone' | 'stuck' | null
  /** Failed runs before the last one. */
  readonly tries: number
  readonly error: TaskError | null
}

export interface TaskQuery {
  /** Only those that have not ended. Stuck ones count as live. */
  live?: boolean
  stuck?: boolean
  resource?: Resource
  projectId?: string
  /** Default 1000. */
  limit?: number
}
