// The SQL on subnets, and who sees them.
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Condition } from '../listing.ts'
import { everything } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { visibleNetworks } from '../networks/rows.ts'
import type { SubnetRow } from '../schema/tables.ts'

/** Subnets of networks that the caller may see. */
export function visibleSubnets(context: RequestContext): Condition {
  if (context.isAdmin) return everything
  return sql<SqlBool>`network_id in (select id from network_networks where ${visibleNetworks(context)})`
}

/** Throws SubnetNotFound, also for what the caller may not see. */
export async function getSubnet(network: Network, context: RequestContext, id: string): Promise<SubnetRow> {
  const row = await tables(network)
    .selectFrom('network_subnets')
    .selectAll()
    .where(sql<SqlBool>`id = ${id} and ${visibleSubnets(context)}`)
    .executeTakeFirst()
  if (!row) throw fault('SubnetNotFound', { id })
  return row
}
