// Which disks a guest has, on which bus and under which name. Pure.
import { fault } from '../faults.ts'
import type { DiskBus, GuestDisk, GuestSpec } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'

export const GB = 1024 ** 3
export const MB = 1024 ** 2

const PREFIX: Record<DiskBus, string> = { virtio: 'vd', scsi: 'sd', sata: 'sd', usb: 'sd', ide: 'hd', fdc: 'fd' }

/** The machine type of a guest: hw_machine_type, or `pc`. */
export function machineType(guest: GuestSpec): string {
  return guest.image?.properties['hw_machine_type'] ?? 'pc'
}

/** The bus CD-ROMs sit on: IDE, which q35 machines lack. */
export function cdromBus(guest: GuestSpec): DiskBus {
  const asked = guest.image?.properties['hw_cdrom_bus']
  if (asked) return diskBus(asked, 'hw_cdrom_bus')
  return /q35/.test(machineType(guest)) ? 'sata' : 'ide'
}

function diskBus(asked: string, property: string): DiskBus {
  if (asked in PREFIX) return asked as DiskBus
  throw fault('GuestInvalid', { why: `${property}=${asked} is not supported by qemu` })
}

/** The name the index-th disk of a prefix has: vda … vdz, vdaa … */
export function diskName(prefix: string, index: number): string {
  let letters = ''
  for (let rest = index; rest >= 0; rest = Math.floor(rest / 26) - 1) {
    letters = String.fromCharCode(97 + (rest % 26)) + letters
  }
  return prefix + letters
}

/** Hands out the free names of each bus; those of attached volumes are taken. */
class Names {
  #taken: Set<string>

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken)
  }

  next(bus: DiskBus): string {
    for (let index = 0; ; index++) {
      const name = diskName(PREFIX[bus], index)
      if (this.#taken.has(name)) continue
      this.#taken.add(name)
      return name
    }
  }
}

/** The disks that the host is to make for a guest, in the order the domain lists them; the config drive is last. */
export function planDisks(guest: GuestSpec, paths: InstancePaths, backend: 'raw' | 'qcow2'): GuestDisk[] {
  const { flavor, image } = guest
  const names = new Names(guest.disks.filter((disk) => disk.role === 'volume').map((disk) => disk.target))
  const bus = diskBus(image?.properties['hw_disk_bus'] ?? 'virtio', 'hw_disk_bus')
  const disk = (role: GuestDisk['role'], name: string, size: number, on = bus): GuestDisk => ({
    role,
    backend,
    source: { kind: 'file', path: paths.file(guest.id, name) },
    format: backend,
    device: 'disk',
    bus: on,
    target: names.next(on),
    size,
  })
  const cdrom = { backend: 'raw', format: 'raw', device: 'cdrom', readonly: true } as const
  const disks: GuestDisk[] = []
  if (image?.diskFormat === 'iso') disks.push({ ...disk('root', 'disk', 0, cdromBus(guest)), ...cdrom })
  else if (image) disks.push(disk('root', 'disk', flavor.rootGb * GB))
  if (flavor.ephemeralGb > 0) disks.push(disk('ephemeral', 'disk.eph0', flavor.ephemeralGb * GB))
  if (flavor.swapMb > 0) disks.push(disk('swap', 'disk.swap', flavor.swapMb * MB))
  if (guest.configDrive) disks.push({ ...disk('config', 'disk.config', 0, cdromBus(guest)), ...cdrom })
  return disks
}
