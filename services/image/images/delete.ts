// Deletes an image from every state: first the record that it must go, then its files, then its row.
import type { RequestContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import type { ImageRow } from '../schema/tables.ts'
import { ownImage } from './access.ts'

/** Throws ImageProtected. Once this returns, the image is gone, whatever happens to its files at first. */
export async function deleteImage(parts: ImageParts, context: RequestContext, id: string): Promise<void> {
  const image = await ownImage(parts, context, { id, rule: 'delete_image' })
  if (image.protected) throw fault('ImageProtected', { id })
  const row = await parts.images.beginDelete(id, parts.clock.now())
  if (!row) {
    const isProtected = (await parts.images.get(id)) !== undefined
    throw isProtected ? fault('ImageProtected', { id }) : fault('ImageNotFound', { id })
  }
  try {
    await discard(parts, row)
  } catch (error) {
    log('image').error({ image: id }, `its files are removed later: ${errorChain(error)}`)
  }
}

/** Removes what is left of an image that is to be deleted. May run twice, and beside itself. */
export async function discard(parts: ImageParts, { id, file, upload }: ImageRow): Promise<void> {
  if (upload !== null) {
    parts.uploads.abort(upload, fault('ImageGone', { id }))
    await parts.files.remove(upload)
  }
  if (file !== null) await parts.files.remove(file)
  await parts.images.finishDelete(id)
}
