// The filters that `enabled_filters` may name.
import type { Filter } from '../host-state.ts'
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts'
import { computeFilter } from './compute-filter.ts'
import { imagePropertiesFilter } from './image-properties-filter.ts'

export const allFilters: readonly Filter[] = [computeFilter, computeCapabilitiesFilter, imagePropertiesFilter]
