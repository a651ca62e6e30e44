// Newer hypervisors weigh more.
import type { Weigher } from '../host-state.ts'

export const hypervisorVersionWeigher: Weigher = {
  name: 'HypervisorVersionWeigher',
  option: 'hypervisor_version_weight_multiplier',
  weigh: ({ hypervisorVersion }) => hypervisorVersion,
}
