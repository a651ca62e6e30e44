// A host that was down is back: before it counts as up again nothing runs there of what went elsewhere meanwhile.
import type { HostReport } from '../agent/conductor-protocol.ts'
import type { Compute } from '../compute.ts'
import { uncleanedServers } from '../migrations/store.ts'
import { isHostUp } from '../services/liveness.ts'
import { reportService } from '../services/report.ts'

/** Until the end of the transaction nobody else says that the host is back, or that servers have left it for good. */
export function lockReturn({ store }: Pick<Compute, 'store'>, host: string): Promise<void> {
  return store.lock(`host-return:${host}`)
}

/** Whether it may have guests, or files of theirs, whose servers went elsewhere while it was down. */
export async function keepsGuests(compute: Compute, host: string): Promise<boolean> {
  return (await uncleanedServers(compute, host)).length > 0
}

/** The host is up from now on; answers its service's id, or undefined while guests may run there that it must stop. */
export async function signOfLife(
  compute: Compute,
  { host, stopped = [] }: Pick<HostReport, 'host' | 'stopped'>,
): Promise<string | undefined> {
  const report = () => reportService(compute, { host, binary: 'nova-compute' })
  if (await isHostUp(compute, host)) return report()
  return compute.store.transaction(async () => {
    await lockReturn(compute, host)
    const left = await uncleanedServers(compute, host)
    return left.every((id) => stopped.includes(id)) ? report() : undefined
  })
}
