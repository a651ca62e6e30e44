// The SQL on what is kept of shelved servers: the image that holds their root disk, and since when.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ShelvedServerRow } from '../schema/tables.ts'
import { discardImageTask } from './tasks.ts'

export function shelvedServer(
  compute: Pick<Compute, 'store'>,
  serverId: string,
): Promise<ShelvedServerRow | undefined> {
  return tables(compute)
    .selectFrom('compute_shelved_servers')
    .selectAll()
    .where('server_id', '=', serverId)
    .executeTakeFirst()
}

export async function rememberShelved(compute: Compute, serverId: string, imageId: string): Promise<void> {
  const kept = { image_id: imageId, shelved_at: compute.clock.now() }
  await tables(compute)
    .insertInto('compute_shelved_servers')
    .values({ server_id: serverId, ...kept })
    .onConflict((conflict) => conflict.column('server_id').doUpdateSet(kept))
    .execute()
}

/** Its image goes after the transaction; nothing for a server that is not shelved. */
export async function forgetShelved(compute: Compute, context: RequestContext, serverId: string): Promise<void> {
  const row = await shelvedServer(compute, serverId)
  if (!row) return
  await tables(compute).deleteFrom('compute_shelved_servers').where('server_id', '=', serverId).execute()
  await compute.tasks.enqueue(discardImageTask, { input: { imageId: row.image_id }, context })
}

/** Servers that have been shelved since then or longer, still have their guest on a host, and are not worked on. */
export async function shelvedSince(compute: Pick<Compute, 'store'>, at: number): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_shelved_servers as shelved')
    .innerJoin('compute_servers as server', 'server.id', 'shelved.server_id')
    .select('server.id')
    .where('shelved.shelved_at', '<=', at)
    .where('server.vm_state', '=', 'shelved')
    .where('server.task_state', 'is', null)
    .where('server.deleted_at', 'is', null)
    .execute()
  return rows.map(({ id }) => id)
}
