// The image that a server boots from: exists, is active, and fits the flavor.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { ImageInfo } from '@kilonova/image/client'
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { isolatedRole } from '../isolated-role.ts'

/** The image that the request for a new server names. */
export function imageForServer(
  compute: Compute,
  context: RequestContext,
  { imageRef: id, devices, flavor }: { imageRef: string | undefined; devices: readonly unknown[]; flavor: GuestFlavor },
): Promise<GuestImage> {
  if (id) return fittingImage(compute, context, id, flavor)
  throw devices.length > 0
    ? fault('InvalidBDMBootSequence', {})
    : fault('BadRequest', { message: 'Missing imageRef attribute' })
}

export async function fittingImage(
  compute: Compute,
  context: RequestContext,
  id: string,
  flavor: GuestFlavor,
): Promise<GuestImage> {
  const image = await shown(compute, context, id)
  if (image.status !== 'active') throw fault('ImageNotActive', { id, status: image.status })
  refuseVolumes(image)
  if (image.min_ram > flavor.memoryMb) throw fault('FlavorMemoryTooSmall', {})
  // Of a whole device the size is known when there is one: its snapshots are as large as it, not as the flavor.
  const isDevice = isolatedRole(flavor.extraSpecs) === 'root'
  const virtualGb = isDevice ? 0 : Math.ceil((image.virtual_size ?? 0) / 1024 ** 3)
  const needsGb = Math.max(image.min_disk, virtualGb)
  if (flavor.rootGb > 0 && needsGb > flavor.rootGb)
    throw fault('FlavorDiskTooSmall', { flavorGb: flavor.rootGb, imageGb: needsGb })
  return guestImage(image)
}

/** What Nova makes of a server on volumes has no data: its property says from which snapshots the volumes are made. */
function refuseVolumes({ id, properties }: ImageInfo): void {
  const devices = listIn(properties['block_device_mapping'])
  const isOfVolumes = devices.some((device) => device !== null && VOLUME_KEYS.some((key) => device[key]))
  if (isOfVolumes) throw fault('InvalidBDMVolume', { what: `image ${id} stands for volumes, by block_device_mapping` })
}

const VOLUME_KEYS = ['volume_id', 'snapshot_id']

function listIn(text: string | null | undefined): (Record<string, unknown> | null)[] {
  try {
    const list = JSON.parse(text ?? '[]')
    return Array.isArray(list) ? list : []
  } catch {
    return []
  }
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
    ...(image.virtual_size === null ? {} : { virtualSize: image.virtual_size }),
    minRam: image.min_ram,
    size: image.size,
    properties: Object.fromEntries(properties),
  }
}
