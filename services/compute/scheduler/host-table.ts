// All hosts in memory, laid out so that the best of very many is found in little time: what filters said of a host is
// kept until the host changes, and what weighers made of it lies in columns.
import { aggregateNumber } from './aggregate-values.ts'
import type { Ranked } from './choose.ts'
import type { Filter, HostState, SchedulingRequest, Weighted } from './host-state.ts'

/** What a search asks for besides the request. */
export interface Search {
  request: SchedulingRequest
  filters: readonly Filter[]
  weighers: readonly Weighted[]
  /** Whether the host has room; for requests of the same `key` it is the same while neither host nor room changes. */
  room: { key: string; has: (host: HostState) => boolean }
  /** Hosts that are out of question. */
  without: readonly string[]
  /** Whether the host may be looked at; without it, any. */
  isAllowed?: (host: HostState) => boolean
}

/** Kinds of requests whose verdicts are kept. */
const KEPT = 64
const UNKNOWN = 0
const PASSES = 1
const FALLS = 2

interface Column {
  values: Float64Array
  of: (host: HostState) => number
}

export class HostTable {
  #hosts: HostState[] = []
  readonly #byName = new Map<string, number>()
  readonly #byNode = new Map<string, number>()
  /** What filters said, by what they read of a request. */
  readonly #filtered = new Verdicts()
  /** Whether there is room, by the key of the room. */
  readonly #roomy = new Verdicts()
  readonly #columns = new Map<string, Column>()
  /** The place of each host in the order of names; undefined until it is asked for. */
  #places: Float64Array | undefined

  get hosts(): readonly HostState[] {
    return this.#hosts
  }

  find(host: string): HostState | undefined {
    return this.#hosts[this.#byName.get(host) ?? -1]
  }

  findNode(nodeId: string): HostState | undefined {
    return this.#hosts[this.#byNode.get(nodeId) ?? -1]
  }

