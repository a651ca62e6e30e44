// Hosts on which this process is claiming just now for servers of groups: whoever chooses beside it does as if those
// claims were made, and so does not run into them. The claim itself is what keeps a group's policy.
import type { SchedulingRequest, ServerGroup } from '../scheduler/host-state.ts'

export class BeingClaimed {
  /** By group, then by host: how many. */
  readonly #hosts = new Map<string, Map<string, number>>()

  /** The request with those servers among the group's others. */
  beside(request: SchedulingRequest): SchedulingRequest {
    const { group } = request
    const claimed = group && this.#hosts.get(group.id)
    if (!claimed) return request
    const others = { ...group.others }
    for (const [host, servers] of claimed) others[host] = (others[host] ?? 0) + servers
    return { ...request, group: { ...group, others } }
  }

  async during<T>(group: ServerGroup | null, host: string, claim: () => Promise<T>): Promise<T> {
    if (!group) return claim()
    const hosts = this.#hosts.getOrInsertComputed(group.id, () => new Map())
    hosts.set(host, (hosts.get(host) ?? 0) + 1)
    try {
      return await claim()
    } finally {
      const left = hosts.get(host)! - 1
      if (left > 0) hosts.set(host, left)
      else hosts.delete(host)
      if (hosts.size === 0) this.#hosts.delete(group.id)
    }
  }
}
