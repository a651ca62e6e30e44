// Finds a host for a server and claims its resources there; says why when there is none.
import { isFault } from '@kilonova/base/fault'
import { lockZone, zoneOfHost } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Removed } from '../scheduler/choose.ts'
import { choose } from '../scheduler/choose.ts'
import { allFilters } from '../scheduler/filters/all.ts'
import { availabilityZoneFilter } from '../scheduler/filters/availability-zone-filter.ts'
import { affinityLack, antiAffinityLack } from '../scheduler/group-rules.ts'
import type { Filter, HostState, SchedulingRequest } from '../scheduler/host-state.ts'
import type { NeededResources } from '../scheduler/resources.ts'
import { neededResources } from '../scheduler/resources.ts'
import { allWeighers } from '../scheduler/weighers/all.ts'
import type { ServerRow } from '../schema/tables.ts'
import { updateServer } from '../servers/store.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { hostStates } from './host-states.ts'
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
  const needed = neededResources(request.flavor)
  const hosts = await hostStates(compute)
  const claimed = await alreadyClaimed(compute, row, hosts)
  if (claimed) return claimed
  const { roomy, removed } = await withRoom(compute, hosts, needed)
  const choice = choose(roomy, request, filtersOf(compute), weighersOf(compute))
  for (const host of choice.ranked) {
    if (await claim(compute, row, { request, host, needed })) return chosen(host)
  }
  const reasons = [...removed, ...choice.removed, ...lost(choice.ranked)]
  throw fault('NoValidHost', { why: sentence(hosts, reasons), removed: reasons })
}

/** Hosts that were right until the claim. */
function lost({ length: hosts }: readonly HostState[]): Removed[] {
  return hosts === 0 ? [] : [{ filter: 'claim', hosts, nearest: 'other servers took its room at the same time' }]
}

const chosen = ({ host, node, nodeId }: HostState): ChosenHost => ({ host, node, nodeId })

function filtersOf({ options }: Compute): Filter[] {
  const known = allFilters(options)
  const enabled = options.enabled_filters.flatMap((name) => known.find((filter) => filter.name === name) ?? [])
  return [availabilityZoneFilter, ...enabled]
}

function weighersOf({ options }: Compute) {
  return allWeighers.map((weigher) => ({ weigher, multiplier: options[weigher.option] }))
}

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

interface Roomy {
  roomy: HostState[]
  removed: Removed[]
}

/** Hosts whose provider has room for all that is needed. */
async function withRoom(
  { placement }: Compute,
  hosts: HostState[],
  { resources, required, forbidden }: NeededResources,
): Promise<Roomy> {
  const candidates = await placement.candidates({ groups: [{ suffix: '', resources, required, forbidden }] })
  const providers = new Set(candidates.flatMap(({ allocations }) => Object.keys(allocations)))
  const roomy = hosts.filter(({ nodeId }) => providers.has(nodeId))
  if (roomy.length === hosts.length) return { roomy, removed: [] }
  const nearest = nearestLack(
    hosts.filter(({ nodeId }) => !providers.has(nodeId)),
    resources,
  )
  return { roomy, removed: [{ filter: 'resources', hosts: hosts.length - roomy.length, nearest }] }
}

/** What the host that comes closest lacks. */
function nearestLack(hosts: HostState[], resources: Record<string, number>): string {
  const free = (host: HostState): Record<string, number> => ({
    VCPU: host.vcpus * host.cpuAllocationRatio - host.vcpusUsed,
    MEMORY_MB: host.memoryMb - host.memoryMbUsed,
    DISK_GB: host.localGb - host.localGbUsed,
  })
  const lacks = hosts.map((host) => {
    const have = free(host)
    const short = Object.entries(resources).filter(([name, amount]) => (have[name] ?? 0) < amount)
    const shown = short.map(
      ([name, amount]) => `asks for ${amount} ${name}, free are ${Math.max(0, Math.floor(have[name] ?? 0))}`,
    )
    return {
      text: `${host.host}: ${shown.join('; ') || 'lacks a trait, or the request is larger than it takes at once'}`,
      missing: short.length,
    }
  })
  return lacks.toSorted((a, b) => a.missing - b.missing)[0]?.text ?? 'there is no host'
}

interface Wanted {
  request: SchedulingRequest
  host: HostState
  needed: NeededResources
}

/** Resources and host are the server's together or not at all; false when others were faster. */
async function claim(compute: Compute, row: ServerRow, { request, host, needed }: Wanted): Promise<boolean> {
  const { resources } = needed
  try {
    return await compute.store.transaction(async () => {
      if (!(await isStillRight(compute, request, host.host))) return false
      await compute.placement.claim({
        consumerId: row.id,
        projectId: row.project_id,
        userId: row.user_id,
        allocations: { [host.nodeId]: resources },
      })
      await updateServer(compute, row.id, { host: host.host, node: host.node, availability_zone: host.zone })
      return true
    })
  } catch (error) {
    if (isFault(error, 'NoCapacity')) return false
    throw error
  }
}

/** Other members of the group may have been placed since the filters looked, and the host's zone may have changed. */
async function isStillRight(compute: Compute, { serverId, group, zone }: SchedulingRequest, host: string) {
  if (group) {
    await compute.store.lock(`server-group:${group.id}`)
    const now = await serverGroupOf(compute, serverId)
    if ((antiAffinityLack(host, now) ?? affinityLack(host, now)) !== undefined) return false
  }
  await lockZone(compute, [host])
  return zone === null || zone === (await zoneOfHost(compute, host))
}

function sentence(hosts: HostState[], removed: Removed[]): string {
  if (hosts.length === 0) return 'There is no compute host.'
  const steps = removed.map(
    ({ filter, hosts: count, nearest }) => `${filter} removed ${count}${nearest ? ` (${nearest})` : ''}`,
  )
  return `Of ${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'} none is left: ${steps.join(', ')}.`
}
