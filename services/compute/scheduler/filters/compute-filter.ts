// The host's service is enabled and has reported in time.
import type { Filter } from '../host-state.ts'

export const computeFilter: Filter = {
  name: 'ComputeFilter',
  reads: () => '',
  judge({ up, disabledReason }) {
    if (!up) return { says: 'its compute service does not report', short: 2 }
    return disabledReason === null ? undefined : `it is disabled (${disabledReason})`
  },
}
