// Puts the image service together from a store and a directory.
import { imageManners } from '@kilonova/api/manners/image'
import type { Service } from '@kilonova/api/server'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import { type Random, systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { ImageClient } from './client.ts'
import { fault } from './faults.ts'
import { FileStore } from './file-store.ts'
import { reconcileImages } from './images/reconcile.ts'
import { imageRoutes } from './images/routes.ts'
import { ImageStore } from './images/store.ts'
import { Uploads } from './images/uploads.ts'
import { infoRoutes } from './info/routes.ts'
import { LocalImageClient } from './local-client.ts'
import { memberRoutes } from './members/routes.ts'
import { MemberStore } from './members/store.ts'
import type { ImageOptions } from './options.ts'
import type { ImageParts } from './parts.ts'
import { policy } from './policy.ts'
import { schemaRoutes } from './schemas/routes.ts'
import { tagRoutes } from './tags/routes.ts'

const MIB = 1024 * 1024
const RECONCILE_EVERY = 60_000

export interface ImageServiceOptions {
  store: Store
  /** `<state-dir>/images` */
  directory: string
  options: ImageOptions
  clock?: Clock
  random?: Random
}

export interface ImageService {
  /** What the API server mounts. */
  readonly api: Service<ImageParts>
  readonly client: ImageClient
  /** Names of whole files that no image has: something restored or left by hand. For the audit. */
  orphans(): Promise<string[]>
  /** Makes the directory and mends what an interrupted process left; goes on mending once a minute. */
  start(): Promise<void>
  /** Ends the uploads that run; their images are queued again. */
  stop(): Promise<void>
}

export function createImageService(given: ImageServiceOptions): ImageService {
  const { store, directory, options, clock = systemClock, random = systemRandom } = given
  const parts: ImageParts = {
    images: new ImageStore(store),
    members: new MemberStore(store),
    files: new FileStore({ directory, reservedBytes: options.reserved_space_mb * MIB }),
    uploads: new Uploads(),
    options,
    clock,
    random,
  }
  const routes = [...infoRoutes, ...imageRoutes, ...memberRoutes, ...tagRoutes, ...schemaRoutes]
  const reconcile = () => reconcileImages(parts, { alone: store.kind === 'sqlite' })
  const repeated = repeating(clock, reconcile)
  return {
    api: { manners: imageManners, policy, routes, deps: parts },
    client: new LocalImageClient(parts),
    async orphans() {
      const { whole } = await parts.files.list()
      const named = await parts.images.namedFiles()
      return whole.filter((name) => !named.has(name))
    },
    async start() {
      await parts.files.prepare()
      await reconcile()
      repeated.start()
    },
    async stop() {
      await repeated.stop()
      await parts.uploads.abortAll(fault('ServiceStopping', {}))
    },
  }
}

function repeating(clock: Clock, work: () => Promise<void>): { start(): void; stop(): Promise<void> } {
  let running = Promise.resolve()
  let isStopped = false
  const once = async (): Promise<void> => {
    await work().catch((error) => log('image').error(`reconciling failed: ${errorChain(error)}`))
    if (!isStopped) schedule()
  }
  let timer = { cancel: (): void => undefined }
  const schedule = (): void => {
    timer = clock.after(RECONCILE_EVERY, () => {
      running = once()
    })
  }
  return {
    start: schedule,
    async stop() {
      isStopped = true
      timer.cancel()
      await running
    },
  }
}
