// The SQL on instance actions, for reading.
import type { Selectable } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { InstanceActionEventRow, InstanceActionRow } from '../schema/tables.ts'

export type ActionRow = Selectable<InstanceActionRow>
export type EventRow = Selectable<InstanceActionEventRow>

export interface ActionsPage {
  limit: number
  /** Request id of the last action of the page before. */
  marker: string | undefined
  since: number | undefined
  before: number | undefined
}

export async function actionsOf(
  compute: Compute,
  serverId: string,
  { limit, marker, since, before }: ActionsPage,
): Promise<ActionRow[]> {
  let query = tables(compute).selectFrom('compute_instance_actions').selectAll().where('server_id', '=', serverId)
  if (marker !== undefined) {
    const last = await actionOf(compute, serverId, marker)
    if (!last) throw fault('MarkerNotFound', { marker })
    query = query.where('id', '<', last.id)
  }
  if (since !== undefined) query = query.where('updated_at', '>=', since)
  if (before !== undefined) query = query.where('updated_at', '<=', before)
  return query.orderBy('id', 'desc').limit(limit).execute()
}

export function actionOf(compute: Compute, serverId: string, requestId: string): Promise<ActionRow | undefined> {
  return tables(compute)
    .selectFrom('compute_instance_actions')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('request_id', '=', requestId)
    .executeTakeFirst()
}

export function eventsOf(compute: Compute, actionId: number): Promise<EventRow[]> {
  return tables(compute)
    .selectFrom('compute_instance_action_events')
    .selectAll()
    .where('action_id', '=', actionId)
    .orderBy('id')
    .execute()
}
