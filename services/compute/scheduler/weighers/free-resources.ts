// Hosts with more free of something weigh more.
import type { Weigher } from '../host-state.ts'

export const ramWeigher: Weigher = {
  name: 'RAMWeigher',
  option: 'ram_weight_multiplier',
  weigh: (host) => host.memoryMb - host.memoryMbUsed,
}
export const cpuWeigher: Weigher = {
  name: 'CPUWeigher',
  option: 'cpu_weight_multiplier',
  weigh: (host) => host.vcpus * host.cpuAllocationRatio - host.vcpusUsed,
}
export const diskWeigher: Weigher = {
  name: 'DiskWeigher',
  option: 'disk_weight_multiplier',
  weigh: (host) => host.localGb - host.localGbUsed,
}
