// The compute service: what the API server mounts.
import { computeManners } from '@kilonova/api/manners/compute'
import type { Service } from '@kilonova/api/server'
import { aggregateRoutes } from './aggregates/routes.ts'
import { availabilityZoneRoutes } from './availability-zones/routes.ts'
import type { Compute } from './compute.ts'
import { consoleRoutes } from './consoles/routes.ts'
import { diagnosticsRoutes } from './diagnostics/routes.ts'
import { choicesDocument } from './discovery/documents.ts'
import { removedRoutes } from './discovery/removed.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { flavorRoutes } from './flavors/routes.ts'
import { hypervisorRoutes } from './hypervisors/routes.ts'
import { instanceActionRoutes } from './instance-actions/routes.ts'
import { interfaceRoutes } from './interfaces/routes.ts'
import { ipRoutes } from './ips/routes.ts'
import { keypairRoutes } from './keypairs/routes.ts'
import { limitRoutes } from './limits/routes.ts'
import { migrationRoutes } from './migrations/routes.ts'
import { eventRoutes } from './notifications/routes.ts'
import { policy } from './policy.ts'
import { quotaClassSetRoutes } from './quota-class-sets/routes.ts'
import { quotaSetRoutes } from './quota-sets/routes.ts'
import { securityGroupRoutes } from './security-groups/routes.ts'
import { serverExternalEventRoutes } from './server-external-events/routes.ts'
import { serverGroupRoutes } from './server-groups/routes.ts'
import { serverMetadataRoutes } from './server-metadata/routes.ts'
import { serverMigrationRoutes } from './server-migrations/routes.ts'
import { serverTagRoutes } from './server-tags/routes.ts'
import { deleteRoutes } from './servers/delete-routes.ts'
import { evacuateRoutes } from './servers/evacuate-routes.ts'
import { imageRoutes } from './servers/image-routes.ts'
import { insideGuestRoutes } from './servers/inside-guest-routes.ts'
import { createServerWith } from './servers/plugin-fields.ts'
import { powerRoutes } from './servers/power-routes.ts'
import { rescueRoutes } from './servers/rescue-routes.ts'
import { resizeRoutes } from './servers/resize-routes.ts'
import { serverRoutes } from './servers/routes.ts'
import { CreateServer } from './servers/schema.ts'
import { shelveRoutes } from './servers/shelve-routes.ts'
import { serviceRoutes } from './services/routes.ts'
import { simpleTenantUsageRoutes } from './simple-tenant-usage/routes.ts'
import { MAX_VERSION, MIN_VERSION } from './versions.ts'

export function computeService(compute: Compute): Service<Compute> {
  const { plugins = [] } = compute
  return {
    manners: { ...computeManners({ min: MIN_VERSION, max: MAX_VERSION }), choices: choicesDocument },
    policy: Object.assign({}, policy, ...plugins.map((plugin) => plugin.policy)),
    routes: [
      ...discoveryRoutes,
      ...removedRoutes,
      ...serverRoutes,
      ...powerRoutes,
      ...imageRoutes,
      ...shelveRoutes,
      ...rescueRoutes,
      ...resizeRoutes,
      ...evacuateRoutes,
      ...deleteRoutes,
      ...insideGuestRoutes,
      ...interfaceRoutes,
      ...securityGroupRoutes,
      ...serverExternalEventRoutes,
      ...ipRoutes,
      ...serverMetadataRoutes,
      ...serverTagRoutes,
      ...instanceActionRoutes,
      ...eventRoutes,
      ...consoleRoutes,
      ...diagnosticsRoutes,
      ...serverMigrationRoutes,
      ...migrationRoutes,
      ...flavorRoutes,
      ...keypairRoutes,
      ...serviceRoutes,
      ...hypervisorRoutes,
      ...availabilityZoneRoutes,
      ...aggregateRoutes,
      ...serverGroupRoutes,
      ...limitRoutes,
      ...simpleTenantUsageRoutes,
      ...quotaSetRoutes,
      ...quotaClassSetRoutes,
      ...plugins.flatMap(({ routes = [] }) => routes),
    ].map((route) => (route.body === CreateServer ? { ...route, body: createServerWith(plugins) } : route)),
    deps: compute,
  }
}
