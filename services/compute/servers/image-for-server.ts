// The image that a new server boots from: exists, is active, and fits the flavor.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { ImageInfo } from '@kilonova/image/client'
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { BlockDevice, NewServer } from './schema.ts'

export async function imageForServer(
  compute: Compute,
  context: RequestContext,
  asked: NewServer,
  flavor: GuestFlavor,
): Promise<GuestImage | null> {
  const id = imageIdOf(asked)
  const image = await shown(compute, context, id)
  if (image.status !== 'active') throw fault('ImageNotActive', { id, status: image.status })
  if (image.min_ram > flavor.memoryMb) throw fault('FlavorMemoryTooSmall', {})
  const virtualGb = Math.ceil((image.virtual_size ?? 0) / 1024 ** 3)
  const needsGb = Math.max(image.min_disk, virtualGb)
  if (flavor.rootGb > 0 && needsGb > flavor.rootGb)
    throw fault('FlavorDiskTooSmall', { flavorGb: flavor.rootGb, imageGb: needsGb })
  return guestImage(image)
}

function imageIdOf(asked: NewServer): string {
  const devices = [...(asked.block_device_mapping ?? []), ...(asked.block_device_mapping_v2 ?? [])]
  const other = devices.find((device) => !isImageToLocal(device))
  if (other) {
    throw fault('BadRequest', {
      message: 'Block device mapping is invalid: this cloud has no volumes; servers boot from images onto local disks.',
    })
  }
  const mapped = devices.map((device) => device.uuid ?? device.image_id)
  const id = asked.imageRef || mapped[0]
  if (!id) throw fault('BadRequest', { message: 'Invalid imageRef provided.' })
  if (mapped.some((other) => other !== id)) {
    throw fault('BadRequest', {
      message: 'Block device mapping is invalid: it names another boot image than imageRef.',
    })
  }
  return id
}

function isImageToLocal({ source_type, destination_type, boot_index }: BlockDevice): boolean {
  return source_type === 'image' && destination_type === 'local' && Number(boot_index ?? 0) === 0
}

async function shown(compute: Compute, context: RequestContext, id: string): Promise<ImageInfo> {
  try {
    return await compute.image.show(context, id)
  } catch (error) {
    if (isFault(error) && error.status === 404) throw fault('ImageInRequestNotFound', { id }, error)
    throw error
  }
}

/** What hosts are told of an image. */
export function guestImage(image: ImageInfo): GuestImage {
  const properties = Object.entries(image.properties).filter((entry): entry is [string, string] => entry[1] !== null)
  return {
    id: image.id,
    diskFormat: image.disk_format ?? 'raw',
    minDisk: image.min_disk,
    minRam: image.min_ram,
    size: image.size,
    properties: Object.fromEntries(properties),
  }
}
