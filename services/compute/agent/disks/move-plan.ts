// Which disks a guest has once it went over to another flavor or another host. Pure.
import { isolatedRole } from '../../isolated-role.ts'
import { fault } from '../faults.ts'
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import type { Place, PlannedDisk } from './disk-mapping.ts'
import { byName, planDisks } from './disk-mapping.ts'

/** Where a disk of that name lies on the backend that an old one is recorded with. */
export type PlaceLike = (old: GuestDisk, name: string) => Pick<GuestDisk, 'backend' | 'source' | 'format'>

const DEVICE = 'A disk cannot become a whole device, nor a whole device a disk.'
const SHRINKS = 'Unable to resize disk down.'

/**
 * All of them, volumes included. With a generation, which ends their names, none lies where one of the old lies; what is
 * never written is shared then.
 */
export function planMove(
  guest: GuestSpec,
  generation: string | null,
  place: Place,
  like: PlaceLike = (old, name) => place({ role: old.role as PlannedDisk['role'], name, device: old.device }),
): GuestDisk[] {
  refuseDevices(guest)
  const named = (name: string): string => (generation === null ? name : `${name}.${generation}`)
  const moved = new Map(
    byName(guest.disks)
      .entries()
      .map(([name, old]) => [name, old.readonly && generation !== null ? old : { ...old, ...like(old, named(name)) }]),
  )
  const planned = byName(planDisks(guest, (disk) => place({ ...disk, name: named(disk.name) })))
  const losesEphemeral = moved.entries().some(([name, { role }]) => role === 'ephemeral' && !planned.has(name))
  if (losesEphemeral) throw fault('ResizeError', { why: SHRINKS })
  const disks = planned.entries().map(([name, disk]) => merged(moved.get(name), disk))
  return [...disks, ...guest.disks.filter(({ role }) => role === 'volume')]
}

/** Of a guest's disks those whose content goes with it: swap holds nothing once it is off. */
export function copied(disks: readonly GuestDisk[]): GuestDisk[] {
  return disks.filter(({ role }) => role === 'root' || role === 'ephemeral' || role === 'config')
}

function refuseDevices({ disks, flavor }: GuestSpec): void {
  const whole = disks.find(({ backend }) => backend === 'isolated')
  if (whole) throw fault('GuestInvalid', { why: `its disk ${whole.target} is a whole device of its host` })
  if (isolatedRole(flavor.extraSpecs)) throw fault('ResizeError', { why: DEVICE })
}

function merged(old: GuestDisk | undefined, wanted: GuestDisk): GuestDisk {
  if (!old) return wanted
  const { backend, source, format, device, standsAlone } = old
  const kept = { ...wanted, backend, source, format, device, ...(standsAlone ? { standsAlone } : {}) }
  if (old.role === 'swap' || old.role === 'config') return kept
  // A flavor without a root size leaves the disk as large as it is.
  if (wanted.size === 0 || old.device === 'cdrom') return { ...kept, size: old.size }
  if (wanted.size < old.size) throw fault('ResizeError', { why: SHRINKS })
  return kept
}
