// The actions that make images of servers.
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { defaultLimits, quotaOf } from '../quota-limits.ts'
import { route } from '../route.ts'
import { ACTION } from './action.ts'
import { createBackup, createImage } from './create-image.ts'
import { CreateBackup, CreateImage } from './snapshot-schema.ts'

type Asked = Pick<Call, 'at' | 'url' | 'context'>

/** Since 2.39 the image service alone counts what an image says of itself. */
async function checkMetadata(compute: Compute, { at, context }: Asked, metadata: object = {}): Promise<void> {
  if (at('2.39')) return
  const { projectId } = context
  const { metadata_items: allowed } = await (projectId ? quotaOf(compute, projectId) : defaultLimits(compute))
  if (allowed >= 0 && Object.keys(metadata).length > allowed) throw fault('ImageMetadataLimit', {})
}

function accepted({ at, url }: Asked, id: string): object {
  if (at('2.45')) return { image_id: id }
  return new Answer({ headers: { location: `${url.origin}/image/v2/images/${id}` } })
}

export const imageRoutes = [
  route({
    ...ACTION,
    action: 'createImage',
    once: true,
    policy: 'servers:create_image',
    body: CreateImage,
    success: 202,
    handler: async (compute, call) => {
      const { name, metadata } = call.body.createImage
      await checkMetadata(compute, call, metadata)
      return accepted(call, await createImage(compute, call.context, call.params['id']!, { name, metadata }))
    },
  }),
  route({
    ...ACTION,
    action: 'createBackup',
    once: true,
    policy: 'os-create-backup',
    body: CreateBackup,
    success: 202,
    handler: async (compute, call) => {
      const { name, metadata, backup_type: backupType, rotation } = call.body.createBackup
      await checkMetadata(compute, call, metadata)
      const wanted = { name, metadata, backupType, rotation: Number(rotation) }
      return accepted(call, await createBackup(compute, call.context, call.params['id']!, wanted))
    },
  }),
]
