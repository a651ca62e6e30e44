// Servers as the leak audit compares them with what exists.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { unfinishedMigrations } from '../migrations/store.ts'
import type { ServerNetwork } from '../servers/networks.ts'
import { parsed } from '../servers/view.ts'

export interface AuditedServer {
  id: string
  name: string
  host: string | null
  vmState: string
  taskState: string | null
  /** The ports that it was planned with. */
  portIds: string[]
}

/** What a server has besides its own while it moves: a claim and files on another host, or on its own. */
export interface AuditedMove {
  /** Its consumer in placement. */
  id: string
  serverId: string
  /** Where it claims what the server was. */
  host: string
}

/** Files that a host keeps because it was down when they were to be removed. */
export interface Uncleaned {
  serverId: string
  host: string
}

export interface AuditedHost {
  host: string
  /** Of its compute node: its provider in placement. */
  nodeId: string
}

/** Every server that has not been deleted. */
export async function auditedServers(compute: Pick<Compute, 'store'>): Promise<AuditedServer[]> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['id', 'display_name', 'host', 'vm_state', 'task_state', 'networks_json'])
    .where('deleted_at', 'is', null)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.display_name,
    host: row.host,
    vmState: row.vm_state,
    taskState: row.task_state,
    portIds: parsed<ServerNetwork[]>(row.networks_json).map(({ portId }) => portId),
  }))
}

/** Moves that are neither confirmed nor reverted. */
export async function auditedMoves(compute: Pick<Compute, 'store'>): Promise<AuditedMove[]> {
  const rows = await unfinishedMigrations(compute)
  return rows.map(({ uuid, server_id, source_compute }) => ({ id: uuid, serverId: server_id, host: source_compute }))
}

export async function auditedUncleaned(compute: Pick<Compute, 'store'>): Promise<Uncleaned[]> {
  const rows = await tables(compute)
    .selectFrom('compute_migrations')
    .select(['server_id', 'uncleaned_host'])
    .where('uncleaned_host', 'is not', null)
    .execute()
  return rows.map(({ server_id, uncleaned_host }) => ({ serverId: server_id, host: uncleaned_host! }))
}

/** Every compute host, up or down. */
export async function auditedHosts(compute: Pick<Compute, 'store'>): Promise<AuditedHost[]> {
  const rows = await tables(compute).selectFrom('compute_nodes').select(['id', 'host']).orderBy('host').execute()
  return rows.map(({ id, host }) => ({ host, nodeId: id }))
}
