// Which of a host's whole devices a guest gets. Pure.
import type { IsolatedDisk } from '../guest-spec.ts'
import type { DiskPlace } from './disk-backend.ts'
import { MB } from './disk-mapping.ts'

export interface DeviceWish {
  guest: string
  /** Bytes that it must have. */
  size: number
  /** The devices to choose from; undefined: all. */
  among?: readonly string[] | undefined
}

export interface DeviceChoice {
  device: IsolatedDisk | undefined
  /** What each of them lacks, when there is none. */
  why: string
}

/** The one that the guest has, or the smallest free one that is large enough. */
export function chooseDevice(disks: readonly IsolatedDisk[], { guest, size, among }: DeviceWish): DeviceChoice {
  const own = disks.find((disk) => disk.guest === guest)
  if (own) return { device: own, why: '' }
  const allowed = disks.filter(({ path }) => among?.includes(path) ?? true)
  const [device] = allowed.filter((disk) => lackOf(disk, size) === null).toSorted((a, b) => a.size - b.size)
  const why = allowed.map((disk) => `${disk.path} ${lackOf(disk, size)}`).join('; ')
  return { device, why: why || 'there is none' }
}

function lackOf({ size, guest, trouble }: IsolatedDisk, wanted: number): string | null {
  if (guest !== null) return `is the disk of ${guest}`
  if (trouble !== null) return trouble
  return size < wanted ? `has ${Math.floor(size / MB)} MB, asked are ${Math.ceil(wanted / MB)}` : null
}

export function devicePlace(path: string): DiskPlace {
  return { backend: 'isolated', source: { kind: 'block', path }, format: 'raw' }
}
