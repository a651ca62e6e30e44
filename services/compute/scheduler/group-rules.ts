// What the policy of a server group forbids on a host: asked by the filters, and again where the host is claimed.
import type { ServerGroup, Verdict } from './host-state.ts'

export function antiAffinityLack(host: string, group: ServerGroup | null): Verdict {
  if (group?.policy !== 'anti-affinity') return undefined
  const there = group.others[host] ?? 0
  if (there < group.maxServerPerHost) return undefined
  return { says: `it has ${there} of the server group already`, short: there + 1 - group.maxServerPerHost }
}

export function affinityLack(host: string, group: ServerGroup | null): Verdict {
  if (group?.policy !== 'affinity') return undefined
  const hosts = Object.keys(group.others)
  return hosts.length === 0 || hosts.includes(host) ? undefined : `the server group is on ${hosts.join(', ')}`
}
