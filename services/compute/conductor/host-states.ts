// All hosts as the scheduler sees them: nodes with their services, and what servers use of them, in two statements.
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { type Used, usedByHost } from '../hypervisors/usage.ts'
import type { HostState } from '../scheduler/host-state.ts'
import { isUp } from '../services/liveness.ts'

export async function hostStates(compute: Compute): Promise<HostState[]> {
  const used = await usedByHost(compute)
  const rows = await tables(compute)
    .selectFrom('compute_nodes as node')
    .innerJoin('compute_services as service', 'service.id', 'node.service_id')
    .select(['node.id', 'node.host', 'node.hypervisor_hostname', 'node.inventory_json'])
    .select(['service.disabled', 'service.disabled_reason', 'service.forced_down', 'service.last_seen_at'])
    .execute()
  return rows.map((row) => stateOf(compute, row, used.get(row.host)))
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
}

function stateOf(compute: Compute, row: NodeAndService, used: Used | undefined): HostState {
  const { options } = compute
  const inventory = JSON.parse(row.inventory_json) as HostInventory
  return {
    host: row.host,
    node: row.hypervisor_hostname,
    nodeId: row.id,
    up: isUp(compute, row),
    disabledReason: row.disabled ? (row.disabled_reason ?? 'no reason given') : null,
    zone: options.default_availability_zone,
    vcpus: inventory.vcpus,
    vcpusUsed: options.reserved_host_cpus + (used?.vcpus ?? 0),
    cpuAllocationRatio: options.cpu_allocation_ratio,
    memoryMb: inventory.memoryMb,
    memoryMbUsed: options.reserved_host_memory_mb + (used?.memoryMb ?? 0),
    localGb: inventory.localGb,
    localGbUsed: Math.ceil(options.reserved_host_disk_mb / 1024) + (used?.diskGb ?? 0),
    hypervisorType: inventory.hypervisorType,
    hypervisorVersion: inventory.hypervisorVersion,
    supportedInstances: inventory.supportedInstances,
    cpuInfo: inventory.cpuInfo as unknown as Record<string, unknown>,
    numInstances: used?.servers ?? 0,
  }
}
