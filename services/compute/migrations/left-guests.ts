// What a host is to remove of servers that went elsewhere while it was down.
import type { Compute } from '../compute.ts'
import { forgetUncleaned, uncleanedServers } from './store.ts'

/** `ids`: all that the host has. Those that it has not any more are forgotten, so that they may come again. */
export function leftGuests(compute: Compute, { host, ids }: { host: string; ids: string[] }): Promise<string[]> {
  return compute.store.transaction(async () => {
    const left = new Set(await uncleanedServers(compute, host))
    const here = left.intersection(new Set(ids))
    await forgetUncleaned(compute, host, [...left.difference(here)])
    return [...here]
  })
}
