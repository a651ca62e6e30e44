// What a world is made of, before anything of it runs.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { VirtualClock } from '@kilonova/base/clock'
import { adminContext } from '@kilonova/base/context'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { LocalBus } from '@kilonova/bus/local'
import type { Closing } from '@kilonova/cloud/closing'
import { schemas } from '@kilonova/cloud/schemas'
import type { Compute } from '@kilonova/compute/compute'
import { Notifications } from '@kilonova/compute/notifications/notifications'
import { computeOptions } from '@kilonova/compute/options'
import type { ActivePlugin } from '@kilonova/compute/plugin'
import { imageOptions } from '@kilonova/image/options'
import { createImageService } from '@kilonova/image/service'
import { networkOptions } from '@kilonova/network/options'
import type { NetworkService } from '@kilonova/network/service'
import { createNetworkService } from '@kilonova/network/service'
import { createPlacementService } from '@kilonova/placement/service'
import type { Store } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import type { HostSize } from './world-host.ts'
import { WorldHost } from './world-host.ts'

export interface WorldOptions {
  /** The text of kilonova.toml; tables compute, notifications, network and image. */
  config?: string
  hosts?: readonly HostSize[]
  /** Compares servers with guests when a host starts; otherwise never. */
  powerSync?: boolean
  plugins?: readonly ActivePlugin[]
}

/** The first has more room, so that servers go there first. */
const TWO_HOSTS: readonly HostSize[] = [
  { name: 'fake-1', vcpus: 64, memoryMb: 65_536 },
  { name: 'fake-2', vcpus: 64, memoryMb: 32_768 },
]

/** Comparisons of hosts with what they should have would hide what tasks leave behind: none but at a host's start. */
const RARELY = 10 ** 9
/** Tests let hours pass; signs of life more often would only cost turns. */
const HOURLY = { report_interval: 3600 }

const SETTINGS = {
  compute: {
    ...{ ...HOURLY, service_down_time: 2 * 3600, sync_power_state_interval: -1 },
    ...{ running_deleted_instance_poll_interval: RARELY, instance_delete_interval: -1 },
    stalled_guests_poll_interval: RARELY,
  },
  network: { ...HOURLY, reconcile_interval: RARELY },
  image: { reserved_space_mb: 0 },
  notifications: { event_retention: RARELY },
}

export interface WorldParts {
  store: Store
  clock: VirtualClock
  bus: LocalBus
  network: NetworkService
  hosts: WorldHost[]
  compute: Omit<Compute, 'tasks'>
  /** The image that servers boot from. */
  image: string
  /** The image that they are rescued with and rebuilt from. */
  otherImage: string
}

export async function makeParts(
  { config = '', hosts = TWO_HOSTS, powerSync = false, plugins = [] }: WorldOptions,
  closing: Closing,
): Promise<WorldParts> {
  const clock = new VirtualClock()
  const random = systemRandom
  const declared = { ...computeOptions, network: networkOptions, image: imageOptions }
  const read = readConfig(declared, config)
  const options = {
    compute: {
      ...{ ...read.compute, ...SETTINGS.compute },
      ...(powerSync ? { sync_power_state_interval: RARELY } : {}),
    },
    network: { ...read.network, ...SETTINGS.network },
    image: { ...read.image, ...SETTINGS.image },
    notifications: { ...read.notifications, ...SETTINGS.notifications },
    imageCache: read.image_cache,
  }
  // Records of network agents are synced to disk one by one: in memory that takes no time.
  const directory = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'kilonova-world-'))
  closing.add('directory', () => rm(directory, { recursive: true, force: true }))
  const store = await memoryStore(...schemas)
  closing.add('store', () => store.close())
  const bus = new LocalBus(clock)
  closing.add('bus', () => bus.close())
  const common = { store, clock, random }
  const images = createImageService({ ...common, directory: join(directory, 'images'), options: options.image })
  const [image, otherImage] = [await blankImage(images), await blankImage(images)]
  const network = createNetworkService({ ...common, bus, options: options.network })
  const placement = createPlacementService(common)
  const compute = {
    ...{ ...common, bus, options: options.compute },
    ...{ notifications: new Notifications({ options: options.notifications, host: 'control' }), plugins },
    ...{ image: images.client, placement: placement.client, network: network.client },
  }
  const parts = { bus, clock, directory, image: images.client, options }
  const made = hosts.map((size) => new WorldHost(parts, size))
  return { store, clock, bus, network, compute, image, otherImage, hosts: made }
}

/** Fake hosts run nothing, so nothing has to be in it. */
async function blankImage(images: ReturnType<typeof createImageService>): Promise<string> {
  const context = adminContext()
  await images.start()
  const about = { name: 'blank', visibility: 'public', disk_format: 'raw', container_format: 'bare' } as const
  const properties = { hw_qemu_guest_agent: 'yes' }
  const { id } = await images.client.create(context, { ...about, min_disk: 1, min_ram: 64, properties })
  await images.client.upload(context, id, Readable.from([Buffer.alloc(65_536)]))
  await images.stop()
  return id
}
