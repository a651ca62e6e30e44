// Which hosts have room for a server, and how each of them can serve it; what the others lack.
import type { Allocations, ProviderSummary, ProviderUsage, TreeWatch } from '@kilonova/placement/client'
import type { Compute } from '../compute.ts'
import type { Removed } from '../scheduler/choose.ts'
import type { HostState, SchedulingRequest, Shortfall } from '../scheduler/host-state.ts'
import { Nearest } from '../scheduler/nearest.ts'
import type { Needed } from '../scheduler/resources.ts'
import { neededResources } from '../scheduler/resources.ts'
import { diskShortfall, wantedSize, withFittingDisk } from './isolated-disks.ts'

export interface Room {
  /** How each host that has room can serve the request, best first. */
  ways: ReadonlyMap<HostState, Allocations[]>
  /** Hosts with room, but without a device that is large enough. */
  small: ReadonlyMap<HostState, Shortfall>
}

/** What placement is asked for a request. */
export const neededFor = ({ flavor, image, imagesTypes }: SchedulingRequest): Needed =>
  neededResources(flavor, image, imagesTypes)

/** How one host can serve a request, by what is known now; best first. */
export class RoomOf {
  /** Requests with the same key have room on the same hosts. */
  readonly key: string
  readonly #trees: TreeWatch
  readonly #request: SchedulingRequest
  readonly #needed: Needed

  constructor(trees: TreeWatch, request: SchedulingRequest, needed = neededFor(request)) {
    this.#trees = trees
    this.#request = request
    this.#needed = needed
    this.key = JSON.stringify([needed, wantedSize(request)])
  }

  has(host: HostState): boolean {
    if (wantedSize(this.#request) === null) return this.#trees.serves(this.#needed, host.nodeId)
    return this.ways(host).length > 0
  }

  ways(host: HostState): Allocations[] {
    return withFittingDisk(host, this.#waysOf(host), this.#request)
  }

  /** Of all of these hosts. */
  all(hosts: readonly HostState[]): Room {
    const ways = new Map<HostState, Allocations[]>()
    const small = new Map<HostState, Shortfall>()
    for (const host of hosts) {
      const found = this.#waysOf(host)
      const fitting = withFittingDisk(host, found, this.#request)
      if (fitting.length > 0) ways.set(host, fitting)
      else if (found.length > 0) small.set(host, diskShortfall(host, found, this.#request))
    }
    return { ways, small }
  }

  #waysOf({ nodeId }: HostState): Allocations[] {
    return this.#trees.candidates(this.#needed, nodeId).map(({ allocations }) => allocations)
  }
}

export interface Lacking {
  hosts: readonly HostState[]
  request: SchedulingRequest
  room: Room
}

export interface LackOfRoom {
  removed: Removed[]
  /** Some of the hosts would do if others used less of them. */
  isFull: boolean
}

/** What is in the way on hosts that suit the request but have no room for it. */
export async function lackOfRoom(
  compute: Pick<Compute, 'placement'>,
  { hosts, request, room }: Lacking,
): Promise<LackOfRoom> {
  const needed = neededFor(request)
  const small = hosts.filter((host) => room.small.has(host))
  const without = hosts.filter((host) => !room.ways.has(host) && !room.small.has(host))
  const trees = await treesOf(compute, without)
  const lacks = without.map((host) => ({ host: host.host, ...lackOf(needed, host, trees.get(host.nodeId) ?? []) }))
  const [full, unfit] = [lacks.filter(({ isUnfit }) => !isUnfit), lacks.filter(({ isUnfit }) => isUnfit)]
  const tooSmall = small.map((host) => ({ host: host.host, ...room.small.get(host)! }))
  const removed = [
    ...removedFor('traits and classes', unfit),
    ...removedFor('resources', full),
    ...removedFor('isolated disks', tooSmall),
  ]
  return { removed, isFull: full.length + small.length > 0 }
}

function removedFor(filter: string, lacks: readonly (Shortfall & { host: string })[]): Removed[] {
  const nearest = new Nearest()
  for (const { host, ...shortfall } of lacks) nearest.add(host, shortfall)
  return lacks.length === 0 ? [] : [{ filter, hosts: lacks.length, nearest: nearest.told() }]
}

type Provider = ProviderSummary & { id: string }

/** The providers of each host's tree, by its root. */
async function treesOf(
  { placement }: Pick<Compute, 'placement'>,
  hosts: readonly HostState[],
): Promise<Map<string, Provider[]>> {
  const roots = hosts.map(({ nodeId }) => nodeId)
  const summaries = await placement.summaries(await placement.providersOfTrees(roots))
  const providers = [...summaries].map(([id, summary]) => ({ id, ...summary }))
  return Map.groupBy(providers, ({ rootId }) => rootId)
}

interface HostLack extends Shortfall {
  /** It would not do however much room there were. */
  isUnfit: boolean
}

function lackOf({ groups }: Needed, host: HostState, tree: readonly Provider[]): HostLack {
  const asked = new Map<string, number>()
  for (const [name, amount] of groups.flatMap(({ resources }) => Object.entries(resources))) {
    asked.set(name, (asked.get(name) ?? 0) + amount)
  }
  const missing = [
    ...groups.flatMap(({ required }) => required).filter((one) => !tree.some(({ traits }) => traits.includes(one))),
    ...[...asked.keys()].filter((name) => !tree.some(({ resources }) => name in resources)),
  ]
  const root = tree.find(({ id }) => id === host.nodeId)
  const unwanted = groups.flatMap(({ forbidden }) => forbidden).filter((one) => root?.traits.includes(one))
  if (missing.length > 0) return { isUnfit: true, says: `it lacks ${missing.join(', ')}`, short: missing.length }
  if (unwanted.length > 0) {
    return { isUnfit: true, says: `it has ${unwanted.join(', ')}, which is forbidden`, short: unwanted.length }
  }
  const lacks = [...asked].flatMap(([name, amount]) => {
    const most = { VCPU: host.vcpus, MEMORY_MB: host.memoryMb, DISK_GB: host.localGb }[name] ?? amount
    const free = Math.max(0, ...tree.map(({ resources }) => freeOf(resources[name])))
    if (amount > most) return [shortOf({ class: name, asked: amount, free: most, of: 'a host has' })]
    return free < amount ? [shortOf({ class: name, asked: amount, free })] : []
  })
  const says = lacks.map((lack) => lack.says).join('; ') || 'it cannot serve the groups of resources together'
  return { isUnfit: false, says, short: lacks.reduce((sum, lack) => sum + lack.short, 0) }
}

const freeOf = (usage: ProviderUsage | undefined): number => (usage ? usage.capacity - usage.used : 0)

const UNITS: Record<string, string> = { MEMORY_MB: 'MB of RAM', DISK_GB: 'GB of disk' }

interface TooLittle {
  class: string
  asked: number
  free: number
  /** What `free` is. Default: free now. */
  of?: string
}

/** As `512 MB of RAM short (asks for 2048 MEMORY_MB, free are 1536)`. */
export function shortOf({ class: name, asked, free, of = 'free are' }: TooLittle): Shortfall {
  const has = Math.max(0, free)
  const says = `${asked - has} ${UNITS[name] ?? name} short (asks for ${asked} ${name}, ${of} ${has})`
  return { says, short: (asked - has) / asked }
}
