// Aggregates with the key `instance_type` take the flavors listed there alone.
import { aggregateValues } from '../aggregate-values.ts'
import type { Filter } from '../host-state.ts'

export const aggregateTypeAffinityFilter: Filter = {
  name: 'AggregateTypeAffinityFilter',
  reads: ({ flavor }) => flavor.name,
  judge(host, { flavor }) {
    const names = aggregateValues(host).get('instance_type')
    if (!names || names.includes(flavor.name)) return undefined
    return `its aggregates are for flavors ${names.join(', ')}`
  },
}
