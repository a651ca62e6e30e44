// Servers that were put away are deleted for good when their time is over.

import { adminContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { forceDeleteServer } from '../servers/delete.ts'

export async function reclaimQueuedDeletes(compute: Compute): Promise<void> {
  const before = compute.clock.now() - compute.options.reclaim_instance_interval * 1000
  const due = await tables(compute)
    .selectFrom('compute_servers')
    .select('id')
    .where('vm_state', '=', 'soft-delete')
    .where('task_state', 'is', null)
    .where('deleted_at', 'is', null)
    .where('terminated_at', '<=', before)
    .execute()
  for (const { id } of due) {
    await forceDeleteServer(compute, adminContext(), id).catch((error) =>
      log('compute.reclaim').warn({ server_id: id }, `could not be deleted for good: ${errorChain(error)}`),
    )
  }
}
