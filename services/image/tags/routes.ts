// An image's tags, one by one.
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import { ownImage } from '../images/access.ts'
import { checkAttributeValue } from '../images/fields.ts'
import { checkQuotas } from '../images/quotas.ts'
import type { ImageParts } from '../parts.ts'
import { route } from '../route.ts'

interface Tagging {
  id: string
  tag: string
}

const taggingOf = (params: Record<string, string>): Tagging => ({ id: params['id']!, tag: params['tag']! })

export const tagRoutes = [
  route({
    method: 'PUT',
    path: '/v2/images/:id/tags/:tag',
    policy: 'modify_image',
    success: 204,
    handler: (parts, { context, params }) => addTag(parts, context, taggingOf(params)),
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/:id/tags/:tag',
    policy: 'modify_image',
    success: 204,
    handler: (parts, { context, params }) => removeTag(parts, context, taggingOf(params)),
  }),
]

function addTag(parts: ImageParts, context: RequestContext, { id, tag }: Tagging): Promise<void> {
  checkAttributeValue('tags', [tag])
  return parts.images.exclusively(id, async () => {
    const image = await ownImage(parts, context, { id, rule: 'modify_image' })
    if (image.tags.includes(tag)) return
    const tags = [...image.tags, tag]
    checkQuotas(parts.options, { properties: {}, tags })
    await parts.images.change(id, { columns: {}, properties: {}, tags }, parts.clock.now())
  })
}

function removeTag(parts: ImageParts, context: RequestContext, { id, tag }: Tagging): Promise<void> {
  return parts.images.exclusively(id, async () => {
    const image = await ownImage(parts, context, { id, rule: 'modify_image' })
    if (!image.tags.includes(tag)) throw fault('TagNotFound', { tag })
    const tags = image.tags.filter((other) => other !== tag)
    await parts.images.change(id, { columns: {}, properties: {}, tags }, parts.clock.now())
  })
}
