// image.discard: an image that was made for a server and has served goes.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import { saga } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { discardImageTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'

/** One that its owner protects is left to its owner. */
export async function dropImage({ image }: Compute, context: RequestContext, imageId: string): Promise<void> {
  try {
    await image.delete(elevated(context), imageId)
  } catch (error) {
    if (!isFault(error, 'ImageNotFound', 'ImageProtected')) throw error
    if (isFault(error, 'ImageProtected')) log('compute.images').warn({ image_id: imageId }, 'is protected, and stays')
  }
}

export const discardImage = saga<{ imageId: string }, Conductor>(discardImageTask)
  .step('image', { do: ({ input, deps, context }) => dropImage(deps.compute, context, input.imageId) })
  .end({
    undone: ({ input, error }) =>
      log('compute.images').warn({ image_id: input.imageId }, `is of no use any more, and stays: ${error.message}`),
  })
