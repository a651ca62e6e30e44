// The host is in an aggregate of the server's project, if the project has any.
import type { Filter } from '../host-state.ts'

/** On with `limit_tenants_to_placement_aggregate`. */
export const tenantAggregatesFilter = (options: { placement_aggregate_required_for_tenants: boolean }): Filter => ({
  name: 'aggregates of the project',
  reads: ({ projectId, projectAggregates }) => JSON.stringify([projectId, projectAggregates]),
  judge({ aggregates }, { projectId, projectAggregates }) {
    if (projectAggregates.length === 0) {
      return options.placement_aggregate_required_for_tenants ? `project ${projectId} has no aggregate` : undefined
    }
    if (aggregates.some(({ name }) => projectAggregates.includes(name))) return undefined
    return `it is in none of the project's aggregates ${projectAggregates.join(', ')}`
  },
})
