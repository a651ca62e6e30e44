// Migrations as the API shows them.
import type { Call } from '@kilonova/api/route'
import { linksTo } from '../links.ts'
import type { MigrationRow } from '../schema/tables.ts'
import { micros } from '../time.ts'
import type { Side } from './side.ts'
import { LIVE_IN_PROGRESS } from './status.ts'

type Asked = Pick<Call, 'allows' | 'url'>

/** What lists of all and of one server have in common; hosts only for those who may know them. */
export function commonView(row: MigrationRow, { seesHosts }: { seesHosts: boolean }): object {
  const host = (name: string | null): string | null => (seesHosts ? name : null)
  return {
    id: row.id,
    uuid: row.uuid,
    status: row.status,
    source_compute: host(row.source_compute),
    source_node: host(row.source_node),
    dest_compute: host(row.dest_compute),
    dest_node: host(row.dest_node),
    dest_host: host(row.dest_host),
    created_at: micros(row.created_at),
    updated_at: micros(row.updated_at),
    user_id: row.user_id,
    project_id: row.project_id,
  }
}

export function migrationView(call: Asked, row: MigrationRow): object {
  return {
    ...commonView(row, { seesHosts: call.allows('os-migrations:index:host') }),
    instance_uuid: row.server_id,
    migration_type: row.migration_type,
    old_instance_type_id: numberOf(row.before_json),
    new_instance_type_id: numberOf(row.after_json),
    ...(isLiveInProgress(row) ? { links: linksTo(call, `servers/${row.server_id}/migrations/${row.id}`) } : {}),
  }
}

export function isLiveInProgress({ migration_type: type, status }: MigrationRow): boolean {
  return type === 'live-migration' && (LIVE_IN_PROGRESS as readonly string[]).includes(status)
}

/** The flavor's id where that is a number: others have none that clients could read here. */
function numberOf(side: string): number | null {
  const { flavorId } = JSON.parse(side) as Side
  return /^\d{1,9}$/.test(flavorId) ? Number(flavorId) : null
}
