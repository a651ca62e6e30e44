// Finds a host for a server and claims its resources there; says why when there is none.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Allocations } from '@kilonova/placement/client'
import { lockZone, zoneOfHost } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Removed } from '../scheduler/choose.ts'
import { eligible, passing } from '../scheduler/choose.ts'
import { affinityLack, antiAffinityLack } from '../scheduler/group-rules.ts'
import type { HostState, SchedulingRequest, Verdict } from '../scheduler/host-state.ts'
import type { Search as Asked } from '../scheduler/host-table.ts'
import { Nearest } from '../scheduler/nearest.ts'
import { spread } from '../scheduler/spread.ts'
import type { ServerRow } from '../schema/tables.ts'
import { updateServer } from '../servers/store.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { filtersOf } from './filters-and-weighers.ts'
import { readHosts } from './host-states.ts'
import type { KnownHosts } from './known-hosts.ts'
import { knownHosts } from './known-hosts.ts'
import type { Search } from './no-valid-host.ts'
import { notPlaced, whyNoHost } from './no-valid-host.ts'
import { neededFor, RoomOf, shortOf } from './room-for.ts'
import { schedulingRequest } from './scheduling-request.ts'
import { serverGroupOf } from './server-group-of.ts'

export interface ChosenHost {
  host: string
  node: string
  nodeId: string
}

/** A host with the server's claim on it. Repeating it finds the claim that is there. Outside of transactions. */
export async function claimHost(compute: Compute, row: ServerRow, input: BuildServer): Promise<ChosenHost> {
  const claimed = await alreadyClaimed(compute, row)
  if (claimed) return claimed
  const request = await schedulingRequest(compute, row, input)
  const host = await takeHost(compute, { request }, async ({ host, node, zone }, allocations) => {
    await compute.placement.claim({
      consumerId: row.id,
      projectId: row.project_id,
      userId: row.user_id,
      allocations,
    })
    await updateServer(compute, row.id, { host, node, availability_zone: zone })
  })
  return chosen(host)
}

export interface Wanted {
  request: SchedulingRequest
  /** Which hosts are out of question, whatever filters say. */
  bars?: readonly Bar[]
}

export interface Bar {
  filter: string
  /** What a host lacks that it bars. */
  lack: string
  bars: (host: string) => boolean
}

/** Claims; runs in the transaction that finds the host still right. NoCapacity: the next way or host is tried. */
export type Take = (host: HostState, allocations: Allocations) => Promise<void>

/** The best of the hosts that suit the request, taken. Throws NoValidHost, or HostAwaited for as long as one may yet come. Outside of transactions. */
export async function takeHost(compute: Compute, { request, bars = [] }: Wanted, take: Take): Promise<HostState> {
  const known = knownHosts(compute)
  const needed = neededFor(request)
  const room = new RoomOf(known.trees, request, needed)
  const tried = new Map<string, Verdict>()
  for (;;) {
    await known.look(needed)
    const looking = { request, bars, room, tried }
    while (!known.table.judge(askedOf(known, looking), JUDGED_AT_ONCE)) await nextTurn()
    const beside = { ...looking, request: known.beingClaimed.beside(request) }
    const host = bestOf(compute, known, beside) ?? bestOf(compute, known, looking)
    if (!host) return noHost(compute, known, search(known, looking))
    const way = { ways: room.ways(host), take }
    const claiming = () => claimOneWay(compute, { request, host }, way)
    const lack = await known.beingClaimed.during(request.group, host.host, claiming)
    if (lack === undefined) {
      log('compute.scheduler').debug({ server_id: request.serverId, host: host.host }, 'chosen')
      return host
    }
    tried.set(host.host, lack)
  }
}

interface Looking {
  request: SchedulingRequest
  bars: readonly Bar[]
  room: RoomOf
  /** Hosts that were right until the claim, and what they lacked then. */
  tried: ReadonlyMap<string, Verdict>
}

function askedOf({ filters, weighers }: KnownHosts, { request, bars, room, tried }: Looking): Asked {
  const isAllowed = ({ host }: HostState): boolean => !bars.some((bar) => bar.bars(host))
  const asked = { request, filters, weighers, room, without: [...tried.keys()] }
  return bars.length > 0 ? { ...asked, isAllowed } : asked
}

/** Hosts that are asked about before others have their turn. */
const JUDGED_AT_ONCE = 500

function bestOf({ options, random }: Compute, known: KnownHosts, looking: Looking): HostState | undefined {
  const asked = askedOf(known, looking)
  if (options.host_subset_size <= 1 && !options.shuffle_best_same_weighed_hosts) return known.table.best(asked)
  return spread(known.table.ranked(asked), options, random)[0]
}

