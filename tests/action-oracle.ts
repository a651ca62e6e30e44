// What users read of operations: each has one action, finished, with one finished event for each attempt.
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import type { Task } from '@kilonova/tasks/task'

const ACTION_OF: Record<string, string> = {
  'server.build': 'create',
  'server.delete': 'delete',
  'server.start': 'start',
  'server.stop': 'stop',
  'server.reboot': 'reboot',
  'server.hard-reboot': 'reboot',
  'server.pause': 'pause',
  'server.unpause': 'unpause',
  'server.suspend': 'suspend',
  'server.resume': 'resume',
}

const EVENTS_OF: Record<string, string[]> = {
  'server.build': ['schedule_instances', 'compute__do_build_and_run_instance'],
  'server.delete': ['compute_terminate_instance'],
  'server.start': ['compute_start_instance'],
  'server.stop': ['compute_stop_instance'],
  'server.reboot': ['compute_reboot_instance'],
  'server.hard-reboot': ['compute_reboot_instance'],
  'server.pause': ['compute_pause_instance'],
  'server.unpause': ['compute_unpause_instance'],
  'server.suspend': ['compute_suspend_instance'],
  'server.resume': ['compute_resume_instance'],
}

/** Of tasks that have ended. */
export async function actionProblems(compute: Compute, tasks: readonly Task[]): Promise<string[]> {
  const actions = await tables(compute).selectFrom('compute_instance_actions').selectAll().orderBy('id').execute()
  const events = await tables(compute).selectFrom('compute_instance_action_events').selectAll().orderBy('id').execute()
  const byAction = Map.groupBy(events, ({ action_id }) => action_id)
  const problems = tasks.flatMap((task) => {
    const of = actions.filter((one) => one.request_id === task.requestId && one.server_id === task.resource!.id)
    const [action] = of
    if (!action || of.length !== 1 || action.action !== ACTION_OF[task.name])
      return [`${task.name} has ${of.length} actions`]
    return [...ofAction(task, action), ...ofEvents(task, byAction.get(action.id) ?? [])].map(
      (problem) => `the action ${action.action} of a task ${task.state} ${problem}`,
    )
  })
  if (actions.length !== tasks.length) problems.push(`${tasks.length} tasks have ${actions.length} actions`)
  return problems
}

function ofAction(task: Task, action: { finish_at: number | null; message: string | null }): string[] {
  const message = task.state === 'done' ? null : 'Error'
  return [
    ...(action.finish_at === null ? ['is not finished'] : []),
    ...(action.message === message ? [] : [`says ${action.message}`]),
  ]
}

/** What no user shall read. */
export const INTERNAL = /failpoint|fake driver|\n|\/fake\/|\/dev\/shm/

interface Event {
  event: string
  start_at: number
  finish_at: number | null
  result: string | null
  traceback: string | null
  details: string | null
}

function ofEvents(task: Task, events: readonly Event[]): string[] {
  const problems: string[] = []
  const names = events.map(({ event }) => event)
  if (events.length !== task.attempt) problems.push(`has the events ${names.join()} for ${task.attempt} attempts`)
  for (const [index, { event, start_at, finish_at, result, traceback, details }] of events.entries()) {
    if (!EVENTS_OF[task.name]!.includes(event)) problems.push(`has the event ${event}`)
    if (finish_at === null || finish_at < start_at) problems.push(`has ${event} from ${start_at} to ${finish_at}`)
    const succeeded = task.state === 'done' && index === events.length - 1
    if (result !== (succeeded ? 'Success' : 'Error')) problems.push(`has ${event} ending with ${result}`)
    if (!succeeded && !traceback) problems.push(`has ${event} failing without a reason`)
    if (INTERNAL.test(details ?? '')) problems.push(`tells its user '${details}' of ${event}`)
  }
  return problems
}
