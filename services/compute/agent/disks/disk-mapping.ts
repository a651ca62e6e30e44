// Which disks a guest has, on which bus and under which name. Pure.
import { machine } from 'node:os'
import { IMAGES_TYPE_SPEC } from '../../disk-words.ts'
import { fault } from '../faults.ts'
import type { DiskBus, GuestBlockDevice, GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import type { DiskPlace } from './disk-backend.ts'
import { localDisks } from './local-disks.ts'

export const GB = 1024 ** 3
export const MB = 1024 ** 2

const PREFIX: Record<DiskBus, string> = { virtio: 'vd', scsi: 'sd', sata: 'sd', usb: 'sd', ide: 'hd', fdc: 'fd' }

export const diskBuses = Object.keys(PREFIX)

/** The machine type of a guest: hw_machine_type, or `pc`. */
export function machineType(guest: GuestSpec): string {
  return guest.image?.properties['hw_machine_type'] ?? 'pc'
}

/** Architectures whose machines have neither IDE nor SATA. */
const SCSI_ONLY = /^(aarch64|arm|ppc|s390)/

/** The bus CD-ROMs sit on: IDE, which q35 machines and other architectures lack. */
function cdromBus(guest: GuestSpec): DiskBus {
  const { hw_cdrom_bus: asked, hw_architecture: arch = machine() } = guest.image?.properties ?? {}
  if (asked) return diskBus(asked, 'hw_cdrom_bus')
  if (SCSI_ONLY.test(arch)) return 'scsi'
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

/** Disks that a bus has room for, where that is few. */
const MOST: Partial<Record<DiskBus, number>> = { ide: 4 }

/** Hands out the free names of each bus; those of attached volumes are taken. */
class Names {
  #taken: Set<string>

  constructor(disks: readonly GuestDisk[]) {
    this.#taken = new Set(disks.map((disk) => disk.target))
  }

  next(bus: DiskBus): string {
    for (let index = 0; ; index++) {
      if (index === MOST[bus]) throw fault('GuestInvalid', { why: `the bus ${bus} has room for ${index} disks` })
      const name = diskName(PREFIX[bus], index)
      if (this.#taken.has(name)) continue
      this.#taken.add(name)
      return name
    }
  }
}

/** A disk that is still to be placed; `name` is such as `disk` or `disk.swap`. */
export interface PlannedDisk {
  role: Exclude<GuestDisk['role'], 'volume'>
  name: string
  device: GuestDisk['device']
  /** What it is to be made as; absent: what the host's disks are. */
  imagesType?: string | undefined
  /** The one that it takes the place of. */
  old?: GuestDisk | undefined
}

export type Place = (disk: PlannedDisk) => DiskPlace

const isFileType = (name: string | undefined): name is 'raw' | 'qcow2' => name === 'raw' || name === 'qcow2'

/** All of a guest's disks as files in its folder. */
export function placeInFiles(paths: InstancePaths, guest: string, usual: 'raw' | 'qcow2'): Place {
  return ({ name, device, imagesType = usual }) => {
    if (!isFileType(imagesType)) throw fault('GuestInvalid', { why: `this host has no disk backend ${imagesType}` })
    const format = device === 'cdrom' ? 'raw' : imagesType
    return { backend: format, source: { kind: 'file', path: paths.file(guest, name) }, format }
  }
}

interface NewDisk extends Omit<PlannedDisk, 'device'> {
  size: number
  bus: DiskBus
  device?: PlannedDisk['device']
  about?: Pick<GuestDisk, 'guestFormat' | 'label' | 'tag'>
}

/** The disks that the host is to make for a guest, in the order the domain lists them; the config drive is last. */
export function planDisks(guest: GuestSpec, place: Place): GuestDisk[] {
  const names = new Names(guest.disks.filter(({ role }) => role === 'volume'))
  const wanted = [...rootDisk(guest), ...blankDisks(guest), ...configDrives(guest, 'disk.config')]
  return wanted.map((disk) => newDisk(disk, names, place))
}

function rootDisk(guest: GuestSpec): NewDisk[] {
  const { flavor, image, blockDevices = [] } = guest
  if (!image) return []
  const wish = blockDevices.find(({ role }) => role === 'root')
  const root = { role: 'root', name: 'disk', imagesType: typeOf(guest, wish), about: tagOf(wish) } as const
  if (image.diskFormat === 'iso') return [{ ...root, size: 0, bus: cdromBus(guest), device: 'cdrom' }]
  if (wish?.device === 'cdrom') return [{ ...root, size: 0, bus: wish.bus ?? cdromBus(guest), device: 'cdrom' }]
  return [{ ...root, size: flavor.rootGb * GB, bus: wish?.bus ?? usualBus(guest) }]
}

function blankDisks(guest: GuestSpec): NewDisk[] {
  return localDisks(guest).map(({ role, name, size, label, wish }) => ({
    ...{ role, name, size, bus: wish?.bus ?? usualBus(guest), imagesType: typeOf(guest, wish) },
    about: {
      ...tagOf(wish),
      ...(label === undefined ? {} : { label }),
      ...(wish?.guestFormat ? { guestFormat: wish.guestFormat } : {}),
    },
  }))
}

const usualBus = ({ image }: GuestSpec): DiskBus => diskBus(image?.properties['hw_disk_bus'] ?? 'virtio', 'hw_disk_bus')

const typeOf = ({ flavor }: GuestSpec, wish: GuestBlockDevice | undefined): string | undefined =>
  wish?.imagesType ?? flavor.extraSpecs[IMAGES_TYPE_SPEC]

const tagOf = (wish: GuestBlockDevice | undefined): { tag?: string } => (wish?.tag ? { tag: wish.tag } : {})

function newDisk({ size, bus, about, device = 'disk', ...planned }: NewDisk, names: Names, place: Place): GuestDisk {
  const at = place({ ...planned, device })
  const disk = { role: planned.role, ...at, device, bus, target: names.next(bus), size, ...about }
  return device === 'cdrom' ? { ...disk, readonly: true } : disk
}

function configDrives(guest: GuestSpec, name: string): (NewDisk & PlannedDisk)[] {
  return guest.configDrive ? [{ role: 'config', name, size: 0, bus: cdromBus(guest), device: 'cdrom' }] : []
}

/** A guest's disks by the names that planned ones have; what is no plan's, as volumes, is left out. */
export function byName(disks: readonly GuestDisk[]): Map<string, GuestDisk> {
  let ephemerals = 0
  const named = disks.flatMap((disk): [string, GuestDisk][] => {
    if (disk.role === 'ephemeral') return [[`disk.eph${ephemerals++}`, disk]]
    const name = NAMES[disk.role]
    return name === undefined ? [] : [[name, disk]]
  })
  return new Map(named)
}

const NAMES: Partial<Record<GuestDisk['role'], string>> = { root: 'disk', swap: 'disk.swap', config: 'disk.config' }

const RESCUE_DEVICES = ['disk', 'cdrom']

/**
 * All that a guest has while it is rescued. With hw_rescue_device or hw_rescue_bus its disks stay as they are and the
 * rescue disk comes last but boots first; without, it has the rescue disk as its first and its root as its second.
 */
export function planRescue(guest: GuestSpec, rescue: GuestImage, place: Place): GuestDisk[] {
  const { hw_rescue_device: device = 'disk', hw_rescue_bus: bus } = rescue.properties
  const isStable = 'hw_rescue_device' in rescue.properties || bus !== undefined
  if (!RESCUE_DEVICES.includes(device)) {
    throw fault('GuestInvalid', { why: `hw_rescue_device=${device} is not one of ${RESCUE_DEVICES.join(', ')}` })
  }
  const isCdrom = device === 'cdrom' || rescue.diskFormat === 'iso'
  const usual = isCdrom ? cdromBus(guest) : usualBus(guest)
  const on = bus === undefined ? usual : diskBus(bus, 'hw_rescue_bus')
  const kept = guest.disks.filter(({ role }) => (isStable ? role !== 'config' && role !== 'rescue' : role === 'root'))
  const names = new Names(isStable ? guest.disks : [])
  const about = { role: 'rescue', name: 'disk.rescue', size: 0, bus: on } as const
  const disk = newDisk({ ...about, device: isCdrom ? 'cdrom' : 'disk' }, names, place)
  const own = configDrives(guest, 'disk.config.rescue')
  if (!isStable) {
    const disks = [disk, ...kept.map((old) => ({ ...old, target: names.next(old.bus) }))]
    return [...disks, ...own.map((drive) => newDisk(drive, names, place))]
  }
  const drives = guest.disks
    .filter(({ role }) => role === 'config')
    .flatMap((old) => own.map((drive) => ({ ...old, ...place(drive) })))
  return [...kept, ...drives, { ...disk, bootOrder: 1 }]
}

export interface RebuiltDisks {
  /** What the new disks' names end with: no disk of the guest has it yet. */
  generation: string
  /** Its ephemeral disks stay. */
  keepsEphemeral: boolean
}

/**
 * The disks of a guest that is rebuilt, its volumes included. None of the new ones lies where one of the old lies, but a
 * whole device: that stays the guest's, and is written anew as of another generation.
 */
export function planRebuild(guest: GuestSpec, { generation, keepsEphemeral }: RebuiltDisks, place: Place): GuestDisk[] {
  const olds = byName(guest.disks)
  const planned = planDisks(guest, (disk) =>
    place({ ...disk, name: `${disk.name}.${generation}`, old: olds.get(disk.name) }),
  )
  const disks = byName(planned)
    .entries()
    .map(([name, disk]) => {
      const old = olds.get(name)
      if (old && keepsEphemeral && old.role === 'ephemeral') return inPlaceOf(old, disk)
      return old?.backend === 'isolated' ? { ...onDevice(old, disk), generation } : disk
    })
  return [...disks, ...guest.disks.filter(({ role }) => role === 'volume')]
}

function inPlaceOf({ backend, source, format, size, generation }: GuestDisk, disk: GuestDisk): GuestDisk {
  return { ...disk, backend, source, format, size, ...(generation === undefined ? {} : { generation }) }
}

function onDevice(device: GuestDisk, disk: GuestDisk): GuestDisk {
  if (disk.device === 'cdrom') throw fault('GuestInvalid', { why: 'a CD-ROM cannot be a whole device' })
  return inPlaceOf(device, disk)
}