  /** Puts hosts as they are now in the place of what they were, and takes away those that are gone. */
  change(put: readonly HostState[], gone: readonly string[]): void {
    const present = new Set(gone.filter((host) => this.#byName.has(host)))
    const added = put.filter(({ host }) => !this.#byName.has(host))
    for (const state of put) if (this.#byName.has(state.host)) this.#put(state)
    if (present.size + added.length === 0) return
    this.#replaceAll([...this.#hosts.filter(({ host }) => !present.has(host)), ...added])
  }

  /** The room on these nodes, or on any, is another than it was. */
  roomChanged(nodes: ReadonlySet<string> | 'all'): void {
    if (nodes === 'all') this.#roomy.clear()
    else for (const id of nodes) this.#roomy.forget(this.#byNode.get(id))
  }

  /**
   * Asks about so many hosts at most what `best` and `ranked` would otherwise ask; true when nothing is left to ask. Of
   * many hosts and a request of a new kind that takes long, and others may have their turn in between.
   */
  judge(search: Search, most: number): boolean {
    if (this.#named(search.request)) return true
    const rules = rulesOf(search)
    const known = this.#knownFor(rules, search)
    let asked = 0
    for (let index = 0; index < this.#hosts.length; index++) {
      if (!isOpen(known, index)) continue
      if (asked++ === most) return false
      ask(known, index, { host: this.#hosts[index]!, rules, search })
    }
    return true
  }

  /** The host with the most weight of those that pass and have room; of equals the first by name. */
  best(search: Search): HostState | undefined {
    const left = this.#left(search)
    if (left.length < 2) return this.#hosts[left[0] ?? -1]
    const [weights, places] = [this.#weights(left, search), this.#placesOf()]
    let best = 0
    for (let i = 1; i < left.length; i++) {
      const more = weights[i]! - weights[best]!
      if (more > 0 || (more === 0 && places[left[i]!]! < places[left[best]!]!)) best = i
    }
    return this.#hosts[left[best]!]
  }

  /** All hosts that pass and have room, best first. */
  ranked(search: Search): Ranked[] {
    const left = this.#left(search)
    const [weights, places] = [this.#weights(left, search), this.#placesOf()]
    const order = [...left.keys()].sort((a, b) => weights[b]! - weights[a]! || places[left[a]!]! - places[left[b]!]!)
    return order.map((i) => ({ host: this.#hosts[left[i]!]!, weight: weights[i]! }))
  }

  #put(state: HostState): void {
    const index = this.#byName.get(state.host)!
    this.#byNode.delete(this.#hosts[index]!.nodeId)
    this.#byNode.set(state.nodeId, index)
    this.#hosts[index] = state
    this.#filtered.forget(index)
    this.#roomy.forget(index)
    for (const { values, of } of this.#columns.values()) values[index] = of(state)
  }

  #replaceAll(hosts: HostState[]): void {
    this.#hosts = hosts
    for (const index of [this.#byName, this.#byNode]) index.clear()
    for (const [i, { host, nodeId }] of hosts.entries()) {
      this.#byName.set(host, i)
      this.#byNode.set(nodeId, i)
    }
    this.#filtered.clear()
    this.#roomy.clear()
    this.#columns.clear()
    this.#places = undefined
  }

  /** The indices of the hosts that pass and have room. */
  #left(search: Search): Int32Array {
    const { request, without, isAllowed } = search
    const rules = rulesOf(search)
    const out = [...without, ...request.ignoreHosts].map((host) => this.#byName.get(host))
    for (const { filter, hosts } of rules.ofSome) {
      for (const name of hosts) {
        const host = this.find(name)
        if (host && filter.judge(host, request) !== undefined) out.push(this.#byName.get(name))
      }
    }
    const known = this.#knownFor(rules, search)
    const isOut = new Uint8Array(this.#hosts.length)
    for (const index of out) if (index !== undefined) isOut[index] = 1
    const named = this.#named(request)
    const left = new Int32Array(named?.length ?? this.#hosts.length)
    let count = 0
    for (let at = 0; at < left.length; at++) {
      const index = named ? named[at]! : at
      if (isOut[index] === 1) continue
      const host = this.#hosts[index]!
      if (isOpen(known, index)) ask(known, index, { host, rules, search })
      if (known.filtered[index] !== PASSES || known.roomy[index] !== PASSES) continue
      if (isAllowed && !isAllowed(host)) continue
      if (rules.ofEach.length > 0 && !passes(host, rules.ofEach, request)) continue
      left[count++] = index
    }
    return left.subarray(0, count)
  }

  /** The indices of the hosts that the request names, if it names any. */
  #named({ destination, forcedHost }: SchedulingRequest): number[] | undefined {
    if (destination === null && forcedHost === null) return undefined
    return [...this.#hosts.keys()].filter((i) => {
      const { host, node } = this.#hosts[i]!
      return (destination ?? host) === host && (forcedHost === null || forcedHost === host || forcedHost === node)
    })
  }

  #knownFor({ key }: Rules, { room }: Search): Known {
    const hosts = this.#hosts.length
    return { filtered: this.#filtered.of(key, hosts), roomy: this.#roomy.of(room.key, hosts) }
  }

  /** Each weigher's values are brought to 0..1 over these hosts, multiplied, and summed. */
  #weights(left: Int32Array, { request, weighers }: Search): Float64Array {
    const weights = new Float64Array(left.length)
    for (const { weigher, multiplier } of weighers) {
      if (weigher.matters && !weigher.matters(request)) continue
      const weigh = (host: HostState): number => weigher.weigh(host, request)
      const values = weigher.ofHostAlone
        ? this.#column(weigher.name, weigh)
        : Float64Array.from(this.#hosts, (host) => weigh(host))
      let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      for (let i = 0; i < left.length; i++) {
        const value = values[left[i]!]!
        if (value < least) least = value
        if (value > most) most = value
      }
      const span = most - least
      if (span === 0) continue
      const { option } = weigher
      const multipliers = this.#column(`${option} ${multiplier}`, (host) => aggregateNumber(host, option, multiplier))
      for (let i = 0; i < left.length; i++) {
        weights[i]! += ((values[left[i]!]! - least) / span) * multipliers[left[i]!]!
      }
    }
    return weights
  }

  #column(name: string, of: Column['of']): Float64Array {
    const make = (): Column => ({ values: Float64Array.from(this.#hosts, of), of })
    return this.#columns.getOrInsertComputed(name, make).values
  }

  #placesOf(): Float64Array {
    if (this.#places) return this.#places
    const { compare } = new Intl.Collator()
    const places = new Float64Array(this.#hosts.length)
    const order = [...this.#hosts.keys()].sort((a, b) => compare(this.#hosts[a]!.host, this.#hosts[b]!.host))
    for (const [place, index] of order.entries()) places[index] = place
    this.#places = places
    return places
  }
}

/** Verdicts on all hosts by what they depend on; the least recently used goes first. */
class Verdicts {
  readonly #byKey = new Map<string, Uint8Array>()

  of(key: string, hosts: number): Uint8Array {
    const verdicts = this.#byKey.get(key) ?? new Uint8Array(hosts)
    this.#byKey.delete(key)
    this.#byKey.set(key, verdicts)
    if (this.#byKey.size > KEPT) this.#byKey.delete(this.#byKey.keys().next().value!)
    return verdicts
  }

  forget(index: number | undefined): void {
    if (index !== undefined) for (const verdicts of this.#byKey.values()) verdicts[index] = UNKNOWN
  }

  clear(): void {
    this.#byKey.clear()
  }
}

/** What is kept for one search. */
interface Known {
  filtered: Uint8Array
  roomy: Uint8Array
}

interface Asking {
  host: HostState
  rules: Rules
  search: Search
}

interface Rules {
  /** What the verdicts of `lasting` depend on. */
  key: string
  lasting: Filter[]
  ofSome: { filter: Filter; hosts: readonly string[] }[]
  ofEach: Filter[]
}

function passes(host: HostState, filters: readonly Filter[], request: SchedulingRequest): boolean {
  return filters.every((filter) => filter.judge(host, request) === undefined)
}

/** Whether something has to be asked about the host: not where it falls anyway. */
function isOpen({ filtered, roomy }: Known, index: number): boolean {
  return (
    (filtered[index] === UNKNOWN && roomy[index] !== FALLS) || (roomy[index] === UNKNOWN && filtered[index] !== FALLS)
  )
}

function ask({ filtered, roomy }: Known, index: number, { host, rules, search }: Asking): void {
  if (filtered[index] === UNKNOWN) filtered[index] = passes(host, rules.lasting, search.request) ? PASSES : FALLS
  if (filtered[index] === PASSES && roomy[index] === UNKNOWN) roomy[index] = search.room.has(host) ? PASSES : FALLS
}

/** A forced host skips the filters. */
function rulesOf({ request, filters }: Search): Rules {
  const rules: Rules = { key: '', lasting: [], ofSome: [], ofEach: [] }
  const keys: string[] = []
  for (const filter of request.forcedHost === null ? filters : []) {
    const reads = filter.reads?.(request)
    if (typeof reads === 'string') {
      rules.lasting.push(filter)
      keys.push(filter.name, reads)
    } else if (reads === undefined) {
      if (filter.mayRemove) rules.ofSome.push({ filter, hosts: filter.mayRemove(request) })
      else rules.ofEach.push(filter)
    }
  }
  rules.key = JSON.stringify(keys)
  return rules
}
