// Finds a host for a server and claims its resources there; says why when there is none.
import { isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Allocations } from '@kilonova/placement/client'
import { lockZone, zoneOfHost } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Removed } from '../scheduler/choose.ts'
import { eligible, passing, ranked } from '../scheduler/choose.ts'
import { affinityLack, antiAffinityLack } from '../scheduler/group-rules.ts'
import type { HostState, SchedulingRequest, Verdict } from '../scheduler/host-state.ts'
import { Nearest } from '../scheduler/nearest.ts'
import { spread } from '../scheduler/spread.ts'
import type { ServerRow } from '../schema/tables.ts'
import { updateServer } from '../servers/store.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { filtersOf, weighersOf } from './filters-and-weighers.ts'
import { hostStates } from './host-states.ts'
import { notPlaced, whyNoHost } from './no-valid-host.ts'
import { roomFor, shortOf } from './room-for.ts'
import { schedulingRequest } from './scheduling-request.ts'
import { serverGroupOf } from './server-group-of.ts'

export interface ChosenHost {
  host: string
  node: string
  nodeId: string
}

/** A host with the server's claim on it. Repeating it finds the claim that is there. */
export async function claimHost(compute: Compute, row: ServerRow, input: BuildServer): Promise<ChosenHost> {
  const request = await schedulingRequest(compute, row, input)
  const hosts = await hostStates(compute)
  const claimed = await alreadyClaimed(compute, row, hosts)
  if (claimed) return claimed
  const host = await takeHost(compute, { request, hosts }, async ({ host, node, zone }, allocations) => {
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
  hosts: readonly HostState[]
  /** Hosts that are not among these, and why. */
  without?: readonly Removed[]
}

/** Claims; runs in the transaction that finds the host still right. NoCapacity: the next way or host is tried. */
export type Take = (host: HostState, allocations: Allocations) => Promise<void>

/** The best of the hosts that suit the request, taken. Throws NoValidHost, or HostAwaited for as long as one may yet come. */
export async function takeHost(
  compute: Compute,
  { request, hosts, without = [] }: Wanted,
  take: Take,
): Promise<HostState> {
  const named = eligible(hosts, request)
  const room = await roomFor(compute, named.hosts, request)
  const roomy = named.hosts.filter((host) => room.ways.has(host))
  const filters = filtersOf(compute)
  const best = ranked(passing(roomy, request, filters).hosts, request, weighersOf(compute))
  const tried = spread(best, compute.options, compute.random)
  const lost = new Nearest()
  for (const host of tried) {
    for (const allocations of room.ways.get(host)!) {
      const lack = await claim(compute, { request, host, allocations }, take)
      if (lack === undefined) {
        log('compute.scheduler').debug({ server_id: request.serverId, host: host.host, of: hosts.length }, 'chosen')
        return host
      }
      lost.add(host.host, lack)
    }
  }
  const why = { without: [...without, ...named.removed], lost: lostTo(lost, tried.length) }
  const awaited = named.hosts.find((one) => one.awaited && one.disabledReason === null)
  if (awaited) throw fault('HostAwaited', { host: awaited.host, transient: true })
  const search = { request, filters, named, room, ...why }
  throw fault('NoValidHost', await whyNoHost(compute, search))
}

/** Throws unless the server's own host is right for the image that it has now. */
export async function checkHostForImage(compute: Compute, row: ServerRow): Promise<void> {
  const request = await schedulingRequest(compute, row, { excluded: [], forcedHost: null })
  const hosts = (await hostStates(compute)).filter(({ host }) => host === row.host)
  const filters = filtersOf(compute).filter(({ runsOnRebuild }) => runsOnRebuild)
  const { hosts: left, removed } = passing(hosts, request, filters)
  if (left.length === 0) throw fault('NoValidHost', notPlaced('constraint', hosts.length, removed))
}

/** Hosts that were right until the claim. */
function lostTo(lost: Nearest, hosts: number): Removed[] {
  if (hosts === 0) return []
  return [{ filter: 'claim', hosts, nearest: `${lost.told()}, since other servers were faster` }]
}

const chosen = ({ host, node, nodeId }: HostState): ChosenHost => ({ host, node, nodeId })

/** Where an earlier run of this step claimed, if it did. */
async function alreadyClaimed(
  { placement }: Compute,
  row: ServerRow,
  hosts: HostState[],
): Promise<ChosenHost | undefined> {
  const allocations = await placement.allocationsOf(row.id)
  const host = hosts.find(({ nodeId }) => nodeId in allocations)
  return host && chosen(host)
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
