// Hosts on which builds failed weigh less until one succeeds there.
import type { Weigher } from '../host-state.ts'

export const buildFailureWeigher = {
  name: 'BuildFailureWeigher',
  option: 'build_failure_weight_multiplier',
  ofHostAlone: true,
  weigh: ({ failedBuilds }) => -failedBuilds,
} as const satisfies Weigher
