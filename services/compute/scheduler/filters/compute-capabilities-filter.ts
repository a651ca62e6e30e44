// Every unscoped or `capabilities:` extra spec matches the host's attribute of that name.
import { matches } from '../extra-spec-operators.ts'
import type { Filter, HostState } from '../host-state.ts'

const SCOPE = 'capabilities'

function attributesOf(host: HostState): Record<string, unknown> {
  return {
    host: host.host,
    nodename: host.node,
    vcpus_total: host.vcpus,
    vcpus_used: host.vcpusUsed,
    total_usable_ram_mb: host.memoryMb,
    free_ram_mb: host.memoryMb - host.memoryMbUsed,
    total_usable_disk_gb: host.localGb,
    free_disk_mb: (host.localGb - host.localGbUsed) * 1024,
    num_instances: host.numInstances,
    hypervisor_type: host.hypervisorType,
    hypervisor_version: host.hypervisorVersion,
    hypervisor_hostname: host.node,
    cpu_allocation_ratio: host.cpuAllocationRatio,
    cpu_info: host.cpuInfo,
  }
}

function lookUp(attributes: Record<string, unknown>, path: string[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined),
    attributes,
  )
}

export const computeCapabilitiesFilter: Filter = {
  name: 'ComputeCapabilitiesFilter',
  judge(host, { flavor }) {
    const attributes = attributesOf(host)
    for (const [key, asked] of Object.entries(flavor.extraSpecs)) {
      const parts = key.split(':')
      if (parts.length > 1 && parts[0] !== SCOPE) continue
      const path = parts.length > 1 ? parts.slice(1) : parts
      const have = lookUp(attributes, path)
      if (have === undefined) return `it has no capability ${path.join(':')}`
      const values = Array.isArray(have) ? have.map(String) : [String(have)]
      if (!values.some((value) => matches(value, asked)))
        return `its ${path.join(':')} is ${values.join(', ')}, asked is ${asked}`
    }
    return undefined
  },
}
