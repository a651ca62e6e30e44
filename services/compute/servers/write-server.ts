// The one place where a server's row changes, so that every change is told in its own transaction.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { Before } from '../notifications/server-change.ts'
import { TOLD, tellOfChange } from '../notifications/server-change.ts'
import type { ServerRow } from '../schema/tables.ts'

type Columns = Partial<Omit<ServerRow, 'id' | 'updated_at'>>
type States = Pick<ServerRow, 'vm_state' | 'task_state'>

/**
 * Changes columns of a server that still exists; with `from` only where the row still is in the states of `from`.
 * True if it did. `updated_at` never goes back, whatever the wall clock does.
 */
export function writeServer(compute: Compute, id: string, columns: Columns, from?: States): Promise<boolean> {
  return compute.store.transaction(async () => {
    const before = await statesBefore(compute, id, columns, from)
    const now = compute.clock.now()
    let update = tables(compute)
      .updateTable('compute_servers')
      .set((eb) => ({
        ...columns,
        updated_at: eb.case().when('updated_at', '>', now).then(eb.ref('updated_at')).else(eb.val(now)).end(),
      }))
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
    if (from) {
      update = update.where('vm_state', '=', from.vm_state)
      update =
        from.task_state === null
          ? update.where('task_state', 'is', null)
          : update.where('task_state', '=', from.task_state)
    }
    const changed = await update.returning(TOLD).executeTakeFirst()
    if (!changed) return false
    await tellOfChange(compute, { columns: Object.keys(columns), before: before ?? changed, now: changed })
    return true
  })
}

const LOOKED_AT = ['vm_state', 'task_state', 'display_name'] as const

/** What the change overwrites and is told; nothing is read where the caller knows it. */
async function statesBefore(
  { store }: Compute,
  id: string,
  columns: Columns,
  from: States | undefined,
): Promise<Before | undefined> {
  if (from && !('display_name' in columns)) return from
  if (!LOOKED_AT.some((column) => column in columns)) return undefined
  const query = tables({ store }).selectFrom('compute_servers').select(LOOKED_AT).where('id', '=', id)
  return (store.kind === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
}

/** A new server. Inside the transaction that makes it. */
export async function insertServer(compute: Compute, row: ServerRow): Promise<void> {
  await tables(compute).insertInto('compute_servers').values(row).execute()
  await tellOfChange(compute, { columns: Object.keys(row), before: null, now: row })
}
