// The disks that a guest has beside its root: those its user asked for, or those of its flavor. Pure.
import type { GuestBlockDevice, GuestSpec } from '../guest-spec.ts'

const GB = 1024 ** 3
const MB = 1024 ** 2

export interface LocalDisk {
  role: 'ephemeral' | 'swap'
  name: string
  /** Bytes. */
  size: number
  /** Of its file system. */
  label?: string
  /** Absent: it comes with the flavor. */
  wish?: GuestBlockDevice
}

type Sized = Pick<GuestSpec, 'flavor' | 'blockDevices'>

/** Ephemeral disks in the order asked for, then the swap. Another flavor changes what was left to the flavor. */
export function localDisks(guest: Sized): LocalDisk[] {
  return [...ephemerals(guest), ...swap(guest)].filter(({ size }) => size > 0)
}

function ephemerals({ flavor, blockDevices = [] }: Sized): LocalDisk[] {
  const disk = (index: number, gb: number): LocalDisk => ({
    ...{ role: 'ephemeral', name: `disk.eph${index}`, size: gb * GB, label: `ephemeral${index}` },
  })
  const wishes = blockDevices.filter(({ role }) => role === 'ephemeral')
  if (wishes.length === 0) return [disk(0, flavor.ephemeralGb)]
  return wishes.map((wish, index) => ({ ...disk(index, wish.size ?? flavor.ephemeralGb), wish }))
}

/** Never more than the flavor has: it holds nothing that could be lost. */
function swap({ flavor, blockDevices = [] }: Sized): LocalDisk[] {
  const wish = blockDevices.find(({ role }) => role === 'swap')
  const mb = Math.min(wish?.size ?? flavor.swapMb, flavor.swapMb)
  return [{ role: 'swap', name: 'disk.swap', size: mb * MB, ...(wish ? { wish } : {}) }]
}
