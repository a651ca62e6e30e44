// Writes what was done to a server: one action a request, one event per piece of work, in the transaction of the work.
import type { RequestContext } from '@kilonova/base/context'
import type { TaskError, TaskEvent } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { NoticeName } from '../notifications/notices.ts'
import { shownError } from './shown-error.ts'
import type { OfServer } from './tasks.ts'
import type { Notifies, Observed } from './work-notices.ts'
import { beginsAt, hasFailed, workNotices } from './work-notices.ts'

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
  await endEvent(compute, { ...of, actionId: id }, error)
  await closeAction(compute, { ...of, actionId: id }, error)
}

interface EventOfAction {
  actionId: number
  event: string
  at: number
}

async function endEvent(compute: Compute, of: EventOfAction, error?: TaskError): Promise<void> {
  const result = error ? ('Error' as const) : ('Success' as const)
  const shown = error ? { traceback: error.message, details: shownError(error) } : { traceback: null, details: null }
  await tables(compute)
    .updateTable('compute_instance_action_events')
    .set({ finish_at: of.at, result, ...shown })
    .where('action_id', '=', of.actionId)
    .where('event', '=', of.event)
    .where('finish_at', 'is', null)
    .execute()
}

async function finishAction(compute: Compute, of: EventOf, error?: TaskError): Promise<void> {
  const id = await actionId(compute, of)
  if (id !== undefined) await closeAction(compute, { ...of, actionId: id }, error)
}

async function closeAction(compute: Compute, { actionId: id, at }: EventOfAction, error?: TaskError): Promise<void> {
  await tables(compute)
    .updateTable('compute_instance_actions')
    .set({ updated_at: at, finish_at: at, ...(error ? { message: 'Error' } : {}) })
    .where('id', '=', id)
    .execute()
}

interface Watch<Input> {
  /** Nova's name of the work. */
  event: string
  /** What notifications tell of it: the name of the whole, or which steps have notices of their own. */
  notifies?: NoticeName | Notifies<Input>
  /** The step with which it begins; absent: with the task. */
  begins?: string
  /** What failed when the task is undone before that step. */
  before?: string
}

/** A saga's observer that writes its work as an event of the action, and tells of it in notifications. */
export function actionEvent<Input extends OfServer>({ event, begins, before, notifies = {} }: Watch<Input>) {
  const notify = workNotices<Input>(typeof notifies === 'string' ? { task: notifies } : notifies, begins)
  return async (seen: TaskEvent, run: Observed<Input>): Promise<void> => {
    const { input, context, deps } = run
    const { compute } = deps
    const of = { serverId: input.serverId, requestId: context.requestId, event, at: seen.at }
    let begun = true
    if (beginsAt(seen, begins)) await startEvent(compute, of, await hostOf(compute, input.serverId))
    else if (seen.kind === 'task-done') await finishEvent(compute, of)
    else if (hasFailed(seen)) {
      begun = before === undefined || (await isOpen(compute, of))
      if (!begun) await startEvent(compute, { ...of, event: before! })
      await finishEvent(compute, { ...of, event: begun ? event : before! }, seen.error)
    }
    await notify(seen, run, begun)
  }
}

interface Work {
  /** Nova's name of the work. */
  event: string
  /** The step with which it begins, and all work before it ends. */
  begins: string
}

/** A saga's observer that writes several pieces of work as events of the action, in the order of their steps. */
export function actionEvents<Input extends OfServer>(works: readonly Work[], notifies: Notifies<Input> = {}) {
  const notify = workNotices<Input>(notifies, undefined)
  return async (seen: TaskEvent, run: Observed<Input>): Promise<void> => {
    const { input, context, deps } = run
    const { compute } = deps
    const of = { serverId: input.serverId, requestId: context.requestId, event: '', at: seen.at }
    const starting = works.filter(({ begins }) => beginsAt(seen, begins))
    if (starting.length > 0) {
      await finishOpenEvents(compute, of)
      const host = await hostOf(compute, input.serverId)
      for (const { event } of starting) await startEvent(compute, { ...of, event }, host)
    }
    const first = { ...of, event: works[0]!.event }
    const error = hasFailed(seen) ? seen.error : undefined
    if (error && (await openEvents(compute, of)).length === 0) await startEvent(compute, first)
    const begun = error === undefined || !(await isOpen(compute, first))
    if (error || seen.kind === 'task-done') {
      await finishOpenEvents(compute, of, error)
      await finishAction(compute, of, error)
    }
    await notify(seen, run, begun)
  }
}

async function openEvents(compute: Compute, of: EventOf) {
  const id = await actionId(compute, of)
  if (id === undefined) return []
  return tables(compute)
    .selectFrom('compute_instance_action_events')
    .select('event')
    .where('action_id', '=', id)
    .where('finish_at', 'is', null)
    .execute()
}

async function finishOpenEvents(compute: Compute, of: EventOf, error?: TaskError): Promise<void> {
  const id = await actionId(compute, of)
  if (id === undefined) return
  for (const { event } of await openEvents(compute, of))
    await endEvent(compute, { actionId: id, event, at: of.at }, error)
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
