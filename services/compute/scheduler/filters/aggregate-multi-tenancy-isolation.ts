// Aggregates with `filter_tenant_id…` keys take servers of the projects listed there alone.
import { aggregateValues } from '../aggregate-values.ts'
import type { Filter } from '../host-state.ts'

const KEY = 'filter_tenant_id'

export const aggregateMultiTenancyIsolation: Filter = {
  name: 'AggregateMultiTenancyIsolation',
  reads: ({ projectId }) => projectId,
  judge(host, { projectId }) {
    const lists = [...aggregateValues(host)].filter(([key]) => key.startsWith(KEY)).map(([, projects]) => projects)
    if (lists.length === 0 || lists.flat().includes(projectId)) return undefined
    return `its aggregates are for other projects than ${projectId}`
  },
}
