// Every unscoped or `aggregate_instance_extra_specs:` extra spec matches what the host's aggregates say.
import { aggregateValues } from '../aggregate-values.ts'
import { matches, shortOf } from '../extra-spec-operators.ts'
import type { Filter } from '../host-state.ts'

const SCOPE = 'aggregate_instance_extra_specs'

export const aggregateInstanceExtraSpecsFilter: Filter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  judge(host, { flavor }) {
    const have = aggregateValues(host)
    for (const [scoped, asked] of Object.entries(flavor.extraSpecs)) {
      const colon = scoped.indexOf(':')
      if (colon >= 0 && scoped.slice(0, colon) !== SCOPE) continue
      const key = scoped.slice(colon + 1)
      const values = have.get(key)
      if (!values) return `none of its aggregates has ${key}`
      if (values.some((value) => matches(value, asked))) continue
      return {
        says: `${key} of its aggregates is ${values.join(', ')}, asked is ${asked}`,
        short: shortOf(values, asked),
      }
    }
    return undefined
  },
}
