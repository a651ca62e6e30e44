// Servers that have been shelved for long enough leave their hosts, and those whose offload failed.
import { adminContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { offloadServer } from '../servers/shelve.ts'
import { shelvedSince } from '../servers/shelved.ts'

export async function offloadShelved(compute: Compute): Promise<void> {
  const { shelved_offload_time: seconds } = compute.options
  if (seconds < 0) return
  for (const id of await shelvedSince(compute, compute.clock.now() - seconds * 1000)) {
    await offloadServer(compute, adminContext(), id).catch((error) =>
      log('compute.shelve').warn({ server_id: id }, `could not be offloaded: ${errorChain(error)}`),
    )
  }
}