async function noHost(compute: Compute, known: KnownHosts, found: Search): Promise<never> {
  const awaited = found.named.hosts.find(({ host, disabledReason }) => disabledReason === null && known.isAwaited(host))
  if (awaited) throw fault('HostAwaited', { host: awaited.host, transient: true })
  throw fault('NoValidHost', await whyNoHost(compute, found))
}

/** All that is told when there is no host, as of the look that found none. */
function search({ table, filters }: KnownHosts, { request, bars, room, tried }: Looking): Search {
  const without: Removed[] = []
  let hosts = table.hosts
  for (const { filter, lack, bars: isOut } of bars) {
    const left = hosts.filter(({ host }) => !isOut(host))
    if (left.length < hosts.length) without.push({ filter, hosts: hosts.length - left.length, nearest: lack })
    hosts = left
  }
  const named = eligible(hosts, request)
  const suiting = passing(named.hosts, request, filters)
  const left = suiting.hosts.filter(({ host }) => !tried.has(host))
  return {
    ...{ request, named, suiting, left, room: room.all(left) },
    ...{ without: [...without, ...named.removed], lost: lostTo(tried) },
  }
}

interface OneWay {
  ways: readonly Allocations[]
  take: Take
}

/** What the host lacks by now if none of the ways to claim it is open any more. */
async function claimOneWay(
  compute: Compute,
  { request, host }: { request: SchedulingRequest; host: HostState },
  { ways, take }: OneWay,
): Promise<Verdict> {
  let lack: Verdict = 'it has no room any more'
  for (const allocations of ways) {
    lack = await claim(compute, { request, host, allocations }, take)
    if (lack === undefined) return undefined
  }
  return lack
}

/** Throws unless the server's own host is right for the image that it has now. */
export async function checkHostForImage(compute: Compute, row: ServerRow): Promise<void> {
  const request = await schedulingRequest(compute, row, { excluded: [], forcedHost: null })
  const hosts = row.host === null ? [] : (await readHosts(compute, [row.host])).map(({ state }) => state)
  const filters = filtersOf(compute).filter(({ runsOnRebuild }) => runsOnRebuild)
  const { hosts: left, removed } = passing(hosts, request, filters)
  if (left.length === 0) throw fault('NoValidHost', notPlaced('constraint', hosts.length, removed))
}

function lostTo(tried: ReadonlyMap<string, Verdict>): Removed[] {
  if (tried.size === 0) return []
  const nearest = new Nearest()
  for (const [host, lack] of tried) nearest.add(host, lack!)
  return [{ filter: 'claim', hosts: tried.size, nearest: `${nearest.told()}, since other servers were faster` }]
}

const chosen = ({ host, node, nodeId }: HostState): ChosenHost => ({ host, node, nodeId })

/** Where an earlier run of this step claimed, if it did. */
async function alreadyClaimed(compute: Compute, { id }: ServerRow): Promise<ChosenHost | undefined> {
  const providers = Object.keys(await compute.placement.allocationsOf(id))
  if (providers.length === 0) return undefined
  const row = await tables(compute)
    .selectFrom('compute_nodes')
    .select(['host', 'hypervisor_hostname as node', 'id as nodeId'])
    .where('id', 'in', providers)
    .executeTakeFirst()
  return row && { ...row }
}

interface Claimed {
  request: SchedulingRequest
  host: HostState
  allocations: Allocations
}

/** Resources and host are the server's together or not at all. Answers what the host lacks when others were faster. */
async function claim(compute: Compute, { request, host, allocations }: Claimed, take: Take): Promise<Verdict> {
  try {
    return await compute.store.transaction(async () => {
      const lack = await lackSince(compute, request, host.host)
      if (lack === undefined) await take(host, allocations)
      return lack
    })
  } catch (error) {
    if (!isFault(error, 'NoCapacity')) throw error
    return shortOf(error.details as Parameters<typeof shortOf>[0])
  }
}

/** Other members of the group may have been placed since the filters looked, and the host's zone may have changed. */
async function lackSince(compute: Compute, { serverId, group, zone }: SchedulingRequest, host: string) {
  if (group) {
    await compute.store.lock(`server-group:${group.id}`)
    const now = await serverGroupOf(compute, serverId)
    const lack = antiAffinityLack(host, now) ?? affinityLack(host, now)
    if (lack !== undefined) return lack
  }
  await lockZone(compute, [host])
  const zoneNow = await zoneOfHost(compute, host)
  return zone === null || zone === zoneNow ? undefined : `it is in zone ${zoneNow}, not ${zone}`
}
