// What users read of operations: each has one action, finished, with one finished event for each attempt.
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import type { Task } from '@kilonova/tasks/task'
import { serverAsks } from './server-asks.ts'

/** What nobody asked for has no action. */
const WITHOUT_ACTION = ['server.resume-state']

/** What is done at once has no task. */
const WITHOUT_TASK = ['lock', 'unlock']

/** Of tasks that have ended. */
export async function actionProblems(compute: Compute, all: readonly Task[]): Promise<string[]> {
  const tasks = all.filter(({ name }) => !WITHOUT_ACTION.includes(name))
  const recorded = await tables(compute).selectFrom('compute_instance_actions').selectAll().orderBy('id').execute()
  const actions = recorded.filter(({ action }) => !WITHOUT_TASK.includes(action))
  const events = await tables(compute).selectFrom('compute_instance_action_events').selectAll().orderBy('id').execute()
  const byAction = Map.groupBy(events, ({ action_id }) => action_id)
  const problems = tasks.flatMap((task) => {
    const of = actions.filter((one) => one.request_id === task.requestId && one.server_id === task.resource!.id)
    const [action] = of
    if (!action || of.length !== 1 || action.action !== serverAsks[task.name]?.action)
      return [`${task.name} has ${of.length} actions`]
    return [...ofAction(task, action), ...ofEvents(task, byAction.get(action.id) ?? [])].map(
      (problem) => `the action ${action.action} of a task ${task.state} ${problem}`,
    )
  })
  if (actions.length !== tasks.length) problems.push(`${tasks.length} tasks have ${actions.length} actions`)
  return problems
}

/** An action of which an attempt has failed says so also when a later one did not. */
function ofAction(task: Task, action: { finish_at: number | null; message: string | null }): string[] {
  const message = task.state === 'done' && task.attempt === 1 ? null : 'Error'
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
  const { events: known, inOrder = false } = serverAsks[task.name]!
  const wanted = task.state === 'done' ? known.length : names.length
  const all = known.slice(0, wanted)
  const isWhole = inOrder ? names.length > 0 && names.join() === all.join() : events.length === task.attempt
  if (!isWhole) problems.push(`has the events ${names.join()} for ${task.attempt} attempts`)
  for (const [index, { event, start_at, finish_at, result, traceback, details }] of events.entries()) {
    if (!serverAsks[task.name]!.events.includes(event)) problems.push(`has the event ${event}`)
    if (finish_at === null || finish_at < start_at) problems.push(`has ${event} from ${start_at} to ${finish_at}`)
    const isLast = index === events.length - 1
    const succeeded = task.state === 'done' ? isLast || inOrder : inOrder && !isLast && result === 'Success'
    if (result !== (succeeded ? 'Success' : 'Error')) problems.push(`has ${event} ending with ${result}`)
    if (!succeeded && !traceback) problems.push(`has ${event} failing without a reason`)
    if (INTERNAL.test(details ?? '')) problems.push(`tells its user '${details}' of ${event}`)
  }
  return problems
}
