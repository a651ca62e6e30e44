// A task as the operator's API shows it. Times are ISO 8601 in UTC; what it was asked to do is not shown.
import type { Task } from '@kilonova/tasks/task'

export interface TaskView {
  id: string
  name: string
  resource: { type: string; id: string } | null
  project_id: string | null
  request_id: string
  state: Task['state']
  direction: Task['direction']
  step: string | null
  step_since: string | null
  attempt: number
  /** Failed runs of the present step. */
  tries: number
  /** Why it naps, is tried again or is stuck. */
  reason: string | null
  error: { code: string | null; message: string } | null
  cancelled: string | null
  /** The process that works on it. */
  owner: string | null
  created_at: string
  started_at: string | null
  due_at: string | null
  deadline_at: string
  ended_at: string | null
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

export function taskView(task: Task): TaskView {
  const { id, name, resource, state, direction, step, attempt, tries, reason, error, cancelled, owner } = task
  return {
    id,
    name,
    resource,
    project_id: task.projectId,
    request_id: task.requestId,
    state,
    direction,
    step,
    step_since: iso(task.stepSince),
    attempt,
    tries,
    reason,
    error: error && { code: error.code ?? null, message: error.message },
    cancelled,
    owner,
    created_at: iso(task.createdAt)!,
    started_at: iso(task.startedAt),
    due_at: iso(task.dueAt),
    deadline_at: iso(task.deadlineAt)!,
    ended_at: iso(task.endedAt),
  }
}
