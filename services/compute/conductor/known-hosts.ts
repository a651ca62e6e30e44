// All hosts in memory as the scheduler sees them, and what room they have: each look brings them up to date with what
// any process has committed, by the logs of changes in the store.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CandidatesRequest, PlacementClient, TreeWatch } from '@kilonova/placement/client'
import { ChangeReader } from '@kilonova/store/change-log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { Filter, Weighted } from '../scheduler/host-state.ts'
import { HostTable } from '../scheduler/host-table.ts'
import { HOST_CHANGES, LOGGED_SILENCE } from '../schema/0014-host-changes.ts'
import type { LastSeen } from '../services/liveness.ts'
import { isAwaited, isUp, reportTime } from '../services/liveness.ts'
import { BeingClaimed } from './being-claimed.ts'
import { filtersOf, weighersOf } from './filters-and-weighers.ts'
import { HOSTS_AT_ONCE, readHosts } from './host-states.ts'

/** One for each process: that of its client of placement. */
const known = new WeakMap<PlacementClient, KnownHosts>()

/** The hosts that this process knows; nothing is read before the first look. */
export function knownHosts(compute: Compute): KnownHosts {
  return known.getOrInsertComputed(compute.placement, () => new KnownHosts(compute))
}

/** Milliseconds after which a silent service cannot report unlogged any more, whatever the clocks say. */
const SETTLED = LOGGED_SILENCE + 5000

/** When a service has to be looked at again, and what it was when it was read. */
interface Watched {
  service: LastSeen
  due: number
}

export class KnownHosts {
  readonly table = new HostTable()
  readonly filters: readonly Filter[]
  readonly weighers: readonly Weighted[]
  readonly trees: TreeWatch
  readonly beingClaimed = new BeingClaimed()
  readonly #compute: Compute
  readonly #changes: ChangeReader
  /** Changed, and not read again yet. */
  readonly #stale = new Set<string>()
  readonly #watched = new Map<string, Watched>()
  /** When the first of #watched is due. */
  #due = Number.POSITIVE_INFINITY
  #looking: Promise<void> = Promise.resolve()

  constructor(compute: Compute) {
    this.#compute = compute
    this.filters = filtersOf(compute)
    this.weighers = weighersOf(compute)
    this.trees = compute.placement.watchTrees()
    this.#changes = new ChangeReader(compute.store, HOST_CHANGES)
  }

  /** Hosts are what they are now, and `trees` knows what has room for this. Outside of transactions. */
  look(needed: CandidatesRequest): Promise<void> {
    const looked = this.#looking.then(() => this.#refresh(needed))
    this.#looking = looked.catch(() => undefined) // whoever comes next reads what this one has not
    return looked
  }

  /** Whether a host that is down may yet report. */
  isAwaited(host: string): boolean {
    const watched = this.#watched.get(host)
    return watched !== undefined && isAwaited(this.#compute, watched.service)
  }

  async #refresh(needed: CandidatesRequest): Promise<void> {
    this.table.roomChanged(await this.trees.refresh(needed))
    const changed = await this.#changes.changed()
    for (const host of changed === 'all' ? await this.#everybody() : changed) this.#stale.add(host)
    const stale = [...this.#stale]
    for (let at = 0; at < stale.length; at += HOSTS_AT_ONCE) {
      if (at > 0) await nextTurn()
      await this.#read(stale.slice(at, at + HOSTS_AT_ONCE))
    }
    if (reportTime(this.#compute.clock) >= this.#due) await this.#lookAtSilent()
  }

  /** Every host there is, and every host there was. */
  async #everybody(): Promise<string[]> {
    const rows = await tables(this.#compute).selectFrom('compute_nodes').select('host').execute()
    return [...rows.map(({ host }) => host), ...this.table.hosts.map(({ host }) => host)]
  }

  async #read(hosts: readonly string[]): Promise<void> {
    const read = await readHosts(this.#compute, hosts)
    const present = new Set(read.map(({ state }) => state.host))
    const gone = hosts.filter((host) => !present.has(host))
    this.table.change(
      read.map(({ state }) => state),
      gone,
    )
    for (const host of gone) this.#watched.delete(host)
    for (const { state, service } of read) this.#watch(state.host, service)
    for (const host of hosts) this.#stale.delete(host)
  }

  #watch(host: string, service: LastSeen): void {
    const due = this.#dueOf(service)
    this.#watched.set(host, { service, due })
    this.#due = Math.min(this.#due, due)
  }

  /** When what is known of a service may be wrong: reports that follow each other closely are not in the log. */
  #dueOf({ last_seen_at: at, forced_down: isForced }: LastSeen): number {
    const now = reportTime(this.#compute.clock)
    const patience = this.#compute.options.service_down_time * 1000
    if (isForced === 1) return Number.POSITIVE_INFINITY
    if (Math.abs(now - at) <= patience) return at + patience + 1
    if (at > now) return at - patience
    return now - at > SETTLED ? Number.POSITIVE_INFINITY : now
  }

  /** Reads anew when those were seen last that should have reported by now. */
  async #lookAtSilent(): Promise<void> {
    const now = reportTime(this.#compute.clock)
    const silent = [...this.#watched].flatMap(([host, { due }]) => (due <= now ? [host] : []))
    for (let at = 0; at < silent.length; at += HOSTS_AT_ONCE) {
      const rows = await tables(this.#compute)
        .selectFrom('compute_services')
        .select(['host', 'last_seen_at', 'forced_down'])
        .where('binary', '=', 'nova-compute')
        .where('host', 'in', silent.slice(at, at + HOSTS_AT_ONCE))
        .execute()
      for (const { host, ...service } of rows) this.#seen(host, service)
    }
    this.#due = Math.min(...[...this.#watched.values()].map(({ due }) => due))
  }

  #seen(host: string, service: LastSeen): void {
    const state = this.table.find(host)
    const up = isUp(this.#compute, service)
    if (state && state.up !== up) this.table.change([{ ...state, up }], [])
    this.#watch(host, service)
  }
}
