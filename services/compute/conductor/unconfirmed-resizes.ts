// Moves that nobody confirms: when their time is over, and at once when an admin has given the server another state.
import { adminContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { confirmLeftResize, confirmResize } from '../servers/resize.ts'

export async function confirmUnconfirmedResizes(compute: Compute): Promise<void> {
  const { resize_confirm_window: seconds } = compute.options
  const due = compute.clock.now() - seconds * 1000
  const rows = await tables(compute)
    .selectFrom('compute_migrations as migration')
    .innerJoin('compute_servers as server', 'server.id', 'migration.server_id')
    .select(['server.id', 'server.vm_state', 'migration.updated_at'])
    .where('migration.status', 'in', ['finished', 'confirming'])
    .where('server.task_state', 'is', null)
    .where('server.deleted_at', 'is', null)
    .execute()
  for (const { id, vm_state: state, updated_at: since } of rows) {
    const isDue = seconds > 0 && since <= due
    if (state === 'resized' && !isDue) continue
    const confirm = state === 'resized' ? confirmResize : confirmLeftResize
    await confirm(compute, adminContext(), id).catch((error) =>
      log('compute.resize').warn({ server_id: id }, `could not be confirmed: ${errorChain(error)}`),
    )
  }
}
