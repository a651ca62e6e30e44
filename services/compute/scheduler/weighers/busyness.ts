// Hosts with more servers, or more that are being built, moved or copied, weigh more: multipliers turn it round.
import type { Weigher } from '../host-state.ts'

export const ioOpsWeigher = {
  name: 'IoOpsWeigher',
  option: 'io_ops_weight_multiplier',
  ofHostAlone: true,
  weigh: ({ numIoOps }) => numIoOps,
} as const satisfies Weigher
export const numInstancesWeigher = {
  name: 'NumInstancesWeigher',
  option: 'num_instances_weight_multiplier',
  ofHostAlone: true,
  weigh: ({ numInstances }) => numInstances,
} as const satisfies Weigher
