// The filters that `enabled_filters` may name.
import type { Filter } from '../host-state.ts'
import { aggregateImagePropertiesIsolation } from './aggregate-image-properties-isolation.ts'
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs-filter.ts'
import { aggregateMultiTenancyIsolation } from './aggregate-multi-tenancy-isolation.ts'
import { aggregateTypeAffinityFilter } from './aggregate-type-affinity-filter.ts'
import { allHostsFilter } from './all-hosts-filter.ts'
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts'
import { computeFilter } from './compute-filter.ts'
import type { FilterOptions } from './filter-options.ts'
import { imagePropertiesFilter } from './image-properties-filter.ts'
import { aggregateIoOpsFilter, ioOpsFilter } from './io-ops-filters.ts'
import { isolatedHostsFilter } from './isolated-hosts-filter.ts'
import { jsonFilter } from './json-filter.ts'
import { aggregateNumInstancesFilter, numInstancesFilter } from './num-instances-filters.ts'
import { differentHostFilter, sameHostFilter } from './other-servers-filters.ts'
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './server-group-filters.ts'
import { simpleCidrAffinityFilter } from './simple-cidr-affinity-filter.ts'

export function allFilters(options: FilterOptions): readonly Filter[] {
  return [
    computeFilter,
    computeCapabilitiesFilter,
    imagePropertiesFilter,
    serverGroupAntiAffinityFilter,
    serverGroupAffinityFilter,
    allHostsFilter,
    aggregateImagePropertiesIsolation(options),
    aggregateInstanceExtraSpecsFilter,
    aggregateIoOpsFilter(options),
    aggregateMultiTenancyIsolation,
    aggregateNumInstancesFilter(options),
    aggregateTypeAffinityFilter,
    differentHostFilter,
    ioOpsFilter(options),
    isolatedHostsFilter(options),
    jsonFilter,
    numInstancesFilter(options),
    sameHostFilter,
    simpleCidrAffinityFilter,
  ]
}
