// Removes what compute keeps for the record only: servers deleted long ago, and actions that ended long ago.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

export interface Purged {
  servers: number
  actions: number
}

const AT_ONCE = 500

/** Everything of that kind that ended before `before`, in milliseconds since 1970. Interrupted, it goes on when repeated. */
export async function purgeCompute(compute: Pick<Compute, 'store'>, before: number): Promise<Purged> {
  const servers = await inParts(compute, () => purgeServers(compute, before))
  const actions = await inParts(compute, () => purgeActions(compute, before))
  return { servers, actions }
}

async function inParts({ store }: Pick<Compute, 'store'>, some: () => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const count = await store.transaction(some)
    total += count
    if (count < AT_ONCE) return total
  }
}

async function purgeServers(compute: Pick<Compute, 'store'>, before: number): Promise<number> {
  const db = tables(compute)
  const rows = await db
    .selectFrom('compute_servers')
    .select('id')
    .where('deleted_at', '<', before)
    .limit(AT_ONCE)
    .execute()
  if (rows.length === 0) return 0
  const ids = rows.map(({ id }) => id)
  const actions = await db.selectFrom('compute_instance_actions').select('id').where('server_id', 'in', ids).execute()
  await removeActions(
    compute,
    actions.map(({ id }) => id),
  )
  await db.deleteFrom('compute_server_faults').where('server_id', 'in', ids).execute()
  await db.deleteFrom('compute_request_specs').where('server_id', 'in', ids).execute()
  await db.deleteFrom('compute_block_device_mapping').where('server_id', 'in', ids).execute()
  await db.deleteFrom('compute_servers').where('id', 'in', ids).execute()
  return ids.length
}

async function purgeActions(compute: Pick<Compute, 'store'>, before: number): Promise<number> {
  const rows = await tables(compute)
    .selectFrom('compute_instance_actions')
    .select('id')
    .where('finish_at', '<', before)
    .limit(AT_ONCE)
    .execute()
  await removeActions(
    compute,
    rows.map(({ id }) => id),
  )
  return rows.length
}

async function removeActions(compute: Pick<Compute, 'store'>, ids: number[]): Promise<void> {
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE)
    await tables(compute).deleteFrom('compute_instance_action_events').where('action_id', 'in', some).execute()
    await tables(compute).deleteFrom('compute_instance_actions').where('id', 'in', some).execute()
  }
}
