// A host's report: its service and node rows, and what placement may hand out there.

import type { HostReport } from '../agent/conductor-protocol.ts'
import type { HostInventory } from '../agent/protocol.ts'
import { mirrorNode } from '../aggregates/mirror.ts'
import type { Compute } from '../compute.ts'
import { DISABLED_TRAIT } from '../services/mark-disabled.ts'
import { reportNode, reportService } from '../services/report.ts'
import { findService } from '../services/store.ts'

export async function reportHost(compute: Compute, { host, inventory }: HostReport): Promise<void> {
  const serviceId = await reportService(compute, { host, binary: 'nova-compute' })
  if (!inventory) return
  await reportNode(compute, serviceId, host, inventory)
  await reportToPlacement(compute, inventory, await isDisabled(compute, serviceId))
  await mirrorNode(compute, host, inventory.uuid)
}

async function isDisabled(compute: Compute, serviceId: string): Promise<boolean> {
  const service = await findService(compute, serviceId)
  return service?.disabled === 1
}

async function reportToPlacement(
  { placement, options }: Compute,
  inventory: HostInventory,
  disabled: boolean,
): Promise<void> {
  await placement.ensureProvider({ id: inventory.uuid, name: inventory.hypervisorHostname })
  await placement.setInventories(inventory.uuid, {
    VCPU: {
      total: inventory.vcpus,
      reserved: options.reserved_host_cpus,
      maxUnit: inventory.vcpus,
      allocationRatio: options.cpu_allocation_ratio,
    },
    MEMORY_MB: {
      total: inventory.memoryMb,
      reserved: options.reserved_host_memory_mb,
      maxUnit: inventory.memoryMb,
      allocationRatio: options.ram_allocation_ratio,
    },
    DISK_GB: {
      total: inventory.localGb,
      reserved: Math.ceil(options.reserved_host_disk_mb / 1024),
      maxUnit: inventory.localGb,
      allocationRatio: options.disk_allocation_ratio,
    },
  })
  await placement.setTraits(inventory.uuid, traitsOf(inventory, disabled))
}

const CPU_TRAITS: Record<string, string> = {
  aes: 'HW_CPU_X86_AESNI',
  avx: 'HW_CPU_X86_AVX',
  avx2: 'HW_CPU_X86_AVX2',
  sse: 'HW_CPU_X86_SSE',
  sse2: 'HW_CPU_X86_SSE2',
  'sse4.1': 'HW_CPU_X86_SSE41',
  'sse4.2': 'HW_CPU_X86_SSE42',
  ssse3: 'HW_CPU_X86_SSSE3',
  vmx: 'HW_CPU_X86_VMX',
  svm: 'HW_CPU_X86_SVM',
}

function traitsOf({ cpuInfo }: HostInventory, disabled: boolean): string[] {
  const ofCpu = cpuInfo.features.flatMap((feature) => CPU_TRAITS[feature] ?? [])
  const status = disabled ? [DISABLED_TRAIT] : []
  return ['COMPUTE_NODE', 'OWNER_NOVA', 'COMPUTE_DEVICE_TAGGING', ...status, ...new Set(ofCpu)]
}
