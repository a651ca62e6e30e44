// Puts placement together: what the API server mounts, and the client of the services beside it.
import type { Service } from '@kilonova/api/server'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { type Random, systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { allocationCandidateRoutes } from './allocation-candidates/routes.ts'
import { reshaperRoutes } from './allocations/reshape.ts'
import { allocationRoutes } from './allocations/routes.ts'
import type { PlacementClient } from './client.ts'
import { inventoryRoutes } from './inventories/routes.ts'
import { LocalPlacementClient } from './local-client.ts'
import type { Placement } from './placement.ts'
import { policy } from './policy.ts'
import { resourceClassRoutes } from './resource-classes/routes.ts'
import { resourceProviderRoutes } from './resource-providers/routes.ts'
import { aggregateRoutes, providerTraitRoutes } from './resource-providers/trait-routes.ts'
import { route } from './route.ts'
import { traitRoutes } from './traits/routes.ts'
import { usageRoutes } from './usages/routes.ts'
import { manners, versionsDocument } from './versions.ts'

const discovery = route({
  method: 'GET',
  path: '/',
  policy: 'public',
  success: 200,
  handler: async () => versionsDocument,
})

export interface PlacementServiceOptions {
  store: Store
  clock?: Clock
  random?: Random
}

export interface PlacementService {
  /** What the API server mounts. */
  readonly api: Service<Placement>
  readonly client: PlacementClient
}

export function createPlacementService(given: PlacementServiceOptions): PlacementService {
  const { store, clock = systemClock, random = systemRandom } = given
  const placement: Placement = { store, clock, random }
  const routes = [
    discovery,
    ...traitRoutes,
    ...resourceClassRoutes,
    ...resourceProviderRoutes,
    ...providerTraitRoutes,
    ...aggregateRoutes,
    ...inventoryRoutes,
    ...allocationRoutes,
    ...reshaperRoutes,
    ...allocationCandidateRoutes,
    ...usageRoutes,
  ]
  return { api: { manners, policy, routes, deps: placement }, client: new LocalPlacementClient(placement) }
}
