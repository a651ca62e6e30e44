// No key of the host's aggregates is a property of the image with another value.
import { aggregateValues } from '../aggregate-values.ts'
import type { Filter } from '../host-state.ts'
import type { FilterOptions } from './filter-options.ts'

export const aggregateImagePropertiesIsolation = ({
  aggregate_image_properties_isolation_namespace: namespace,
  aggregate_image_properties_isolation_separator: separator,
}: FilterOptions): Filter => ({
  name: 'AggregateImagePropertiesIsolation',
  runsOnRebuild: true,
  reads: ({ image }) => (image ? JSON.stringify(image.properties) : null),
  judge(host, { image }) {
    const prefix = namespace === '' ? '' : `${namespace}${separator}`
    for (const [key, values] of aggregateValues(host)) {
      const property = image?.properties[key]
      if (!key.startsWith(prefix) || !property || values.includes(property)) continue
      return `its aggregates want images with ${key} ${values.join(' or ')}, the image has ${property}`
    }
    return undefined
  },
})
