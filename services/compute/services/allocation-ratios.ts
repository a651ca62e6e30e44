// How much of a host may be promised: what the operator configured, else what stands in placement, else what a new
// host begins with.
import type { InventoryInfo } from '@kilonova/placement/client'
import type { Compute } from '../compute.ts'

export interface AllocationRatios {
  VCPU: number
  MEMORY_MB: number
  DISK_GB: number
}

/** `known`: the node's inventories in placement, where operators may have changed them. */
export function allocationRatios(
  { options }: Pick<Compute, 'options'>,
  known: Record<string, Pick<InventoryInfo, 'allocationRatio'>> = {},
): AllocationRatios {
  const ratio = (name: keyof AllocationRatios, configured: number, initial: number): number =>
    configured > 0 ? configured : (known[name]?.allocationRatio ?? initial)
  return {
    VCPU: ratio('VCPU', options.cpu_allocation_ratio, options.initial_cpu_allocation_ratio),
    MEMORY_MB: ratio('MEMORY_MB', options.ram_allocation_ratio, options.initial_ram_allocation_ratio),
    DISK_GB: ratio('DISK_GB', options.disk_allocation_ratio, options.initial_disk_allocation_ratio),
  }
}
