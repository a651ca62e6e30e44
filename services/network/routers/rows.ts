// The SQL on routers and their legs.
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import { ownRows } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { PortRow, RouterRow, SubnetRow } from '../schema/tables.ts'
import { chunks } from '../tags.ts'

/** Throws RouterNotFound, also for what the caller may not see. */
export async function getRouter(network: Network, context: RequestContext, id: string): Promise<RouterRow> {
  const row = await tables(network)
    .selectFrom('network_routers')
    .selectAll()
    .where(sql<SqlBool>`id = ${id} and ${ownRows(context)}`)
    .executeTakeFirst()
  if (!row) throw fault('RouterNotFound', { id })
  return row
}

/** The ports of these routers: interfaces and gateways. */
export async function legsOf(network: Network, routerIds: readonly string[]): Promise<PortRow[]> {
  const found: PortRow[] = []
  for (const some of chunks(routerIds)) {
    const rows = await tables(network)
      .selectFrom('network_ports')
      .selectAll()
      .where('device_id', 'in', some)
      .where('device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
      .orderBy('created_at')
      .orderBy('id')
      .execute()
    found.push(...rows)
  }
  return found
}

export interface Leg {
  port: PortRow
  subnet: SubnetRow
  ipAddress: string
}

/** Each address of a router with its subnet. */
export async function addressesOf(network: Network, routerId: string): Promise<Leg[]> {
  const ports = await legsOf(network, [routerId])
  if (ports.length === 0) return []
  const ids = ports.map(({ id }) => id)
  const db = tables(network)
  const ips = await db.selectFrom('network_ip_allocations').selectAll().where('port_id', 'in', ids).execute()
  if (ips.length === 0) return []
  const subnetIds = ips.map(({ subnet_id }) => subnet_id)
  const subnets = await db.selectFrom('network_subnets').selectAll().where('id', 'in', subnetIds).execute()
  return ips.map(({ port_id, subnet_id, ip_address }) => ({
    port: ports.find(({ id }) => id === port_id)!,
    subnet: subnets.find(({ id }) => id === subnet_id)!,
    ipAddress: ip_address,
  }))
}
