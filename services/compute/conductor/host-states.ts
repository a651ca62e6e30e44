// Hosts as the scheduler sees them: nodes with their services, what servers use of them, and their aggregates.
import type { GuestImage } from '../agent/guest-spec.ts'
import { ZONE_KEY } from '../aggregates/store.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { type Stats, statsByHost } from '../hypervisors/stats.ts'
import { type Used, usedByHost } from '../hypervisors/usage.ts'
import type { HostAggregate, HostState } from '../scheduler/host-state.ts'
import { allocationRatios } from '../services/allocation-ratios.ts'
import type { LastSeen } from '../services/liveness.ts'
import { isUp } from '../services/liveness.ts'
import type { ReportedInventory } from '../services/report.ts'

/** Hosts that are read at once at most. */
export const HOSTS_AT_ONCE = 200

/** A host, and what tells whether it still is up later. */
export interface ReadHost {
  state: HostState
  service: LastSeen
}

/** Those of these hosts that there are. */
export async function readHosts(compute: Compute, hosts: readonly string[]): Promise<ReadHost[]> {
  const used = await usedByHost(compute, hosts)
  const stats = await statsByHost(compute, hosts)
  const aggregates = await aggregatesByHost(compute, hosts)
  const images = compute.options.image_props_weight_multiplier === 0 ? null : await imagesByHost(compute, hosts)
  const rows = await tables(compute)
    .selectFrom('compute_nodes as node')
    .innerJoin('compute_services as service', 'service.id', 'node.service_id')
    .select(['node.id', 'node.host', 'node.hypervisor_hostname', 'node.inventory_json', 'node.failed_builds'])
    .select(['service.disabled', 'service.disabled_reason', 'service.forced_down', 'service.last_seen_at'])
    .where('node.host', 'in', hosts)
    .execute()
  return rows.map((row) => {
    const own = aggregates.get(row.host) ?? []
    const state = {
      ...stateOf(compute, row, used.get(row.host)),
      stats: statsOf(row, stats.get(row.host)),
      ...(images ? { imageProperties: images.get(row.host) ?? [] } : {}),
      zone: own.findLast(isZone)?.metadata[ZONE_KEY] ?? compute.options.default_availability_zone,
      aggregates: own,
    }
    return { state, service: { last_seen_at: row.last_seen_at, forced_down: row.forced_down } }
  })
}

const isZone = ({ metadata }: HostAggregate): boolean => ZONE_KEY in metadata

function statsOf({ failed_builds }: NodeAndService, stats: Stats = { num_instances: 0, io_workload: 0 }): Stats {
  return { ...stats, failed_builds }
}

/** In the order in which the aggregates were made. */
async function aggregatesByHost(compute: Compute, hosts: readonly string[]): Promise<Map<string, HostAggregate[]>> {
  const members = await tables(compute)
    .selectFrom('compute_aggregate_hosts as member')
    .innerJoin('compute_aggregates as aggregate', 'aggregate.id', 'member.aggregate_id')
    .select(['member.host', 'aggregate.id', 'aggregate.name'])
    .where('member.host', 'in', hosts)
    .orderBy('aggregate.id')
    .execute()
  if (members.length === 0) return new Map()
  const data = await tables(compute)
    .selectFrom('compute_aggregate_metadata')
    .selectAll()
    .where('aggregate_id', 'in', [...new Set(members.map(({ id }) => id))])
    .orderBy('key')
    .execute()
  const pairs = Map.groupBy(data, ({ aggregate_id }) => aggregate_id)
  const byHost = new Map<string, HostAggregate[]>()
  for (const { host, id, name } of members) {
    const metadata = Object.fromEntries((pairs.get(id) ?? []).map(({ key, value }) => [key, value]))
    byHost.getOrInsertComputed(host, () => []).push({ name, metadata })
  }
  return byHost
}

/** The properties of the images of their servers: for a weigher that is off by default. */
async function imagesByHost(
  compute: Compute,
  hosts: readonly string[],
): Promise<Map<string, Record<string, string>[]>> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', 'image_json'])
    .where('deleted_at', 'is', null)
    .where('host', 'in', hosts)
    .where('image_json', 'is not', null)
    .execute()
  const byHost = new Map<string, Record<string, string>[]>()
  for (const { host, image_json: image } of rows) {
    byHost.getOrInsertComputed(host!, () => []).push((JSON.parse(image!) as GuestImage).properties)
  }
  return byHost
}

interface NodeAndService extends LastSeen {
  id: string
  host: string
  hypervisor_hostname: string
  inventory_json: string
  disabled: 0 | 1
  disabled_reason: string | null
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
