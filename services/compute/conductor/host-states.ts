// All hosts as the scheduler sees them: nodes with their services, what servers use of them, and their aggregates.
import type { GuestImage } from '../agent/guest-spec.ts'
import { listAggregates } from '../aggregates/store.ts'
import { zonesOfHosts } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { type Stats, statsByHost } from '../hypervisors/stats.ts'
import { type Used, usedByHost } from '../hypervisors/usage.ts'
import type { HostAggregate, HostState } from '../scheduler/host-state.ts'
import { allocationRatios } from '../services/allocation-ratios.ts'
import { isAwaited, isUp } from '../services/liveness.ts'
import type { ReportedInventory } from '../services/report.ts'

export async function hostStates(compute: Compute): Promise<HostState[]> {
  const used = await usedByHost(compute)
  const stats = await statsByHost(compute)
  const zoneOf = await zonesOfHosts(compute)
  const aggregates = await aggregatesByHost(compute)
  const images = compute.options.image_props_weight_multiplier === 0 ? null : await imagesByHost(compute)
  const rows = await tables(compute)
    .selectFrom('compute_nodes as node')
    .innerJoin('compute_services as service', 'service.id', 'node.service_id')
    .select(['node.id', 'node.host', 'node.hypervisor_hostname', 'node.inventory_json', 'node.failed_builds'])
    .select(['service.disabled', 'service.disabled_reason', 'service.forced_down', 'service.last_seen_at'])
    .execute()
  return rows.map((row) => ({
    ...stateOf(compute, row, used.get(row.host)),
    stats: statsOf(row, stats.get(row.host)),
    ...(images ? { imageProperties: images.get(row.host) ?? [] } : {}),
    zone: zoneOf(row.host),
    aggregates: aggregates.get(row.host) ?? [],
  }))
}

function statsOf({ failed_builds }: NodeAndService, stats: Stats = { num_instances: 0, io_workload: 0 }): Stats {
  return { ...stats, failed_builds }
}

async function aggregatesByHost(compute: Compute): Promise<Map<string, HostAggregate[]>> {
  const byHost = new Map<string, HostAggregate[]>()
  for (const { hosts, name, metadata } of await listAggregates(compute)) {
    for (const host of hosts) byHost.set(host, [...(byHost.get(host) ?? []), { name, metadata }])
  }
  return byHost
}

/** The properties of the images of all servers: for a weigher that is off by default. */
async function imagesByHost(compute: Compute): Promise<Map<string, Record<string, string>[]>> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', 'image_json'])
    .where('deleted_at', 'is', null)
    .where('host', 'is not', null)
    .where('image_json', 'is not', null)
    .execute()
  const byHost = new Map<string, Record<string, string>[]>()
  for (const { host, image_json: image } of rows) {
    byHost.getOrInsertComputed(host!, () => []).push((JSON.parse(image!) as GuestImage).properties)
  }
  return byHost
}

interface NodeAndService {
  id: string
  host: string
  hypervisor_hostname: string
  inventory_json: string
  disabled: 0 | 1
  disabled_reason: string | null
  forced_down: 0 | 1
  last_seen_at: number
  failed_builds: number
}

function stateOf(
  compute: Compute,
  row: NodeAndService,
  used: Used | undefined,
): Omit<HostState, 'zone' | 'aggregates'> {
  const { options } = compute
  const inventory = JSON.parse(row.inventory_json) as ReportedInventory
  return {
    host: row.host,
    node: row.hypervisor_hostname,
    nodeId: row.id,
    up: isUp(compute, row),
    awaited: isAwaited(compute, row),
    disabledReason: row.disabled ? (row.disabled_reason ?? 'no reason given') : null,
    vcpus: inventory.vcpus,
    vcpusUsed: options.reserved_host_cpus + (used?.vcpus ?? 0),
    cpuAllocationRatio: (inventory.allocationRatios ?? allocationRatios(compute)).VCPU,
    memoryMb: inventory.memoryMb,
    memoryMbUsed: options.reserved_host_memory_mb + (used?.memoryMb ?? 0),
    localGb: inventory.localGb,
    localGbUsed: Math.ceil(options.reserved_host_disk_mb / 1024) + (used?.diskGb ?? 0),
    hypervisorType: inventory.hypervisorType,
    hypervisorVersion: inventory.hypervisorVersion,
    supportedInstances: inventory.supportedInstances,
    cpuInfo: inventory.cpuInfo as unknown as Record<string, unknown>,
    numInstances: used?.servers ?? 0,
    numIoOps: used?.ioOps ?? 0,
    failedBuilds: row.failed_builds,
    hostIp: inventory.hostIp ?? null,
    isolatedDisks: inventory.isolatedDisks ?? [],
  }
}
