// Puts the network service together from a store and a bus.
import type { Service } from '@kilonova/api/server'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { type Random, systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { Store } from '@kilonova/store/store'
import { agentRoutes } from './agents/routes.ts'
import { autoAllocatedTopologyRoutes } from './auto-allocated-topology/routes.ts'
import { Changes } from './changes.ts'
import type { NetworkClient } from './client.ts'
import { networkClient } from './client.ts'
import { serveNetwork } from './conductor/serve.ts'
import { Teller } from './conductor/tell.ts'
import { extensionRoutes } from './extensions/routes.ts'
import { floatingIpRoutes } from './floating-ips/routes.ts'
import { manners } from './manners.ts'
import type { Network } from './network.ts'
import { networkRoutes } from './networks/routes.ts'
import type { NetworkOptions } from './options.ts'
import { policy } from './policy.ts'
import { portRoutes } from './ports/routes.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { routerRoutes } from './routers/routes.ts'
import { securityGroupRoutes } from './security-groups/routes.ts'
import { subnetRoutes } from './subnets/routes.ts'
import { tagRoutes } from './tags/routes.ts'

const ROUTES = [
  ...extensionRoutes,
  ...networkRoutes,
  ...subnetRoutes,
  ...portRoutes,
  ...routerRoutes,
  ...floatingIpRoutes,
  ...securityGroupRoutes,
  ...quotaRoutes,
  ...agentRoutes,
  ...tagRoutes,
  ...autoAllocatedTopologyRoutes,
]

export interface NetworkServiceOptions {
  store: Store
  bus: Bus
  options: NetworkOptions
  clock?: Clock
  random?: Random
}

export interface NetworkService {
  /** What the API server mounts. */
  readonly api: Service<Network>
  readonly client: NetworkClient
  /** What `bootstrapNetwork` works with. */
  readonly network: Network
  /** Serves hosts and tells them of changes, until what it returns is called. Before hosts start. */
  start(): Promise<() => Promise<void>>
  /** Resolves when hosts were told of all that is committed. */
  told(): Promise<void>
}

export function createNetworkService(given: NetworkServiceOptions): NetworkService {
  const { store, bus, options, clock = systemClock, random = systemRandom } = given
  const network: Network = { store, bus, clock, random, options, changes: new Changes(store, bus) }
  const teller = new Teller(network)
  return {
    api: { manners, policy, routes: ROUTES, deps: network },
    client: networkClient(network),
    network,
    async start() {
      const endServing = await serveNetwork(network)
      network.changes.listen(() => teller.wake())
      return async () => {
        network.changes.listen(() => undefined)
        await teller.settled()
        await endServing()
      }
    },
    told: () => teller.settled(),
  }
}
