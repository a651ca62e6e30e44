// How many builds failed on a host since the last one that did not: the scheduler avoids such hosts.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

export async function countFailedBuild(compute: Compute, host: string): Promise<void> {
  await tables(compute)
    .updateTable('compute_nodes')
    .set((eb) => ({ failed_builds: eb('failed_builds', '+', 1) }))
    .where('host', '=', host)
    .execute()
}

export async function forgetFailedBuilds(compute: Compute, host: string): Promise<void> {
  await tables(compute)
    .updateTable('compute_nodes')
    .set({ failed_builds: 0 })
    .where('host', '=', host)
    .where('failed_builds', '>', 0)
    .execute()
}
