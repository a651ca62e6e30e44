// Newer hypervisors weigh more.
import type { Weigher } from '../host-state.ts'

export const hypervisorVersionWeigher = {
  name: 'HypervisorVersionWeigher',
  option: 'hypervisor_version_weight_multiplier',
  ofHostAlone: true,
  weigh: ({ hypervisorVersion }) => hypervisorVersion,
} as const satisfies Weigher
