// A host's attributes by the names that extra specs and queries use.
import type { HostState } from './host-state.ts'

function attributesOf(host: HostState): Record<string, unknown> {
  return {
    host: host.host,
    nodename: host.node,
    uuid: host.nodeId,
    host_ip: host.hostIp,
    vcpus_total: host.vcpus,
    vcpus_used: host.vcpusUsed,
    total_usable_ram_mb: host.memoryMb,
    free_ram_mb: host.memoryMb - host.memoryMbUsed,
    total_usable_disk_gb: host.localGb,
    free_disk_mb: (host.localGb - host.localGbUsed) * 1024,
    num_instances: host.numInstances,
    num_io_ops: host.numIoOps,
    failed_builds: host.failedBuilds,
    hypervisor_type: host.hypervisorType,
    hypervisor_version: host.hypervisorVersion,
    hypervisor_hostname: host.node,
    cpu_allocation_ratio: host.cpuAllocationRatio,
    supported_instances: host.supportedInstances.map((one) => one.join(' ')),
    availability_zone: host.zone,
    cpu_info: host.cpuInfo,
    stats: host.stats ?? {},
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** What the path leads to, as `['cpu_info', 'vendor']`, from the host or from its stats; undefined when it is nowhere. */
export function attributeOf(host: HostState, path: readonly string[]): unknown {
  return follow(attributesOf(host), path) ?? follow(host.stats, path)
}

function follow(from: unknown, path: readonly string[]): unknown {
  return path.reduce((at, name) => (isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined), from)
}
