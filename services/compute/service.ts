// The compute service: what the API server mounts.
import { computeManners } from '@kilonova/api/manners/compute'
import type { Service } from '@kilonova/api/server'
import { aggregateRoutes } from './aggregates/routes.ts'
import { availabilityZoneRoutes } from './availability-zones/routes.ts'
import type { Compute } from './compute.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { flavorRoutes } from './flavors/routes.ts'
import { hypervisorRoutes } from './hypervisors/routes.ts'
import { instanceActionRoutes } from './instance-actions/routes.ts'
import { ipRoutes } from './ips/routes.ts'
import { keypairRoutes } from './keypairs/routes.ts'
import { limitRoutes } from './limits/routes.ts'
import { policy } from './policy.ts'
import { quotaSetRoutes } from './quota-sets/routes.ts'
import { serverGroupRoutes } from './server-groups/routes.ts'
import { serverMetadataRoutes } from './server-metadata/routes.ts'
import { serverTagRoutes } from './server-tags/routes.ts'
import { serverRoutes } from './servers/routes.ts'
import { serviceRoutes } from './services/routes.ts'
import { MAX_VERSION, MIN_VERSION } from './versions.ts'

export function computeService(compute: Compute): Service<Compute> {
  return {
    manners: computeManners({ min: MIN_VERSION, max: MAX_VERSION }),
    policy,
    routes: [
      ...discoveryRoutes,
      ...serverRoutes,
      ...ipRoutes,
      ...serverMetadataRoutes,
      ...serverTagRoutes,
      ...instanceActionRoutes,
      ...flavorRoutes,
      ...keypairRoutes,
      ...serviceRoutes,
      ...hypervisorRoutes,
      ...availabilityZoneRoutes,
      ...aggregateRoutes,
      ...serverGroupRoutes,
      ...limitRoutes,
      ...quotaSetRoutes,
    ],
    deps: compute,
  }
}
