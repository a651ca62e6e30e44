// Placement's aggregates of a host's nodes: those that the host is in here.
import { isFault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

type Parts = Pick<Compute, 'store' | 'placement'>

/** A node that placement does not know yet is told when its host reports. */
export async function mirrorHost(compute: Parts, host: string): Promise<void> {
  const nodes = await tables(compute).selectFrom('compute_nodes').select('id').where('host', '=', host).execute()
  for (const { id } of nodes) {
    try {
      await mirrorNode(compute, host, id)
    } catch (error) {
      if (!isFault(error, 'ResourceProviderNotFound')) throw error
    }
  }
}

export async function mirrorNode(compute: Parts, host: string, nodeId: string): Promise<void> {
  const rows = await tables(compute)
    .selectFrom('compute_aggregate_hosts as member')
    .innerJoin('compute_aggregates as aggregate', 'aggregate.id', 'member.aggregate_id')
    .select('aggregate.uuid')
    .where('member.host', '=', host)
    .execute()
  await compute.placement.setAggregates(
    nodeId,
    rows.map(({ uuid }) => uuid),
  )
}
