// The block devices that a request for a new server names, in either of Nova's forms, read as they will be kept.
import { asBoolean } from '@kilonova/api/fields'
import { IMAGES_TYPES } from '../disk-words.ts'
import { fault } from '../faults.ts'
import type { BlockDeviceMappingRow } from '../schema/tables.ts'
import type { BlockDevice, LegacyBlockDevice, NewServer } from './schema.ts'

export type NewBlockDevice = Omit<BlockDeviceMappingRow, 'id' | 'server_id' | 'position' | 'created_at'>

export const invalid = (details: string) => fault('InvalidBDMFormat', { details })

/** Throws what the form alone makes wrong, before anything else is looked at. The image's own disk need not be named. */
export function askedBlockDevices(asked: NewServer): NewBlockDevice[] {
  const { block_device_mapping: legacy = [], block_device_mapping_v2: devices = [], imageRef } = asked
  if (legacy.length > 0 && devices.length > 0) {
    throw fault('BadRequest', {
      message: 'Using different block_device_mapping syntaxes is not allowed in the same request.',
    })
  }
  const read = [
    ...legacy.filter(isDevice).map(fromLegacy),
    ...devices.filter(isDevice).map((device) => fromV2(device, imageRef)),
  ]
  for (const device of read) refuseVolume(device)
  return legacy.length > 0 && imageRef ? [rootOf(imageRef), ...read] : read
}

/** `no_device` says that there is none. */
const isDevice = ({ no_device: none }: { no_device?: unknown }): boolean => !none

const NOTHING = {
  ...{ guest_format: null, device_type: null, disk_bus: null, boot_index: null, device_name: null },
  ...{ volume_size: null, volume_type: null, image_id: null, volume_id: null, snapshot_id: null, tag: null },
} as const

const rootOf = (image: string): NewBlockDevice => ({
  ...{ ...NOTHING, source_type: 'image', destination_type: 'local', image_id: image },
  ...{ boot_index: 0, device_type: 'disk', delete_on_termination: 1 },
})

function fromV2(device: BlockDevice, imageRef: string | undefined): NewBlockDevice {
  const { source_type: source, uuid } = device
  if (source === 'blank' && uuid) throw invalid('Invalid device UUID.')
  if (source !== 'blank' && !uuid) throw invalid('Missing device UUID.')
  if (source === undefined) throw invalid('Some required fields are missing: source_type.')
  const bootIndex = bootIndexOf(device)
  const isRoot = source === 'image' && bootIndex === 0 && Boolean(imageRef)
  const destination = device.destination_type ?? usualDestination(source, isRoot)
  if (source === 'image' && destination === 'local' && !isRoot) {
    throw invalid(
      'Mapping image to local is not supported. Only the image of imageRef becomes a local disk, with boot_index 0.',
    )
  }
  refuseVolumeType(device, destination)
  return {
    ...{ ...NOTHING, ...common(device), source_type: source, destination_type: destination, boot_index: bootIndex },
    ...{ guest_format: device.guest_format || null, volume_type: device.volume_type || null },
    ...{ device_type: device.device_type || null, disk_bus: device.disk_bus || null, tag: device.tag ?? null },
    ...(source === 'blank' ? {} : { [`${source}_id`]: uuid }),
  }
}

function usualDestination(source: NewBlockDevice['source_type'], isRoot: boolean): 'local' | 'volume' {
  if (source === 'blank') throw invalid('Some required fields are missing: destination_type.')
  return isRoot ? 'local' : 'volume'
}

function bootIndexOf({ boot_index: index }: BlockDevice): number | null {
  if (index === undefined || index === null || index === '') return null
  const number = Number(index)
  if (!Number.isInteger(number)) throw invalid('Boot index is invalid.')
  return number
}

const LOCAL_TYPES: readonly string[] = [...IMAGES_TYPES, 'isolated']

function refuseVolumeType({ source_type: source, volume_type: type }: BlockDevice, destination: string): void {
  if (!type) return
  if (destination === 'local' && !LOCAL_TYPES.includes(type)) {
    throw invalid(
      'Specifying a volume_type with destination_type=local is not supported, except one of ' +
        `${LOCAL_TYPES.join(', ')}, which says what the disk is made as.`,
    )
  }
  if (source === 'volume') throw invalid('Specifying volume type to existing volume is not supported.')
}

const EPHEMERAL = /^ephemeral(\d|[1-9]\d+)$/

function fromLegacy(device: LegacyBlockDevice): NewBlockDevice {
  const { virtual_name: name = '', snapshot_id: snapshot, volume_id: volume } = device
  const read = { ...NOTHING, ...common(device), boot_index: -1 }
  if (name === 'swap' || EPHEMERAL.test(name)) {
    const format = name === 'swap' ? { guest_format: 'swap' } : {}
    return { ...read, source_type: 'blank', destination_type: 'local', delete_on_termination: 1, ...format }
  }
  if (snapshot) return { ...read, source_type: 'snapshot', destination_type: 'volume', snapshot_id: snapshot }
  if (volume) return { ...read, source_type: 'volume', destination_type: 'volume', volume_id: volume }
  throw invalid('Unrecognized legacy format.')
}

/** What both forms have. */
function common({ device_name: name, volume_size: size, delete_on_termination: deletes }: LegacyBlockDevice) {
  return {
    device_name: name === undefined ? null : `/dev/${name.replace(/^\/dev\//, '')}`,
    volume_size: size === undefined ? null : Number(size),
    delete_on_termination: asBoolean(deletes) ? 1 : 0,
  } as const
}

function refuseVolume({ source_type: source, destination_type: to, volume_id, snapshot_id }: NewBlockDevice): void {
  if (source === 'volume') throw fault('InvalidBDMVolume', { what: `failed to get volume ${volume_id}` })
  if (source === 'snapshot') throw fault('InvalidBDMVolume', { what: `failed to get snapshot ${snapshot_id}` })
  const from = source === 'image' ? 'an image' : 'a blank disk'
  if (to === 'volume') throw fault('InvalidBDMVolume', { what: `${from} cannot become a volume` })
}
