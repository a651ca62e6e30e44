// The notifications of a saga's work on a server: which of its events start, end or fail what Nova tells of.
import type { RequestContext } from '@kilonova/base/context'
import type { TaskError, TaskEvent } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { tellOfComputeTask } from '../notifications/compute-task-notice.ts'
import type { NoticeName } from '../notifications/notices.ts'
import type { NoticeDetails, Phase } from '../notifications/server-notice.ts'
import { tellOfServer } from '../notifications/server-notice.ts'
import type { OfServer } from './tasks.ts'

/** What an observer sees of a task. */
export interface Observed<Input> {
  input: Input
  /** Results of the finished steps. */
  done: Readonly<Record<string, unknown>>
  context: RequestContext
  deps: { compute: Compute }
}

export interface Notifies<Input> {
  /** The notice that starts and ends with the task. */
  task?: NoticeName
  /** Notices that start and end with a step, by its name. */
  steps?: Readonly<Record<string, NoticeName>>
  /** The notice whose failure is told when the task is undone. Default: the task's. */
  fails?: NoticeName
  /** Nova's name of the conductor's work that failed where a task is undone before its work began. */
  unbegun?: string
  /** What its payloads say besides the server. */
  details?: (run: Observed<Input>) => NoticeDetails
}

/** The work of the task begins with the step `begins`; `begun` says whether it has, of a task that failed. */
export function workNotices<Input extends OfServer>(notifies: Notifies<Input>, begins: string | undefined) {
  const { task, steps = {}, fails = task, unbegun, details } = notifies
  return async (seen: TaskEvent, run: Observed<Input>, begun: boolean): Promise<void> => {
    const { compute } = run.deps
    if (!compute.notifications.on) return
    const tell = async (name: NoticeName | undefined, phase: Phase, failure?: TaskError): Promise<void> => {
      if (name === undefined) return
      const about = { serverId: run.input.serverId, details: details?.(run) ?? {} }
      await tellOfServer(compute, { name, phase, failure, ...about })
    }
    if (beginsAt(seen, begins)) await tell(task, 'start')
    if (seen.kind === 'step-started' && seen.direction === 'do') await tell(steps[seen.step], 'start')
    if (seen.kind === 'step-finished' && seen.direction === 'do') await tell(steps[seen.step], 'end')
    if (seen.kind === 'task-done') await tell(task, 'end')
    if (!hasFailed(seen) || seen.error.code === 'TaskCancelled') return
    const { serverId } = run.input
    if (begun) await tell(fails, 'error', seen.error)
    else if (unbegun) await tellOfComputeTask(compute, { serverId, method: unbegun, failure: seen.error })
  }
}

export function beginsAt(seen: TaskEvent, step: string | undefined): boolean {
  if (step === undefined) return seen.kind === 'task-started'
  return seen.kind === 'step-started' && seen.step === step && seen.direction === 'do'
}

type Failed = Extract<TaskEvent, { kind: 'task-undone' | 'task-stuck' | 'task-restarted' }>

export function hasFailed(seen: TaskEvent): seen is Failed {
  return seen.kind === 'task-undone' || seen.kind === 'task-stuck' || seen.kind === 'task-restarted'
}
