// The services of a cloud, made from one store and one bus.
import { systemClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { Compute } from '@kilonova/compute/compute'
import { Notifications } from '@kilonova/compute/notifications/notifications'
import type { IdentityClient } from '@kilonova/identity/client'
import { identityClient } from '@kilonova/identity/client'
import type { Identity } from '@kilonova/identity/identity'
import { createIdentity } from '@kilonova/identity/identity'
import type { ImageService } from '@kilonova/image/service'
import { createImageService } from '@kilonova/image/service'
import type { NetworkService } from '@kilonova/network/service'
import { createNetworkService } from '@kilonova/network/service'
import type { PlacementService } from '@kilonova/placement/service'
import { createPlacementService } from '@kilonova/placement/service'
import type { Store } from '@kilonova/store/store'
import { Tasks } from '@kilonova/tasks/tasks'
import type { CloudConfig } from './config.ts'
import type { StateDirectory } from './state-directory.ts'

export interface PartsNeeds {
  config: CloudConfig
  state: StateDirectory
  store: Store
  bus: Bus
  /** The name of the host that it runs on. */
  host: string
  /** This process's name among those that share the store. */
  owner: string
}

export interface Parts {
  store: Store
  bus: Bus
  tasks: Tasks
  identity: Identity
  identityClient: IdentityClient
  image: ImageService
  placement: PlacementService
  network: NetworkService
  compute: Compute
}

export function createParts({ config, state, store, bus, host, owner }: PartsNeeds): Parts {
  const clock = systemClock
  const random = systemRandom
  const tasks = new Tasks({ store, owner, exclusive: store.kind === 'sqlite' })
  const identity = createIdentity({ store, options: config.identity })
  const image = createImageService({ store, directory: state.images, options: config.image })
  const placement = createPlacementService({ store })
  const network = createNetworkService({ store, bus, options: config.network })
  const compute: Compute = {
    store,
    tasks,
    bus,
    clock,
    random,
    options: config.compute,
    image: image.client,
    placement: placement.client,
    network: network.client,
    notifications: new Notifications({ options: config.notifications, host }),
  }
  return { store, bus, tasks, identity, identityClient: identityClient(identity), image, placement, network, compute }
}
