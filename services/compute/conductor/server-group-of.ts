// A server's group as the scheduler is told of it.
import type { Compute } from '../compute.ts'
import type { ServerGroup } from '../scheduler/host-state.ts'
import { groupOfServer, membersByHost } from '../server-groups/store.ts'

/** Null when the server is in none. */
export async function serverGroupOf(compute: Pick<Compute, 'store'>, serverId: string): Promise<ServerGroup | null> {
  const row = await groupOfServer(compute, serverId)
  if (!row) return null
  return {
    id: row.id,
    policy: row.policy,
    maxServerPerHost: row.max_server_per_host ?? 1,
    others: await membersByHost(compute, row.id, serverId),
  }
}
