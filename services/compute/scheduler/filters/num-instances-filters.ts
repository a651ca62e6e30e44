// The host has fewer servers than the option allows, or the host's aggregates.
import { aggregateNumber } from '../aggregate-values.ts'
import type { Filter, HostState, Verdict } from '../host-state.ts'
import type { FilterOptions } from './filter-options.ts'

const KEY = 'max_instances_per_host'

function lack({ numInstances }: HostState, most: number): Verdict {
  if (numInstances < most) return undefined
  return { says: `it has ${numInstances} servers of at most ${most}`, short: numInstances + 1 - most }
}

export const numInstancesFilter = ({ max_instances_per_host: most }: FilterOptions): Filter => ({
  name: 'NumInstancesFilter',
  reads: () => '',
  judge: (host) => lack(host, most),
})

export const aggregateNumInstancesFilter = ({ max_instances_per_host: most }: FilterOptions): Filter => ({
  name: 'AggregateNumInstancesFilter',
  reads: () => '',
  judge: (host) => lack(host, aggregateNumber(host, KEY, most)),
})
