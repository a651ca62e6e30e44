// aggregate.cache-images: every host of the aggregate that is up gets every image, one after another.
import type { RequestContext } from '@kilonova/base/context'
import { saga } from '@kilonova/tasks/saga'
import type { GuestImage } from '../agent/guest-spec.ts'
import { getAggregate } from '../aggregates/store.ts'
import type { CacheImages } from '../aggregates/tasks.ts'
import { cacheImagesTask } from '../aggregates/tasks.ts'
import type { Compute } from '../compute.ts'
import { guestImage } from '../servers/image-for-server.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'

async function imagesOf({ image }: Compute, context: RequestContext, ids: readonly string[]): Promise<GuestImage[]> {
  const images: GuestImage[] = []
  for (const id of ids) images.push(guestImage(await image.show(context, id)))
  return images
}

/** Why the host did not get them all; null when it did. */
async function fill(deps: Conductor, host: string, images: GuestImage[], signal: AbortSignal): Promise<string | null> {
  if (!(await isHostUp(deps.compute, host))) return 'its compute service does not report'
  try {
    for (const image of images) await agentOf(deps, host).prepareImage(image, { timeout: LONG_CALL, signal })
    return null
  } catch (error) {
    if (signal.aborted) throw error
    return error instanceof Error ? error.message : String(error)
  }
}

/** Its step's result is, by host, what went wrong there: a server that comes later gets its image anyway. */
export const cacheImages = saga<CacheImages, Conductor>(cacheImagesTask)
  .step('hosts', {
    do: async ({ input, deps, context, signal }) => {
      const images = await imagesOf(deps.compute, context, input.imageIds)
      const { hosts } = await getAggregate(deps.compute, input.aggregateId)
      const failed: Record<string, string> = {}
      for (const host of hosts) {
        const why = await fill(deps, host, images, signal)
        if (why !== null) failed[host] = why
      }
      return { hosts, failed }
    },
    timeout: 12 * 3600,
  })
  .end({})
