// The SQL on networks and their subnets, and who sees them.
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Condition } from '../listing.ts'
import { everything } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { NetworkRow, SubnetRow } from '../schema/tables.ts'
import { chunks } from '../tags.ts'

/** Networks that the caller may use: its own and those shared with it. */
export function usableNetworks({ projectId }: RequestContext): Condition {
  const own = projectId ?? ''
  return sql<SqlBool>`(project_id = ${own} or shared = 1 or id in (
    select network_id from network_grants where project_id = ${own}))`
}

/** Networks that the caller may see: usable and external ones; admins see all. */
export function visibleNetworks(context: RequestContext): Condition {
  return context.isAdmin ? everything : sql<SqlBool>`(${usableNetworks(context)} or is_external = 1)`
}

export async function findNetworks(network: Network, where: Condition): Promise<NetworkRow[]> {
  return tables(network).selectFrom('network_networks').selectAll().where(where).orderBy('id').execute()
}

/** Throws NetworkNotFound, also for what the caller may not see. */
export async function getNetwork(network: Network, context: RequestContext, id: string): Promise<NetworkRow> {
  const [row] = await findNetworks(network, sql<SqlBool>`id = ${id} and ${visibleNetworks(context)}`)
  if (!row) throw fault('NetworkNotFound', { id })
  return row
}

/** True when the network is the caller's or shared with it. */
export async function mayUse(network: Network, context: RequestContext, { id }: NetworkRow): Promise<boolean> {
  const rows = await findNetworks(network, sql<SqlBool>`id = ${id} and ${usableNetworks(context)}`)
  return rows.length > 0
}

/** The subnets of these networks, oldest first. */
export async function subnetsOf(network: Network, networkIds: readonly string[]): Promise<SubnetRow[]> {
  const found: SubnetRow[] = []
  for (const some of chunks(networkIds)) {
    const rows = await tables(network)
      .selectFrom('network_subnets')
      .selectAll()
      .where('network_id', 'in', some)
      .orderBy('created_at')
      .orderBy('id')
      .execute()
    found.push(...rows)
  }
  return found
}

/** The ids of the networks, of those given, that are shared with the caller's project alone. */
export async function grantedTo(
  network: Network,
  { projectId }: RequestContext,
  networkIds: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>()
  for (const some of chunks(networkIds)) {
    const rows = await tables(network)
      .selectFrom('network_grants')
      .select('network_id')
      .where('network_id', 'in', some)
      .where('project_id', '=', projectId ?? '')
      .execute()
    for (const { network_id } of rows) found.add(network_id)
  }
  return found
}
