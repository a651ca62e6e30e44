// Creates an image without data: its record, queued for an upload.
import type { RequestContext } from '@kilonova/base/context'
import { isDuplicate } from '@kilonova/store/store'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import { requireRule } from './access.ts'
import { checkAttributeName, columnsOf, isSettable, type Settable } from './fields.ts'
import type { Image } from './image.ts'
import { checkQuotas } from './quotas.ts'

/** Attributes and custom properties in one object, as callers send them, already of the right form. */
export type NewImage = Settable & { id?: string; [property: string]: unknown }

export async function createImage(parts: ImageParts, context: RequestContext, given: NewImage): Promise<Image> {
  const { id = parts.random.uuid(), ...rest } = given
  const { attributes, properties } = sorted(rest)
  const image = newImage(parts, context, { id, attributes, properties })
  checkCaller(context, image)
  checkQuotas(parts.options, image)
  try {
    await parts.images.insert(image)
  } catch (error) {
    throw isDuplicate(error) ? fault('ImageIdTaken', { id }, error) : error
  }
  return image
}

function sorted(given: Record<string, unknown>): { attributes: Settable; properties: Image['properties'] } {
  const attributes: Record<string, unknown> = {}
  const properties: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(given)) {
    checkAttributeName(name)
    if (isSettable(name)) attributes[name] = value
    else properties[name] = value as string | null
  }
  return { attributes, properties }
}

function newImage(
  { clock }: ImageParts,
  context: RequestContext,
  { id, attributes, properties }: { id: string; attributes: Settable; properties: Image['properties'] },
): Image {
  const now = clock.now()
  return {
    id,
    name: null,
    status: 'queued',
    visibility: 'shared',
    owner: context.projectId,
    size: null,
    virtual_size: null,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    disk_format: null,
    container_format: null,
    min_disk: 0,
    min_ram: 0,
    protected: 0,
    os_hidden: 0,
    created_at: now,
    updated_at: now,
    file: null,
    upload: null,
    upload_seen_at: null,
    ...columnsOf(attributes),
    properties,
    tags: [...new Set(attributes.tags ?? [])].toSorted(),
  }
}

function checkCaller(context: RequestContext, { owner, visibility }: Image): void {
  if (!context.isAdmin && owner !== context.projectId) throw fault('OwnerNotAllowed', { owner })
  requireRule(context, 'add_image', owner)
  if (visibility === 'public') requireRule(context, 'publicize_image', owner)
  if (visibility === 'community') requireRule(context, 'communitize_image', owner)
}
