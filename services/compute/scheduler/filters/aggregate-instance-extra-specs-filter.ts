// Every unscoped or `aggregate_instance_extra_specs:` extra spec matches what the host's aggregates say.
import type { GuestFlavor } from '../../agent/guest-spec.ts'
import { aggregateValues } from '../aggregate-values.ts'
import { matches, shortOf } from '../extra-spec-operators.ts'
import type { Filter } from '../host-state.ts'

const SCOPE = 'aggregate_instance_extra_specs'

/** What the flavor asks of aggregates, by their keys. */
function askedOf({ extraSpecs }: GuestFlavor): [key: string, asked: string][] {
  return Object.entries(extraSpecs).flatMap(([scoped, asked]) => {
    const colon = scoped.indexOf(':')
    return colon >= 0 && scoped.slice(0, colon) !== SCOPE ? [] : [[scoped.slice(colon + 1), asked]]
  })
}

export const aggregateInstanceExtraSpecsFilter: Filter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  reads({ flavor }) {
    const asked = askedOf(flavor)
    return asked.length === 0 ? null : JSON.stringify(asked)
  },
  judge(host, { flavor }) {
    const have = aggregateValues(host)
    for (const [key, asked] of askedOf(flavor)) {
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
