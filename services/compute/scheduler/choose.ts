// Filters hosts, then ranks what is left; says of each filter how many hosts it removed and what the nearest lacked.
import { aggregateNumber } from './aggregate-values.ts'
import type { Filter, HostState, SchedulingRequest, Weigher } from './host-state.ts'

export interface Removed {
  filter: string
  hosts: number
  /** What the last host that fell here lacked: it had passed everything before. */
  nearest: string | null
}

export interface Choice {
  /** Best first. */
  ranked: HostState[]
  removed: Removed[]
}

export interface Weighted {
  weigher: Weigher
  /** Where the host's aggregates give none under the weigher's option. */
  multiplier: number
}

export function choose(
  hosts: readonly HostState[],
  request: SchedulingRequest,
  filters: readonly Filter[],
  weighers: readonly Weighted[],
): Choice {
  const removed: Removed[] = []
  let left = hosts.filter(({ host }) => !request.ignoreHosts.includes(host))
  note(removed, 'hosts that failed before', hosts.length - left.length, 'the build has failed on it')
  if (request.forcedHost !== null) left = forced(left, request.forcedHost, removed)
  else for (const filter of filters) left = passing(left, request, filter, removed)
  return { ranked: rank(left, request, weighers), removed }
}

function note(removed: Removed[], filter: string, hosts: number, nearest: string | null): void {
  if (hosts > 0) removed.push({ filter, hosts, nearest })
}

function forced(hosts: HostState[], wanted: string, removed: Removed[]): HostState[] {
  const left = hosts.filter(({ host, node }) => host === wanted || node === wanted)
  note(removed, 'forced host', hosts.length - left.length, `the request names ${wanted}`)
  return left
}

function passing(hosts: HostState[], request: SchedulingRequest, filter: Filter, removed: Removed[]): HostState[] {
  let nearest: string | null = null
  const left = hosts.filter((host) => {
    const lack = filter.judge(host, request)
    if (lack !== undefined) nearest = `${host.host}: ${lack}`
    return lack === undefined
  })
  note(removed, filter.name, hosts.length - left.length, nearest)
  return left
}

/** Each weigher's values are brought to 0..1 over these hosts, multiplied, and summed. */
function rank(hosts: HostState[], request: SchedulingRequest, weighers: readonly Weighted[]): HostState[] {
  const totals = new Map<HostState, number>(hosts.map((host) => [host, 0]))
  for (const { weigher, multiplier } of weighers) {
    const raw = hosts.map((host) => weigher.weigh(host, request))
    const least = Math.min(...raw)
    const span = Math.max(...raw) - least
    hosts.forEach((host, i) => {
      totals.set(
        host,
        totals.get(host)! +
          (span === 0 ? 0 : ((raw[i]! - least) / span) * aggregateNumber(host, weigher.option, multiplier)),
      )
    })
  }
  return hosts.toSorted((a, b) => totals.get(b)! - totals.get(a)! || a.host.localeCompare(b.host))
}
