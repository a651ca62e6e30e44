// A plug-in with a scheduler filter that reads the server's metadata, and a weigher beside it.
import { definePlugin } from '@kilonova/compute/plugin'

export default definePlugin({
  name: 'rack',
  options: {
    rack_weight_multiplier: { type: 'number', default: 0, help: 'how much it counts that a host stands in no rack' },
  },
  extend: ({ rack_weight_multiplier: multiplier }) => ({
    filters: [
      {
        name: 'RackFilter',
        reads: ({ metadata: { rack } }) => rack ?? null,
        judge({ aggregates }, { metadata: { rack } }) {
          if (rack === undefined) return undefined
          const racks = aggregates.flatMap(({ metadata }) => metadata['rack'] ?? [])
          return racks.includes(rack) ? undefined : `it is in rack ${racks.join(', ') || '(none)'}, not ${rack}`
        },
      },
    ],
    weighers: [
      {
        multiplier,
        weigher: {
          name: 'NoRackWeigher',
          option: 'rack_weight_multiplier',
          ofHostAlone: true,
          weigh: ({ aggregates }) => (aggregates.some(({ metadata }) => metadata['rack'] !== undefined) ? 0 : 1),
        },
      },
    ],
  }),
})
