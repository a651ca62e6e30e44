// Images: list, create, show, change, delete; their data; deactivation.
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import { route } from '../route.ts'
import { seenImage } from './access.ts'
import { createImage, type NewImage } from './create.ts'
import { setDeactivated } from './deactivate.ts'
import { deleteImage } from './delete.ts'
import { downloadImage } from './download.ts'
import { PATCH_MEDIA_TYPES, parsePatch, patchFormOf } from './json-patch.ts'
import { listImages } from './list.ts'
import { CreateImage } from './schema.ts'
import { updateImage } from './update.ts'
import { uploadImage } from './upload.ts'
import { imageView } from './view.ts'

const idOf = ({ params }: Pick<Call, 'params'>): string => params['id']!

export const imageRoutes = [
  route({
    method: 'GET',
    path: '/v2/images',
    policy: 'get_images',
    success: 200,
    handler: async (parts, { context, search }) => {
      const { images, next } = await listImages(parts, context, search)
      return {
        images: images.map(imageView),
        first: pageLink(search),
        ...(next === undefined ? {} : { next: pageLink(search, next) }),
        schema: '/v2/schemas/images',
      }
    },
  }),
  route({
    method: 'POST',
    path: '/v2/images',
    once: true,
    policy: 'add_image',
    body: CreateImage,
    success: 201,
    handler: async (parts, { context, body, url }) => {
      const image = await createImage(parts, context, body as NewImage)
      return new Answer({ headers: { location: `${url.versioned}/images/${image.id}` }, body: imageView(image) })
    },
  }),
  route({
    method: 'GET',
    path: '/v2/images/:id',
    policy: 'get_image',
    success: 200,
    handler: async (parts, call) => imageView(await seenImage(parts, call.context, idOf(call))),
  }),
  route({
    method: 'PATCH',
    path: '/v2/images/:id',
    policy: 'modify_image',
    accepts: PATCH_MEDIA_TYPES,
    success: 200,
    handler: async (parts, call) => {
      const form = patchFormOf(call.headers['content-type'])
      const update = { id: idOf(call), form, changes: parsePatch(call.body, form) }
      return imageView(await updateImage(parts, call.context, update))
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/:id',
    policy: 'delete_image',
    success: 204,
    handler: async (parts, call) => deleteImage(parts, call.context, idOf(call)),
  }),
  route({
    method: 'PUT',
    path: '/v2/images/:id/file',
    policy: 'upload_image',
    stream: true,
    success: 204,
    handler: async (parts, call) => {
      const length = Number(call.headers['content-length'] ?? 0)
      await uploadImage(parts, call.context, { id: idOf(call), stream: call.stream, length })
    },
  }),
  route({
    method: 'GET',
    path: '/v2/images/:id/file',
    policy: 'download_image',
    success: 200,
    handler: async (parts, call) => {
      const asked = { id: idOf(call), rangeHeader: call.headers.range }
      const download = await downloadImage(parts, call.context, asked)
      if (!download) return new Answer({ status: 204 })
      const { image, size, range, stream } = download
      const { start, end } = range ?? { start: 0, end: size - 1 }
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(end - start + 1),
        'content-md5': image.checksum ?? '',
        'accept-ranges': 'bytes',
      }
      if (!range) return new Answer({ headers, body: stream })
      const contentRange = { 'content-range': `bytes ${start}-${end}/${size}` }
      return new Answer({ status: 206, headers: { ...headers, ...contentRange }, body: stream })
    },
  }),
  route({
    method: 'POST',
    path: '/v2/images/:id/actions/deactivate',
    policy: 'deactivate',
    success: 204,
    handler: async (parts, call) => setDeactivated(parts, call.context, { id: idOf(call), action: 'deactivate' }),
  }),
  route({
    method: 'POST',
    path: '/v2/images/:id/actions/reactivate',
    policy: 'reactivate',
    success: 204,
    handler: async (parts, call) => setDeactivated(parts, call.context, { id: idOf(call), action: 'reactivate' }),
  }),
]

/** The address of the first page, or of the one after the marker. */
function pageLink(search: URLSearchParams, marker?: string): string {
  const query = new URLSearchParams(search)
  query.delete('marker')
  if (marker !== undefined) query.set('marker', marker)
  return query.size === 0 ? '/v2/images' : `/v2/images?${query}`
}
