// Hosts with more free of something weigh more.
import type { HostState, Weigher } from '../host-state.ts'

const free = (name: string, of: (host: HostState) => number): Weigher => ({ name, weigh: of })

export const ramWeigher = free('RAMWeigher', (host) => host.memoryMb - host.memoryMbUsed)
export const cpuWeigher = free('CPUWeigher', (host) => host.vcpus * host.cpuAllocationRatio - host.vcpusUsed)
export const diskWeigher = free('DiskWeigher', (host) => host.localGb - host.localGbUsed)
