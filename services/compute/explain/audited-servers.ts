// Servers as the leak audit compares them with what exists.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
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

/** Every compute host, up or down. */
export async function auditedHosts(compute: Pick<Compute, 'store'>): Promise<AuditedHost[]> {
  const rows = await tables(compute).selectFrom('compute_nodes').select(['id', 'host']).orderBy('host').execute()
  return rows.map(({ id, host }) => ({ host, nodeId: id }))
}
