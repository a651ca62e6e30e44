// Every weigher; a multiplier of zero turns one off.
import type { Weigher } from '../host-state.ts'
import { buildFailureWeigher } from './build-failure.ts'
import { ioOpsWeigher, numInstancesWeigher } from './busyness.ts'
import { cpuWeigher, diskWeigher, ramWeigher } from './free-resources.ts'
import { hypervisorVersionWeigher } from './hypervisor-version.ts'
import { softAffinityWeigher, softAntiAffinityWeigher } from './soft-groups.ts'

export const allWeighers: readonly Weigher[] = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  hypervisorVersionWeigher,
  ioOpsWeigher,
  numInstancesWeigher,
  softAffinityWeigher,
  softAntiAffinityWeigher,
  buildFailureWeigher,
]
