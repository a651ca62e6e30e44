// What hosts are filtered and ranked by here: compute's own and the plug-ins', as far as the options name them.
import type { Compute } from '../compute.ts'
import type { Filter, Weighted } from '../scheduler/host-state.ts'
import { enabledFilters, enabledWeighers } from '../scheduler/registry.ts'

type Configured = Pick<Compute, 'options' | 'plugins'>

/** Throws ConfigError where an option names what there is not. */
export function filtersOf({ options, plugins = [] }: Configured): Filter[] {
  return enabledFilters(
    options,
    plugins.flatMap(({ filters = [] }) => filters),
  )
}

/** As filtersOf. */
export function weighersOf({ options, plugins = [] }: Configured): Weighted[] {
  return enabledWeighers(
    options,
    plugins.flatMap(({ weighers = [] }) => weighers),
  )
}
