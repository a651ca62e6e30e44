// Hosts with more free of something weigh more.
import type { Weigher } from '../host-state.ts'

export const ramWeigher = {
  name: 'RAMWeigher',
  option: 'ram_weight_multiplier',
  ofHostAlone: true,
  weigh: (host) => host.memoryMb - host.memoryMbUsed,
} as const satisfies Weigher
export const cpuWeigher = {
  name: 'CPUWeigher',
  option: 'cpu_weight_multiplier',
  ofHostAlone: true,
  weigh: (host) => host.vcpus * host.cpuAllocationRatio - host.vcpusUsed,
} as const satisfies Weigher
export const diskWeigher = {
  name: 'DiskWeigher',
  option: 'disk_weight_multiplier',
  ofHostAlone: true,
  weigh: (host) => host.localGb - host.localGbUsed,
} as const satisfies Weigher
