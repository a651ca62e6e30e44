// Filters hosts, then ranks what is left; says of each filter how many hosts it removed and what the nearest lacked.
import { aggregateNumber } from './aggregate-values.ts'
import type { Filter, HostState, SchedulingRequest, Weighted } from './host-state.ts'
import { Nearest } from './nearest.ts'

export interface Removed {
  filter: string
  hosts: number
  /** Of the hosts that fell here, which had passed everything before: the one that lacked least, and what. */
  nearest: string | null
}

/** The hosts that are left, and why the others are not. */
export interface Left {
  hosts: HostState[]
  removed: Removed[]
}

export interface Ranked {
  host: HostState
  weight: number
}

/** Without hosts that failed before, and without all but the one that the request names, if it names one. */
export function eligible(hosts: readonly HostState[], request: SchedulingRequest): Left {
  const { ignoreHosts, destination, forcedHost } = request
  const removed: Removed[] = []
  const keep = (some: readonly HostState[], stays: (host: HostState) => boolean, filter: string, nearest: string) => {
    const left = some.filter(stays)
    note(removed, { filter, hosts: some.length - left.length, nearest })
    return left
  }
  let left = keep(hosts, ({ host }) => !ignoreHosts.includes(host), 'hosts that failed before', 'it has failed on it')
  if (destination !== null) {
    left = keep(left, ({ host }) => host === destination, 'requested host', `the request names ${destination}`)
  }
  if (forcedHost !== null) {
    const isForced = ({ host, node }: HostState) => host === forcedHost || node === forcedHost
    left = keep(left, isForced, 'forced host', `the request names ${forcedHost}`)
  }
  return { hosts: left, removed }
}

/** The hosts that pass; a forced one skips the filters. */
export function passing(hosts: readonly HostState[], request: SchedulingRequest, filters: readonly Filter[]): Left {
  const removed: Removed[] = []
  let left = [...hosts]
  for (const filter of request.forcedHost === null ? filters : []) left = passingOne(left, request, filter, removed)
  return { hosts: left, removed }
}

function passingOne(hosts: HostState[], request: SchedulingRequest, filter: Filter, removed: Removed[]): HostState[] {
  const fallen = new Nearest()
  const left = hosts.filter((host) => {
    const verdict = filter.judge(host, request)
    if (verdict !== undefined) fallen.add(host.host, verdict)
    return verdict === undefined
  })
  note(removed, { filter: filter.name, hosts: hosts.length - left.length, nearest: fallen.told() })
  return left
}

function note(removed: Removed[], some: Removed): void {
  if (some.hosts > 0) removed.push(some)
}

/** Best first. Each weigher's values are brought to 0..1 over these hosts, multiplied, and summed. */
export function ranked(
  hosts: readonly HostState[],
  request: SchedulingRequest,
  weighers: readonly Weighted[],
): Ranked[] {
  const weights = new Map<HostState, number>(hosts.map((host) => [host, 0]))
  for (const { weigher, multiplier } of weighers) {
    const raw = hosts.map((host) => weigher.weigh(host, request))
    const least = Math.min(...raw)
    const span = Math.max(...raw) - least
    if (span === 0) continue
    hosts.forEach((host, i) => {
      const share = (raw[i]! - least) / span
      weights.set(host, weights.get(host)! + share * aggregateNumber(host, weigher.option, multiplier))
    })
  }
  const order = (a: HostState, b: HostState) => weights.get(b)! - weights.get(a)! || a.host.localeCompare(b.host)
  return hosts.toSorted(order).map((host) => ({ host, weight: weights.get(host)! }))
}
