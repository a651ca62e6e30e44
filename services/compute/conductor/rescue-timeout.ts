// Servers that have been rescued for longer than operators wish boot from their own disks again.
import { adminContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { unrescueServer } from '../servers/rescue.ts'

export async function endLongRescues(compute: Compute): Promise<void> {
  const before = compute.clock.now() - compute.options.rescue_timeout * 1000
  const due = await tables(compute)
    .selectFrom('compute_servers')
    .select('id')
    .where('vm_state', '=', 'rescued')
    .where('task_state', 'is', null)
    .where('deleted_at', 'is', null)
    .where('launched_at', '<=', before)
    .execute()
  for (const { id } of due) {
    await unrescueServer(compute, adminContext(), id).catch((error) =>
      log('compute.rescue').warn({ server_id: id }, `could not be unrescued: ${errorChain(error)}`),
    )
  }
}
