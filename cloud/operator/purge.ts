// Removes what is kept for the record only and ended before a date.
import type { Compute } from '@kilonova/compute/compute'
import type { Purged as ComputePurged } from '@kilonova/compute/explain/purge'
import { purgeCompute } from '@kilonova/compute/explain/purge'

export interface Purged extends ComputePurged {
  tasks: number
}

/** `before` in milliseconds since 1970. */
export async function purge(compute: Pick<Compute, 'store' | 'tasks'>, before: number): Promise<Purged> {
  return { tasks: await compute.tasks.purge(before), ...(await purgeCompute(compute, before)) }
}
