// The filters and weighers that the options name, of those that there are.
import { ConfigError, nearest } from '@kilonova/base/options'
import { allFilters } from './filters/all.ts'
import { availabilityZoneFilter } from './filters/availability-zone-filter.ts'
import type { FilterOptions } from './filters/filter-options.ts'
import { isolatedAggregatesFilter } from './filters/isolated-aggregates-filter.ts'
import { tenantAggregatesFilter } from './filters/tenant-aggregates-filter.ts'
import type { Filter, Weighted } from './host-state.ts'
import type { WeigherOptions } from './weighers/all.ts'
import { allWeighers } from './weighers/all.ts'

const ALL_WEIGHERS = 'all_weighers'

export interface FilterNames extends FilterOptions {
  enabled_filters: readonly string[]
  enable_isolated_aggregate_filtering: boolean
  limit_tenants_to_placement_aggregate: boolean
  placement_aggregate_required_for_tenants: boolean
}

export interface WeigherNames extends WeigherOptions {
  weight_classes: readonly string[]
}

/** In the order in which hosts pass them; `added` are those of plug-ins. Throws ConfigError on a name of none. */
export function enabledFilters(options: FilterNames, added: readonly Filter[] = []): Filter[] {
  const known = new Map([...allFilters(options), ...added].map((filter) => [filter.name, filter]))
  const enabled = options.enabled_filters.map((name) => known.get(name) ?? unknown('enabled_filters', name, known))
  const first = [
    availabilityZoneFilter,
    ...(options.limit_tenants_to_placement_aggregate ? [tenantAggregatesFilter(options)] : []),
    ...(options.enable_isolated_aggregate_filtering ? [isolatedAggregatesFilter] : []),
  ]
  return [...first, ...enabled]
}

/** Each with its multiplier; `added` are those of plug-ins. Throws ConfigError on a name of none. */
export function enabledWeighers(options: WeigherNames, added: readonly Weighted[] = []): Weighted[] {
  const known = new Map([...allWeighers(options), ...added].map((one) => [one.weigher.name, one]))
  const names = options.weight_classes.flatMap((name) => (name === ALL_WEIGHERS ? [...known.keys()] : name))
  return [...new Set(names)].map((name) => known.get(name) ?? unknown('weight_classes', name, known))
}

const KINDS = { enabled_filters: 'Filter', weight_classes: 'Weigher' }

function unknown(option: keyof typeof KINDS, name: string, known: ReadonlyMap<string, unknown>): never {
  const close = nearest(name, [...known.keys()])
  throw new ConfigError(
    `compute.${option}: Scheduler Host ${KINDS[option]} ${name} could not be found; the nearest valid one is ${close}`,
  )
}
