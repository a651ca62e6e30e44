// The host's service is enabled and has reported in time.
import type { Filter } from '../host-state.ts'

export const computeFilter: Filter = {
  name: 'ComputeFilter',
  judge({ up, disabledReason }) {
    if (!up) return 'its compute service does not report'
    return disabledReason === null ? undefined : `it is disabled (${disabledReason})`
  },
}
