// Changes an image's attributes and properties: all of the operations or none.
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import { ownImage, requireRule } from './access.ts'
import { checkAttributeName, checkAttributeValue, columnsOf, isSettable, type Settable } from './fields.ts'
import type { Image } from './image.ts'
import type { Change, PatchForm } from './json-patch.ts'
import { checkQuotas } from './quotas.ts'

interface Draft {
  attributes: Record<string, unknown>
  /** Undefined: to be removed. */
  properties: Record<string, string | null | undefined>
}

export interface Update {
  id: string
  changes: readonly Change[]
  form: PatchForm
}

export function updateImage(parts: ImageParts, context: RequestContext, update: Update): Promise<Image> {
  return parts.images.exclusively(update.id, async () => {
    const image = await ownImage(parts, context, { id: update.id, rule: 'modify_image' })
    const draft: Draft = { attributes: {}, properties: { ...image.properties } }
    for (const change of update.changes) apply(draft, change, update.form)
    const attributes = draft.attributes as Settable
    checkAttributes(context, image, attributes)
    const tags = attributes.tags && [...new Set(attributes.tags)].toSorted()
    const properties = Object.fromEntries(Object.entries(draft.properties).filter(isKept))
    checkQuotas(parts.options, { properties, tags: tags ?? image.tags })
    const change = { columns: columnsOf(attributes), properties: draft.properties, ...(tags ? { tags } : {}) }
    await parts.images.change(image.id, change, parts.clock.now())
    return (await parts.images.get(image.id)) ?? image
  })
}

function isKept(entry: [string, string | null | undefined]): entry is [string, string | null] {
  return entry[1] !== undefined
}

function apply(draft: Draft, { op, name, value }: Change, form: PatchForm): void {
  if (name === 'id') throw fault('AttributeReadOnly', { name })
  checkAttributeName(name)
  if (op !== 'remove') checkAttributeValue(name, value)
  if (isSettable(name)) {
    if (op === 'remove') throw fault('AttributeNotRemovable', { name })
    if (op === 'add' && form === 'v2.0') throw fault('PropertyExists', { name })
    draft.attributes[name] = value
    return
  }
  const exists = draft.properties[name] !== undefined
  if (op === 'add' && exists && form === 'v2.0') throw fault('PropertyExists', { name })
  if (op !== 'add' && !exists) throw fault('PropertyNotFound', { name })
  draft.properties[name] = op === 'remove' ? undefined : (value as string | null)
}

function checkAttributes(context: RequestContext, image: Image, attributes: Settable): void {
  const { owner, visibility } = attributes
  if (owner !== undefined && owner !== image.owner && !context.isAdmin) throw fault('OwnerNotChangeable', {})
  if (visibility === 'public' && image.visibility !== 'public') requireRule(context, 'publicize_image', image.owner)
  if (visibility === 'community' && image.visibility !== 'community') {
    requireRule(context, 'communitize_image', image.owner)
  }
  if (image.status === 'queued') return
  for (const name of ['disk_format', 'container_format'] as const) {
    const isChanged = attributes[name] !== undefined && attributes[name] !== image[name]
    if (isChanged) throw fault('AttributeOnlyQueued', { name })
  }
}
