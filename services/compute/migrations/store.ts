// The SQL on migrations.
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'
import type { MigrationRow } from '../schema/tables.ts'
import type { Side } from './side.ts'
import type { MigrationStatus } from './status.ts'
import { UNFINISHED } from './status.ts'

type Stores = Pick<Compute, 'store'>

export interface NewMigration {
  uuid: string
  serverId: string
  userId: string | null
  projectId: string | null
  type: MigrationRow['migration_type']
  /** Default: pre-migrating. */
  status?: MigrationStatus
  /** The host that the request names, if it names one. */
  destination?: string | null
  before: Side & { host: string; node: string }
  after: Side
  oldVmState: string
}

/** Inside the transaction that begins it. */
export async function insertMigration(compute: Compute, asked: NewMigration): Promise<void> {
  const now = compute.clock.now()
  const figures = { memory_total: null, memory_processed: null, memory_remaining: null }
  const diskFigures = { disk_total: null, disk_processed: null, disk_remaining: null }
  const row: MigrationRow = {
    id: await nextNumber(compute, 'migration'),
    uuid: asked.uuid,
    server_id: asked.serverId,
    user_id: asked.userId,
    project_id: asked.projectId,
    migration_type: asked.type,
    status: asked.status ?? 'pre-migrating',
    source_compute: asked.before.host,
    source_node: asked.before.node,
    dest_compute: asked.destination ?? null,
    dest_node: null,
    dest_host: null,
    before_json: JSON.stringify(asked.before),
    after_json: JSON.stringify(asked.after),
    old_vm_state: asked.oldVmState,
    uncleaned_host: null,
    ...figures,
    ...diskFigures,
    created_at: now,
    updated_at: now,
  }
  await tables(compute).insertInto('compute_migrations').values(row).execute()
}

export function migrationOf(compute: Stores, uuid: string): Promise<MigrationRow> {
  return tables(compute).selectFrom('compute_migrations').selectAll().where('uuid', '=', uuid).executeTakeFirstOrThrow()
}

/** What is left to do of a move of the server: it is under way, or neither confirmed nor reverted. The newest. */
export function unfinishedOf(
  compute: Stores,
  serverId: string,
  { but = '' }: { but?: string } = {},
): Promise<MigrationRow | undefined> {
  return tables(compute)
    .selectFrom('compute_migrations')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('status', 'in', UNFINISHED)
    .where('uuid', '<>', but)
    .orderBy('id', 'desc')
    .executeTakeFirst()
}

/** Every move that has two sides now, or those from and to these hosts. */
export function unfinishedMigrations(compute: Stores, hosts?: readonly string[]): Promise<MigrationRow[]> {
  return tables(compute)
    .selectFrom('compute_migrations')
    .selectAll()
    .where('status', 'in', UNFINISHED)
    .$if(hosts !== undefined, (query) =>
      query.where((eb) => eb.or([eb('source_compute', 'in', hosts!), eb('dest_compute', 'in', hosts!)])),
    )
    .execute()
}

/** Hosts that keep files of the server because they were down when those were to be removed. */
export async function uncleanedHosts(compute: Stores, serverId: string): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_migrations')
    .select('uncleaned_host')
    .where('server_id', '=', serverId)
    .where('uncleaned_host', 'is not', null)
    .execute()
  return [...new Set(rows.map(({ uncleaned_host }) => uncleaned_host!))]
}

/** The servers of which the host keeps a guest or files that it is to remove: never one that lives there. */
export async function uncleanedServers(compute: Stores, host: string): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_migrations as move')
    .leftJoin('compute_servers as server', 'server.id', 'move.server_id')
    .select('move.server_id')
    .distinct()
    .where('move.uncleaned_host', '=', host)
    .where((eb) =>
      eb.or([eb('server.host', 'is', null), eb('server.host', '<>', host), eb('server.deleted_at', 'is not', null)]),
    )
    .execute()
  return rows.map(({ server_id }) => server_id)
}

/** The host has removed what it kept of these servers; with that their evacuation from it is complete. */
export async function forgetUncleaned(
  compute: Pick<Compute, 'store' | 'clock'>,
  host: string,
  serverIds: readonly string[],
): Promise<void> {
  if (serverIds.length === 0) return
  const left = { uncleaned_host: null, updated_at: compute.clock.now() }
  const moves = (set: Partial<MigrationRow>) =>
    tables(compute)
      .updateTable('compute_migrations')
      .set(set)
      .where('uncleaned_host', '=', host)
      .where('server_id', 'in', serverIds)
  const evacuations = moves({ ...left, status: 'completed' satisfies MigrationStatus })
  await evacuations.where('migration_type', '=', 'evacuation').where('status', '=', 'done').execute()
  await moves(left).execute()
}

type MigrationUpdate = Partial<Omit<MigrationRow, 'id' | 'uuid' | 'server_id' | 'status' | 'updated_at'>> & {
  status?: MigrationStatus
}

export async function updateMigration(compute: Compute, uuid: string, update: MigrationUpdate): Promise<void> {
  await tables(compute)
    .updateTable('compute_migrations')
    .set({ ...update, updated_at: compute.clock.now() })
    .where('uuid', '=', uuid)
    .execute()
}
