// The record of the image that a snapshot fills: what it takes over from the image that its server was made from.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { parsed } from './view.ts'

export interface SnapshotImage {
  name: string
  type: 'snapshot' | 'backup'
  /** What the request gives; it comes before all but what tells whose image this is. */
  metadata?: Record<string, string>
  /** Further properties, which a request cannot change. */
  properties?: Record<string, string>
}

/** Those that say how an image was signed or encrypted are no longer true of a changed disk. */
const OWN_OF_AN_IMAGE = [
  'img_signature',
  'img_signature_hash_method',
  'img_signature_key_type',
  'img_signature_certificate_uuid',
  'cinder_encryption_key_id',
  'cinder_encryption_key_deletion_policy',
  'mappings',
  'block_device_mapping',
]

/** What an image has besides its properties: a request's metadata does not set them. */
const ATTRIBUTES = [
  ...['id', 'name', 'visibility', 'owner', 'disk_format', 'container_format', 'min_disk', 'min_ram'],
  ...['protected', 'os_hidden', 'tags'],
]

/** Queued, and without data. Inside the transaction of the task that fills it. Answers its id. */
export async function newSnapshotImage(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  wanted: SnapshotImage,
): Promise<string> {
  const { image } = compute
  const { name, type, metadata = {}, properties = {} } = wanted
  if (row.image_json === null) throw fault('VolumeBackedSnapshot', { id: row.id })
  const base = parsed<GuestImage>(row.image_json)
  const named = Object.keys(metadata).find((key) => ATTRIBUTES.includes(key))
  if (named) throw fault('BadRequest', { message: `Invalid image metadata: ${named} is not a property of images.` })
  const isForeign = context.projectId !== row.project_id
  const { id } = await image.create(context, {
    id: compute.random.uuid(),
    name,
    visibility: isForeign ? 'shared' : 'private',
    min_disk: Math.max(base.minDisk, parsed<GuestFlavor>(row.flavor_json).rootGb),
    min_ram: base.minRam,
    properties: {
      ...inherited(compute, base),
      ...{ base_image_ref: base.id, image_location: 'snapshot', image_state: 'available', owner_id: row.project_id },
      ...{ instance_uuid: row.id, user_id: context.userId ?? '', image_type: type },
      ...(isForeign ? { instance_owner: row.project_id } : {}),
      ...metadata,
      ...properties,
    },
  })
  if (isForeign) await image.addMember(context, id, row.project_id)
  return id
}

function inherited({ options }: Compute, { properties }: GuestImage): Record<string, string> {
  const left = new Set([...OWN_OF_AN_IMAGE, ...options.non_inheritable_image_properties])
  const taken = Object.entries(properties).filter(([name]) => !left.has(name) && !name.startsWith('os_glance_'))
  return Object.fromEntries(taken)
}
