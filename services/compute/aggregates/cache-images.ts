// Asks that the hosts of an aggregate get images before servers need them.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { getAggregate } from './store.ts'
import { cacheImagesTask } from './tasks.ts'

/** Throws AggregateNotFound or ImageNotFound. */
export async function cacheImages(
  compute: Compute,
  context: RequestContext,
  id: number,
  imageIds: string[],
): Promise<void> {
  if (new Set(imageIds).size < imageIds.length) throw fault('BadRequest', { message: 'Duplicate images in request' })
  await getAggregate(compute, id)
  for (const imageId of imageIds) await refuseUnknownImage(compute, context, imageId)
  await compute.tasks.enqueue(cacheImagesTask, { input: { aggregateId: id, imageIds }, context })
}

async function refuseUnknownImage(compute: Compute, context: RequestContext, id: string): Promise<void> {
  try {
    await compute.image.show(context, id)
  } catch (error) {
    if (isFault(error) && error.status === 404) throw fault('ImageNotFound', { id }, error)
    throw error
  }
}
