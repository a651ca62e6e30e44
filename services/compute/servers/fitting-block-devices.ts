// Whether the block devices of a new server fit each other, its flavor and this cloud. Order and sentences are Nova's.
import type { GuestFlavor } from '../agent/guest-spec.ts'
import { FILE_SYSTEMS, LOCAL_BUSES } from '../disk-words.ts'
import { fault } from '../faults.ts'
import { isolatedRole } from '../isolated-role.ts'
import type { NewBlockDevice } from './block-devices.ts'
import { invalid } from './block-devices.ts'

export interface Fit {
  flavor: GuestFlavor
  imageId: string
  /** max_local_block_devices */
  most: number
}

const isSwap = ({ guest_format: format }: NewBlockDevice): boolean => format === 'swap'
const isBlank = ({ source_type: source }: NewBlockDevice): boolean => source === 'blank'
const isEphemeral = (device: NewBlockDevice): boolean => isBlank(device) && !isSwap(device)

/** Throws what is wrong. No devices are the image's disk and what the flavor has. */
export function refuseMisfits(devices: readonly NewBlockDevice[], fit: Fit): void {
  if (devices.length > 0) refuseBootSequence(devices)
  for (const device of devices) refuseDevice(device, fit)
  refuseEphemerals(devices.filter(isEphemeral), fit)
  refuseSwaps(
    devices.filter((device) => isBlank(device) && isSwap(device)),
    fit,
  )
  refuseNumber(devices, fit)
}

/** From 0 on each index once, and the image first: an empty disk cannot be booted from. */
function refuseBootSequence(devices: readonly NewBlockDevice[]): void {
  const booting = devices.filter(({ boot_index: index }) => index !== null && index >= 0)
  const sorted = booting.toSorted((a, b) => a.boot_index! - b.boot_index!)
  const isSequence = sorted.every(({ boot_index: index }, at) => index === at)
  if (sorted.length === 0 || !isSequence || isBlank(sorted[0]!)) throw fault('InvalidBDMBootSequence', {})
}

function refuseDevice(device: NewBlockDevice, { flavor, imageId }: Fit): void {
  const { image_id: image, disk_bus: bus, device_type: type } = device
  if (image !== null && image !== imageId) {
    throw invalid(`image ${image} is not the one of imageRef, which the root disk is made from.`)
  }
  if (bus !== null && !isOneOf(bus, LOCAL_BUSES)) throw fault('InvalidBDMDiskBus', { bus, buses: LOCAL_BUSES })
  const types = isBlank(device) ? ['disk'] : ['disk', 'cdrom']
  if (type !== null && !types.includes(type)) {
    const kind = isBlank(device) ? 'a blank local disk' : 'an image on a local disk'
    throw invalid(`device_type ${type} is not supported for ${kind}. Use ${types.join(' or ')}.`)
  }
  if (type === 'cdrom' && bus === 'virtio') throw invalid('a device of type cdrom cannot be on the bus virtio.')
  refuseFormat(device)
  refuseWholeDevice(device, flavor)
}

const isOneOf = (word: string, words: readonly string[]): boolean => words.includes(word)

function refuseFormat(device: NewBlockDevice): void {
  const { guest_format: format } = device
  if (!isEphemeral(device) || format === null || isOneOf(format, FILE_SYSTEMS)) return
  throw invalid(`${format} format is not supported. Use swap, or one of ${FILE_SYSTEMS.join(', ')}.`)
}

/** Which disk is a whole device says the flavor, since it is what claims one. */
function refuseWholeDevice(device: NewBlockDevice, { extraSpecs }: GuestFlavor): void {
  const { volume_type: type } = device
  if (type === null) return
  const role = isBlank(device) ? (isSwap(device) ? 'swap' : 'ephemeral') : 'root'
  const isWhole = isolatedRole(extraSpecs) === role
  if (type === 'isolated' && !isWhole) {
    throw invalid(`volume_type isolated: the flavor sets no whole device aside for the ${role} disk.`)
  }
  if (type !== 'isolated' && isWhole) {
    throw invalid(`volume_type ${type}: the ${role} disk of this flavor is a whole device.`)
  }
}

function refuseEphemerals(disks: readonly NewBlockDevice[], { flavor }: Fit): void {
  const { ephemeralGb: flavorGb, extraSpecs } = flavor
  const askedGb = disks.reduce((sum, { volume_size: size }) => sum + (size ?? flavorGb), 0)
  const hasNone = disks.length > 0 && flavorGb === 0
  if (askedGb > flavorGb || hasNone) throw fault('InvalidBDMEphemeralSize', { askedGb, flavorGb })
  if (disks.length > 1 && isolatedRole(extraSpecs) === 'ephemeral') {
    throw invalid('the ephemeral disk of this flavor is a whole device: there can only be one.')
  }
}

function refuseSwaps(swaps: readonly NewBlockDevice[], { flavor: { swapMb: flavorMb } }: Fit): void {
  if (swaps.length > 1) throw invalid('More than one swap drive requested.')
  for (const { volume_size: size } of swaps) {
    const askedMb = size ?? flavorMb
    if (askedMb > flavorMb || flavorMb === 0) throw fault('InvalidBDMSwapSize', { askedMb, flavorMb })
  }
}

function refuseNumber(devices: readonly NewBlockDevice[], { flavor, most }: Fit): void {
  const implied = [
    devices.length === 0,
    flavor.ephemeralGb > 0 && !devices.some(isEphemeral),
    flavor.swapMb > 0 && !devices.some((device) => isBlank(device) && isSwap(device)),
  ]
  const asked = devices.length + implied.filter(Boolean).length
  if (most >= 0 && asked > most) throw fault('InvalidBDMLocalsLimit', { asked, most })
}
