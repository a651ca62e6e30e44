// Removes events and notifications that are older than they are kept.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

const AT_ONCE = 500

export async function purgeEvents(compute: Compute): Promise<void> {
  const { clock, store, notifications } = compute
  const before = clock.now() - notifications.options.event_retention * 1000
  for (const table of ['compute_events', 'compute_notifications'] as const) {
    const some = () => purgeSome(compute, table, before)
    while ((await store.transaction(some)) === AT_ONCE);
  }
}

/** Ids grow with time, so the oldest are looked at without an index on time. */
async function purgeSome(
  compute: Compute,
  table: 'compute_events' | 'compute_notifications',
  before: number,
): Promise<number> {
  const db = tables(compute)
  const oldest = await db.selectFrom(table).select(['id', 'created_at']).orderBy('id').limit(AT_ONCE).execute()
  const ids = oldest.filter(({ created_at }) => created_at < before).map(({ id }) => id)
  if (ids.length > 0) await db.deleteFrom(table).where('id', 'in', ids).execute()
  return ids.length
}
