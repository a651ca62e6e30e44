// The SQL on ports, their addresses and groups.
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Condition } from '../listing.ts'
import { everything } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { IpAllocationRow, PortRow } from '../schema/tables.ts'
import { chunks } from '../tags.ts'
import type { FixedIp } from './allocate.ts'

/** Ports that the caller may see: its project's, and those on its networks. */
export function visiblePorts({ isAdmin, projectId }: RequestContext): Condition {
  if (isAdmin) return everything
  const own = projectId ?? ''
  return sql<SqlBool>`(project_id = ${own} or network_id in (select n.id from network_networks n where n.project_id = ${own}))`
}

export function portsWhere(network: Network, where: Condition): Promise<PortRow[]> {
  return tables(network).selectFrom('network_ports').selectAll().where(where).orderBy('id').execute()
}

export async function findPort(network: Network, id: string): Promise<PortRow | undefined> {
  return (await portsWhere(network, sql<SqlBool>`id = ${id}`))[0]
}

/** Throws PortNotFound, also for what the caller may not see. */
export async function getPort(network: Network, context: RequestContext, id: string): Promise<PortRow> {
  const [row] = await portsWhere(network, sql<SqlBool>`id = ${id} and ${visiblePorts(context)}`)
  if (!row) throw fault('PortNotFound', { id })
  return row
}

/** The ports with these ids that exist. */
export async function portsById(network: Network, ids: readonly string[]): Promise<PortRow[]> {
  const found: PortRow[] = []
  for (const some of chunks(ids)) found.push(...(await portsWhere(network, sql<SqlBool>`id in (${sql.join(some)})`)))
  return found
}

/** The addresses of each port in their order; every id has its list. */
export async function fixedIpsOf(network: Network, portIds: readonly string[]): Promise<Map<string, FixedIp[]>> {
  const found = new Map<string, FixedIp[]>(portIds.map((id) => [id, []]))
  for (const some of chunks(portIds)) {
    const rows: IpAllocationRow[] = await tables(network)
      .selectFrom('network_ip_allocations')
      .selectAll()
      .where('port_id', 'in', some)
      .orderBy('position')
      .execute()
    for (const { port_id, subnet_id, ip_address } of rows) found.get(port_id)!.push({ subnet_id, ip_address })
  }
  return found
}

/** The security groups of each port; every id has its list. */
export async function groupsOf(network: Network, portIds: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(portIds.map((id) => [id, []]))
  for (const some of chunks(portIds)) {
    const rows = await tables(network)
      .selectFrom('network_port_security_groups')
      .selectAll()
      .where('port_id', 'in', some)
      .orderBy('security_group_id')
      .execute()
    for (const { port_id, security_group_id } of rows) found.get(port_id)!.push(security_group_id)
  }
  return found
}
