// Instance actions and their events as the API shows them.
import type { Call } from '@kilonova/api/route'
import type { ServerRow } from '../schema/tables.ts'
import { hostIdOf } from '../servers/view.ts'
import { micros } from '../time.ts'
import type { ActionRow, EventRow } from './store.ts'

export function actionView(row: ActionRow): object {
  return {
    action: row.action,
    instance_uuid: row.server_id,
    request_id: row.request_id,
    user_id: row.user_id,
    project_id: row.project_id,
    start_time: micros(row.start_at),
    message: row.message,
    updated_at: micros(row.updated_at),
  }
}

export function eventView(call: Pick<Call, 'at' | 'allows'>, server: ServerRow, row: EventRow): object {
  const seesAll = call.allows('os-instance-actions:events')
  const seesDetails = call.at('2.84') && call.allows('os-instance-actions:events:details')
  return {
    event: row.event,
    start_time: micros(row.start_at),
    finish_time: micros(row.finish_at),
    result: row.result,
    ...(seesAll ? { traceback: row.traceback } : {}),
    ...(call.at('2.62') ? { hostId: hostIdOf(server.project_id, row.host) } : {}),
    ...(call.at('2.62') && seesAll ? { host: row.host } : {}),
    ...(seesDetails ? { details: row.details } : {}),
  }
}
