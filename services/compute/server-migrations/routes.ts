// The live migrations of one server that are under way.
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { owned } from '../migrations/schema.ts'
import { LIVE_IN_PROGRESS } from '../migrations/status.ts'
import { commonView, isLiveInProgress } from '../migrations/view.ts'
import { route } from '../route.ts'
import type { MigrationRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'

const LIST = '/v2.1/servers/:serverId/migrations'
const Migration = Type.Object(owned())

export const serverMigrationRoutes = [
  route({
    method: 'GET',
    path: LIST,
    since: '2.23',
    policy: 'servers:migrations:index',
    success: 200,
    reply: Type.Object({ migrations: Type.Array(Migration) }),
    handler: async (compute, call) => {
      const { id } = await getServer(compute, call.context, call.params['serverId']!)
      const rows = await migrationsOf(compute, id)
        .where('migration_type', '=', 'live-migration')
        .where('status', 'in', LIVE_IN_PROGRESS)
        .execute()
      return { migrations: rows.map((row) => progressView(call, row)) }
    },
  }),
  route({
    method: 'GET',
    path: `${LIST}/:id`,
    since: '2.23',
    policy: 'servers:migrations:show',
    success: 200,
    reply: Type.Object({ migration: Migration }),
    handler: async (compute, call) => {
      const { id: server } = await getServer(compute, call.context, call.params['serverId']!)
      const id = call.params['id']!
      const number = /^\d{1,9}$/.test(id) ? Number(id) : -1
      const row = await migrationsOf(compute, server).where('id', '=', number).executeTakeFirst()
      if (!row) throw fault('MigrationNotFound', { id, server })
      if (row.migration_type !== 'live-migration') throw fault('MigrationNotLive', { id, server })
      if (!isLiveInProgress(row)) throw fault('MigrationNotInProgress', { id, server })
      return { migration: progressView(call, row) }
    },
  }),
]

function migrationsOf(compute: Compute, serverId: string) {
  return tables(compute)
    .selectFrom('compute_migrations')
    .selectAll()
    .where('server_id', '=', serverId)
    .orderBy('id', 'desc')
}

function progressView({ allows }: Pick<Call, 'allows'>, row: MigrationRow): object {
  return {
    ...commonView(row, { seesHosts: allows('servers:migrations:index:host') }),
    server_uuid: row.server_id,
    memory_total_bytes: row.memory_total,
    memory_processed_bytes: row.memory_processed,
    memory_remaining_bytes: row.memory_remaining,
    disk_total_bytes: row.disk_total,
    disk_processed_bytes: row.disk_processed,
    disk_remaining_bytes: row.disk_remaining,
  }
}
