// Claims of servers that are deleted: on a compute node nobody else would ever release them.
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

/** Of servers whose rows say that they were deleted, and of their moves: whatever else claims there is somebody's. */
export async function releaseStaleClaims(compute: Compute, node: string): Promise<void> {
  const consumers = [...(await compute.placement.consumersOf(node)).keys()]
  if (consumers.length === 0) return
  const deleted = await tables(compute)
    .selectFrom('compute_servers')
    .select('id')
    .where('id', 'in', consumers)
    .where('deleted_at', 'is not', null)
    .execute()
  const moves = await tables(compute)
    .selectFrom('compute_migrations as move')
    .innerJoin('compute_servers as server', 'server.id', 'move.server_id')
    .select('move.uuid as id')
    .where('move.uuid', 'in', consumers)
    .where('server.deleted_at', 'is not', null)
    .execute()
  for (const { id } of [...deleted, ...moves]) {
    await compute.placement.release(id)
    log('compute.services').warn({ node, consumer: id }, 'the claim of a deleted server is released')
  }
}
