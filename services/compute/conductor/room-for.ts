// Which hosts have room for a server, and how each of them can serve it; what the others lack.
import { isFault } from '@kilonova/base/fault'
import type { Allocations, Candidate, ProviderSummary, ProviderUsage } from '@kilonova/placement/client'
import type { Compute } from '../compute.ts'
import type { Removed } from '../scheduler/choose.ts'
import type { HostState, SchedulingRequest } from '../scheduler/host-state.ts'
import type { Needed } from '../scheduler/resources.ts'
import { neededResources } from '../scheduler/resources.ts'
import { withFittingDisk } from './isolated-disks.ts'

export interface Room {
  /** How each host that has room can serve the request, best first. */
  ways: ReadonlyMap<HostState, Allocations[]>
  /** Hosts with room, but without a device that is large enough. */
  small: HostState[]
}

/** Hosts whose tree of providers has all that is needed. */
export async function roomFor(
  { placement }: Pick<Compute, 'placement'>,
  hosts: readonly HostState[],
  request: SchedulingRequest,
): Promise<Room> {
  const candidates = await placement.candidates(neededFor(request)).catch(noneKnown)
  const byRoot = Map.groupBy(candidates, ({ rootProviderId }) => rootProviderId)
  const ways = new Map<HostState, Allocations[]>()
  const small: HostState[] = []
  for (const host of hosts) {
    const found = byRoot.get(host.nodeId)?.map(({ allocations }) => allocations) ?? []
    const fitting = withFittingDisk(host, found, request)
    if (fitting.length > 0) ways.set(host, fitting)
    else if (found.length > 0) small.push(host)
  }
  return { ways, small }
}

const neededFor = ({ flavor, image, imagesTypes }: SchedulingRequest): Needed =>
  neededResources(flavor, image, imagesTypes)

/** A trait or class that nobody has ever had is no host's. */
function noneKnown(error: unknown): Candidate[] {
  if (isFault(error, 'TraitsUnknown') || isFault(error, 'ResourceClassUnknown')) return []
  throw error
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
  const small = hosts.filter((host) => room.small.includes(host))
  const without = hosts.filter((host) => !room.ways.has(host) && !small.includes(host))
  const trees = await treesOf(compute, without)
  const lacks = without.map((host) => ({ host: host.host, ...lackOf(needed, host, trees.get(host.nodeId) ?? []) }))
  const unfit = lacks.filter((lack) => lack.unfit !== undefined)
  const full = lacks.filter((lack) => lack.unfit === undefined).toSorted((a, b) => a.short.length - b.short.length)
  const removed: Removed[] = []
  for (const { host, unfit: why } of unfit.slice(-1)) {
    removed.push({ filter: 'traits and classes', hosts: unfit.length, nearest: `${host}: ${why}` })
  }
  for (const { host, short } of full.slice(0, 1)) {
    const nearest = `${host}: ${short.join('; ') || 'it cannot serve the groups of resources together'}`
    removed.push({ filter: 'resources', hosts: full.length, nearest })
  }
  for (const { host } of small.slice(0, 1)) {
    const nearest = `${host}: no free isolated disk is as large as the flavor's`
    removed.push({ filter: 'isolated disks', hosts: small.length, nearest })
  }
  return { removed, isFull: full.length + small.length > 0 }
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

interface HostLack {
  /** Why it would not do however much room there were. */
  unfit: string | undefined
  /** What it has too little of. */
  short: string[]
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
  const short = [...asked].flatMap(([name, amount]) => {
    const most = { VCPU: host.vcpus, MEMORY_MB: host.memoryMb, DISK_GB: host.localGb }[name] ?? amount
    const free = Math.max(0, ...tree.map(({ resources }) => freeOf(resources[name])))
    if (amount > most) return [`asks for ${amount} ${name}, a host has ${most}`]
    return free < amount ? [shortOf({ class: name, asked: amount, free })] : []
  })
  if (missing.length > 0) return { unfit: `it lacks ${missing.join(', ')}`, short }
  return { unfit: unwanted.length > 0 ? `it has ${unwanted.join(', ')}, which is forbidden` : undefined, short }
}

const freeOf = (usage: ProviderUsage | undefined): number => (usage ? usage.capacity - usage.used : 0)

export const shortOf = ({ class: name, asked, free }: { class: string; asked: number; free: number }): string =>
  `asks for ${asked} ${name}, free are ${Math.max(0, free)}`
