// Aggregates with metadata `trait:X=required` take only servers whose flavor or image requires that trait.
import type { Filter } from '../host-state.ts'
import { requiredTraits } from '../resources.ts'

const KEY = /^trait:(.+)$/

/** On with `enable_isolated_aggregate_filtering`. */
export const isolatedAggregatesFilter: Filter = {
  name: 'isolated aggregates',
  reads: ({ flavor, image }) => JSON.stringify(requiredTraits(flavor, image)),
  judge({ aggregates }, { flavor, image }) {
    const required = requiredTraits(flavor, image)
    for (const { name, metadata } of aggregates) {
      const missing = Object.entries(metadata).flatMap(([key, value]) => {
        const [, trait] = KEY.exec(key) ?? []
        return trait !== undefined && value === 'required' && !required.includes(trait) ? [trait] : []
      })
      if (missing.length > 0) return `its aggregate ${name} is for servers that require ${missing.join(', ')}`
    }
    return undefined
  },
}
