// Hosts with more servers, or more that are being built, moved or copied, weigh more: multipliers turn it round.
import type { Weigher } from '../host-state.ts'

export const ioOpsWeigher: Weigher = {
  name: 'IoOpsWeigher',
  option: 'io_ops_weight_multiplier',
  weigh: ({ numIoOps }) => numIoOps,
}
export const numInstancesWeigher: Weigher = {
  name: 'NumInstancesWeigher',
  option: 'num_instances_weight_multiplier',
  weigh: ({ numInstances }) => numInstances,
}
