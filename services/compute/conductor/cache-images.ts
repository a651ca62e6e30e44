// aggregate.cache-images: every host of the aggregate that is up gets every image, one after another.
import type { RequestContext } from '@kilonova/base/context'
import type { TaskEvent } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import type { GuestImage } from '../agent/guest-spec.ts'
import { findAggregate, getAggregate } from '../aggregates/store.ts'
import type { CacheImages } from '../aggregates/tasks.ts'
import { cacheImagesTask } from '../aggregates/tasks.ts'
import type { Compute } from '../compute.ts'
import { tellOfAggregate, tellOfCacheProgress } from '../notifications/aggregate-notice.ts'
import { guestImage } from '../servers/image-for-server.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'

async function imagesOf({ image }: Compute, context: RequestContext, ids: readonly string[]): Promise<GuestImage[]> {
  const images: GuestImage[] = []
  for (const id of ids) images.push(guestImage(await image.show(context, id)))
  return images
}

interface Filled {
  cached: string[]
  failed: string[]
  /** Why the host did not get them all; null when it did. */
  why: string | null
}

async function fill(deps: Conductor, host: string, images: GuestImage[], signal: AbortSignal): Promise<Filled> {
  const cached: string[] = []
  const rest = (why: string | null): Filled => {
    const failed = images.map(({ id }) => id).filter((id) => !cached.includes(id))
    return { cached, failed, why }
  }
  if (!(await isHostUp(deps.compute, host))) return rest('its compute service does not report')
  try {
    for (const image of images) {
      await agentOf(deps, host).prepareImage(image, { timeout: LONG_CALL, signal })
      cached.push(image.id)
    }
    return rest(null)
  } catch (error) {
    if (signal.aborted) throw error
    return rest(error instanceof Error ? error.message : String(error))
  }
}

interface Observed {
  input: CacheImages
  deps: Conductor
}

async function observe({ kind }: TaskEvent, { input, deps: { compute } }: Observed): Promise<void> {
  const phase = { 'task-started': 'start', 'task-done': 'end' } as const
  if (kind !== 'task-started' && kind !== 'task-done') return
  const aggregate = await findAggregate(compute, input.aggregateId)
  if (aggregate) await tellOfAggregate(compute, aggregate, { action: 'cache_images', phase: phase[kind] })
}

/** Its step's result is, by host, what went wrong there: a server that comes later gets its image anyway. */
export const cacheImages = saga<CacheImages, Conductor>(cacheImagesTask, { observe })
  .step('hosts', {
    do: async ({ input, deps, context, signal }) => {
      const images = await imagesOf(deps.compute, context, input.imageIds)
      const { id, uuid, name, hosts } = await getAggregate(deps.compute, input.aggregateId)
      const failures: Record<string, string> = {}
      for (const [index, host] of hosts.entries()) {
        const { cached, failed, why } = await fill(deps, host, images, signal)
        if (why !== null) failures[host] = why
        const progress = { id, uuid, name, host, index: index + 1, total: hosts.length }
        await tellOfCacheProgress(deps.compute, { ...progress, images_cached: cached, images_failed: failed })
      }
      return { hosts, failed: failures }
    },
    timeout: 12 * 3600,
  })
  .end({})
