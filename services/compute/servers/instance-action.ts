// Writes what was done to a server: one action a request, one event per piece of work, in the transaction of the work.
import type { RequestContext } from '@kilonova/base/context'
import type { TaskError, TaskEvent } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { shownError } from './shown-error.ts'

/** Records that a user (or periodic work) asked for an action. */
export async function startAction(
  compute: Compute,
  context: RequestContext,
  serverId: string,
  action: string,
): Promise<void> {
  const now = compute.clock.now()
  const row = {
    server_id: serverId,
    request_id: context.requestId,
    action,
    user_id: context.userId,
    project_id: context.projectId,
    message: null,
    start_at: now,
    finish_at: null,
    updated_at: now,
  }
  await tables(compute).insertInto('compute_instance_actions').values(row).execute()
}

/** An action that is done at once: recorded with its one event. */
export async function recordAction(
  compute: Compute,
  context: RequestContext,
  serverId: string,
  action: string,
  event: string,
): Promise<void> {
  await startAction(compute, context, serverId, action)
  const now = compute.clock.now()
  await startEvent(compute, { serverId, requestId: context.requestId, event, at: now })
  await finishEvent(compute, { serverId, requestId: context.requestId, event, at: now })
}

interface EventOf {
  serverId: string
  requestId: string
  event: string
  at: number
}

/** The action of that request; work resumed under another request belongs to the newest. */
async function actionId(compute: Compute, { serverId, requestId }: EventOf): Promise<number | undefined> {
  const query = tables(compute)
    .selectFrom('compute_instance_actions')
    .select('id')
    .where('server_id', '=', serverId)
    .orderBy('id', 'desc')
  const own = await query.where('request_id', '=', requestId).executeTakeFirst()
  return (own ?? (await query.executeTakeFirst()))?.id
}

async function startEvent(compute: Compute, of: EventOf, host: string | null = null): Promise<void> {
  const id = await actionId(compute, of)
  if (id === undefined) return
  const event = {
    action_id: id,
    event: of.event,
    host,
    start_at: of.at,
    finish_at: null,
    result: null,
    traceback: null,
    details: null,
  }
  await tables(compute).insertInto('compute_instance_action_events').values(event).execute()
  await tables(compute)
    .updateTable('compute_instance_actions')
    .set({ updated_at: of.at })
    .where('id', '=', id)
    .execute()
}

async function finishEvent(compute: Compute, of: EventOf, error?: TaskError): Promise<void> {
  const id = await actionId(compute, of)
  if (id === undefined) return
  const result = error ? ('Error' as const) : ('Success' as const)
  const shown = error ? { traceback: error.message, details: shownError(error) } : { traceback: null, details: null }
  await tables(compute)
    .updateTable('compute_instance_action_events')
    .set({ finish_at: of.at, result, ...shown })
    .where('action_id', '=', id)
    .where('event', '=', of.event)
    .where('finish_at', 'is', null)
    .execute()
  await tables(compute)
    .updateTable('compute_instance_actions')
    .set({ updated_at: of.at, finish_at: of.at, message: error ? 'Error' : null })
    .where('id', '=', id)
    .execute()
}

interface Observed {
  input: { serverId: string }
  context: RequestContext
  deps: { compute: Compute }
}

interface Watch {
  /** Nova's name of the work. */
  event: string
  /** The step with which it begins; absent: with the task. */
  begins?: string
  /** What failed when the task is undone before that step. */
  before?: string
}

/** A saga's observer that writes its work as an event of the action. */
export function actionEvent({ event, begins, before }: Watch) {
  return async (seen: TaskEvent, { input, context, deps }: Observed): Promise<void> => {
    const of = { serverId: input.serverId, requestId: context.requestId, event, at: seen.at }
    const { compute } = deps
    if (beginsAt(seen, begins)) return startEvent(compute, of, await hostOf(compute, input.serverId))
    if (seen.kind === 'task-done') return finishEvent(compute, of)
    if (seen.kind !== 'task-undone' && seen.kind !== 'task-stuck' && seen.kind !== 'task-restarted') return
    if (before && !(await isOpen(compute, of))) await startEvent(compute, { ...of, event: before })
    const failed = before && !(await isOpen(compute, of)) ? before : event
    return finishEvent(compute, { ...of, event: failed }, seen.error)
  }
}

function beginsAt(seen: TaskEvent, step: string | undefined): boolean {
  if (step === undefined) return seen.kind === 'task-started'
  return seen.kind === 'step-started' && seen.step === step && seen.direction === 'do'
}

async function isOpen(compute: Compute, of: EventOf): Promise<boolean> {
  const id = await actionId(compute, of)
  if (id === undefined) return false
  const open = await tables(compute)
    .selectFrom('compute_instance_action_events')
    .select('id')
    .where('action_id', '=', id)
    .where('event', '=', of.event)
    .where('finish_at', 'is', null)
    .executeTakeFirst()
  return open !== undefined
}

async function hostOf(compute: Compute, serverId: string): Promise<string | null> {
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select('host')
    .where('id', '=', serverId)
    .executeTakeFirst()
  return row?.host ?? null
}
