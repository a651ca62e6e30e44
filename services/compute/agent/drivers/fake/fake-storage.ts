// Disks without bytes: the same records and refusals as files on a host.

import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ConfigError } from '@kilonova/base/options'
import { isolatedRole } from '../../../isolated-role.ts'
import { chooseDevice, devicePlace } from '../../disks/choose-device.ts'
import type { DiskFacts, Holding } from '../../disks/disk-backend.ts'
import {
  GB,
  type Place,
  placeInFiles,
  planDisks,
  planRebuild,
  planRescue,
  type RebuiltDisks,
} from '../../disks/disk-mapping.ts'
import type {
  DiskOffer,
  Extracted,
  ExtractFormat,
  ExtractTarget,
  GuestStorage,
  StorageSpace,
} from '../../disks/guest-storage.ts'
import { planMove } from '../../disks/move-plan.ts'
import { fault } from '../../faults.ts'
import type { GuestDisk, GuestImage, GuestSpec, IsolatedDisk } from '../../guest-spec.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { Journal } from './journal.ts'
import { Weather } from './weather.ts'

export interface FakeStorageOptions {
  localGb?: number
  /** Where the records survive the process; without it they do not. */
  file?: string | null
  weather?: Weather
  /** Its whole devices. */
  isolated?: readonly FakeDevice[]
}

type FakeDevice = Pick<IsolatedDisk, 'path' | 'size' | 'rotational'>

interface Stored {
  disks: GuestDisk[]
  /** Paths of the config drives that are written. */
  drives: string[]
  rescue: GuestDisk[]
  /** What the guest has written. */
  content: string
}
type Kept = { image: number } | Stored

const NOTHING: Stored = { disks: [], drives: [], rescue: [], content: '' }

export class FakeStorage implements GuestStorage {
  readonly weather: Weather
  /** What its guests write finds no room. */
  isFull = false
  #localGb: number
  #kept: Journal<Kept>
  #devices: readonly FakeDevice[]
  #paths = new InstancePaths('/fake/instances')
  /** What was extracted, by the work's id; a folder without is null. */
  #work = new Map<string, Extracted | null>()

  constructor({ localGb = 16_384, file = null, weather = new Weather(), isolated = [] }: FakeStorageOptions = {}) {
    this.#devices = isolated
    this.weather = weather
    this.#localGb = localGb
    this.#kept = new Journal(file)
  }

  prepareImage(image: GuestImage): Promise<{ size: number }> {
    return this.weather.call('prepareImage', () => {
      const key = this.#paths.baseImage(image.id)
      const kept = this.#kept.get(key)
      if (kept && 'image' in kept) return { size: kept.image }
      const size = image.size ?? image.minDisk * GB
      this.#kept.set(key, { image: size })
      return { size }
    })
  }

  createDisks(guest: GuestSpec): Promise<GuestDisk[]> {
    return this.weather.call('createDisks', () => {
      const recorded = guest.disks.filter(isMade)
      const made = recorded.length > 0 ? this.#allSized(guest, recorded) : this.#plan(guest)
      const { disks: before, ...kept } = this.#of(guest.id) ?? NOTHING
      this.#kept.set(guest.id, { ...kept, disks: [...made, ...without(before, made)] })
      return [...made, ...guest.disks.filter(isVolume)]
    })
  }

  planRebuild(guest: GuestSpec, how: RebuiltDisks): Promise<GuestDisk[]> {
    return this.weather.call('planRebuild', () => {
      const planned = planRebuild(guest, how, this.#place(guest.id))
      const device = planned.find(({ role, generation }) => role === 'root' && generation === how.generation)
      if (device) this.#fromImage(guest.image!, device)
      return planned
    })
  }

  removeDisks(id: string, disks: readonly GuestDisk[]): Promise<void> {
    return this.weather.call('removeDisks', () => {
      const kept = this.#of(id)
      if (!kept) return
      const drives = kept.drives.filter((path) => !disks.some(({ source }) => source.path === path))
      this.#kept.set(id, { ...kept, disks: without(kept.disks, disks), drives })
    })
  }

  makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void> {
    return this.weather.call('makeConfigDrive', async () => {
      const kept = this.#of(guest.id)
      const drive = guest.disks.find(({ role }) => role === 'config')?.source.path
      if (!kept || drive === undefined || kept.drives.includes(drive)) return
      await files()
      this.#kept.set(guest.id, { ...kept, drives: [...kept.drives, drive] })
    })
  }

  deleteFiles(id: string): Promise<void> {
    return this.weather.call('deleteFiles', () => this.#kept.delete(id))
  }

  space(): Promise<StorageSpace> {
    return this.weather.call('space', () => {
      const files = this.#disks().filter(({ source }) => source.kind === 'file')
      const promised = files.reduce((sum, disk) => sum + disk.size, 0)
      return { total: this.#localGb * GB, used: 0, promised }
    })
  }

  guests(): Promise<string[]> {
    return this.weather.call('guests', () =>
      this.#kept.entries().flatMap(([id, kept]) => ('disks' in kept ? [id] : [])),
    )
  }

  planMove(guest: GuestSpec, generation: string | null): Promise<GuestDisk[]> {
    return this.weather.call('planMove', () => planMove(guest, generation, this.#place(guest.id)))
  }

  copyDisks(guest: GuestSpec, planned: readonly GuestDisk[]): Promise<void> {
    return this.weather.call('copyDisks', () => {
      const kept = this.#of(guest.id)
      if (!kept) throw fault('GuestInvalid', { why: 'it has no disks here' })
      const made = planned.filter(isMade)
      this.#kept.set(guest.id, { ...kept, disks: [...made, ...without(kept.disks, made)] })
    })
  }

  offerDisks({ id }: GuestSpec): Promise<DiskOffer> {
    return this.weather.call('offerDisks', () => {
      const kept = this.#of(id)
      if (!kept) throw fault('GuestInvalid', { why: 'it has no disks here' })
      return { content: kept.content }
    })
  }

  withdrawDisks(_id: string): Promise<void> {
    return this.weather.call('withdrawDisks', () => undefined)
  }

  takeDisks({ id }: GuestSpec, planned: readonly GuestDisk[], offer: DiskOffer): Promise<void> {
    return this.weather.call('takeDisks', () => {
      if (!('content' in offer)) throw fault('GuestInvalid', { why: 'its disks have bytes' })
      const disks = planned.filter(isMade)
      const drives = disks.filter(({ role }) => role === 'config').map(({ source }) => source.path)
      this.#kept.set(id, { ...NOTHING, ...this.#of(id), disks, drives, content: offer.content })
    })
  }

  /** As if the guest had written it to its disks. */
  write(id: string, content: string): void {
    const kept = this.#of(id)
    if (!kept) throw new Error(`${id} has no disks here`)
    this.#kept.set(id, { ...kept, content })
  }

  /** What the guest has written; undefined when it has no disks here. */
  content(id: string): string | undefined {
    return this.#of(id)?.content
  }

  createRescueDisks(guest: GuestSpec, image: GuestImage): Promise<GuestDisk[]> {
    return this.weather.call('createRescueDisks', () => {
      const kept = this.#of(guest.id)
      if (!kept) throw fault('GuestInvalid', { why: 'it has no disks to rescue' })
      const disks = planRescue(guest, image, this.#place(guest.id))
      const made = disks.map((disk) => (disk.role === 'rescue' ? this.#fromImage(image, disk) : disk))
      this.#kept.set(guest.id, { ...kept, rescue: without(made, guest.disks) })
      return made
    })
  }

  removeRescueDisks(id: string): Promise<void> {
    return this.weather.call('removeRescueDisks', () => {
      const kept = this.#of(id)
      if (!kept) return
      const drives = kept.drives.filter((path) => !kept.rescue.some(({ source }) => source.path === path))
      this.#kept.set(id, { ...kept, drives, rescue: [] })
    })
  }

  hasRoom(_id: string): Promise<boolean> {
    return this.weather.call('hasRoom', () => !this.isFull)
  }

  facts({ source, format, size }: GuestDisk): Promise<DiskFacts> {
    return this.weather.call('facts', () => ({ path: source.path, format, backingFile: null, virtualSize: size }))
  }

  workFolder(id: string): Promise<string> {
    return this.weather.call('workFolder', () => {
      if (!this.#work.has(id)) this.#work.set(id, null)
      return this.#paths.snapshot(id)
    })
  }

  createDelta(disk: GuestDisk, id: string): Promise<{ path: string; format: 'qcow2' }> {
    return this.weather.call('createDelta', () => {
      this.#work.set(id, null)
      return { path: join(this.#paths.snapshot(id), `delta-${disk.target}`), format: 'qcow2' as const }
    })
  }

  extract(_guest: GuestSpec, disk: GuestDisk, { id, format = disk.format }: ExtractTarget): Promise<Extracted> {
    return this.weather.call('extract', () => {
      const path = join(this.#paths.snapshot(id), 'image')
      const extracted = this.#work.get(id) ?? { path, format, size: emptyImage(format).length }
      this.#work.set(id, extracted)
      return extracted
    })
  }

  readExtracted({ format }: Extracted): Readable {
    return Readable.from([emptyImage(format)])
  }

  removeExtracted(id: string): Promise<void> {
    return this.weather.call('removeExtracted', () => void this.#work.delete(id))
  }

  /** The disks of a guest as they were made; none when it has none here. */
  disks(id: string): readonly GuestDisk[] {
    return this.#of(id)?.disks ?? []
  }

  /** The paths of all that it keeps for a guest: its disks, those of its rescue, and the config drives written. */
  paths(id: string): string[] {
    const { disks, drives, rescue } = this.#of(id) ?? NOTHING
    const made = [...disks, ...rescue].filter(({ role }) => role !== 'config')
    return [...made.map(({ source }) => source.path), ...drives].toSorted()
  }

  work(): Promise<string[]> {
    return this.weather.call('work', () => [...this.#work.keys()])
  }

  holdings(): Promise<Holding[]> {
    return this.weather.call('holdings', () => {
      const blocks = this.#kept
        .entries()
        .flatMap(([guest, kept]) =>
          'disks' in kept
            ? kept.disks.filter(({ source }) => source.kind === 'block').map((disk) => ({ guest, disk }))
            : [],
        )
      return blocks.map(({ guest, disk }) => ({ kind: 'isolated-disk', id: disk.source.path, guest }))
    })
  }

  imagesTypes(): Promise<string[]> {
    return this.weather.call('imagesTypes', () => ['qcow2', 'raw'])
  }

  isolatedDisks(): Promise<IsolatedDisk[]> {
    return this.weather.call('isolatedDisks', () => this.#isolated())
  }

  #disks(): GuestDisk[] {
    return this.#kept.values().flatMap((kept) => ('disks' in kept ? kept.disks : []))
  }

  #isolated(): IsolatedDisk[] {
    const owners = new Map(
      this.#kept
        .entries()
        .flatMap(([id, kept]) => ('disks' in kept ? kept.disks.map(({ source }) => [source.path, id] as const) : [])),
    )
    return this.#devices.map((device) => ({ ...device, guest: owners.get(device.path) ?? null, trouble: null }))
  }

  #plan(guest: GuestSpec): GuestDisk[] {
    const role = isolatedRole(guest.flavor.extraSpecs)
    return planDisks(guest, this.#place(guest.id)).map((disk) => {
      if (disk.role === role) return this.#onDevice(guest, disk)
      return disk.role === 'root' ? this.#fromImage(guest.image!, disk) : disk
    })
  }

  #allSized(guest: GuestSpec, disks: readonly GuestDisk[]): GuestDisk[] {
    return disks.map((disk) => (disk.role === 'root' && !disk.standsAlone ? this.#fromImage(guest.image!, disk) : disk))
  }

  #onDevice({ id, image, isolatedDisks }: GuestSpec, disk: GuestDisk): GuestDisk {
    const size = Math.max(disk.size, disk.role === 'root' ? this.#sizeOf(image!) : 0)
    const { device, why } = chooseDevice(this.#isolated(), { guest: id, size, among: isolatedDisks })
    if (!device) throw fault('IsolatedDiskRefused', { why })
    return { ...disk, ...devicePlace(device.path), size: device.size }
  }

  #place(id: string): Place {
    return placeInFiles(this.#paths, id, 'qcow2')
  }

  #of(id: string): Stored | undefined {
    const kept = this.#kept.get(id)
    return kept && 'disks' in kept ? { ...NOTHING, ...kept } : undefined
  }

  #sizeOf(image: GuestImage): number {
    const kept = this.#kept.get(this.#paths.baseImage(image.id))
    if (!kept || !('image' in kept)) throw fault('ImageNotCached', { image: image.id })
    return kept.image
  }

  #fromImage(image: GuestImage, disk: GuestDisk): GuestDisk {
    const size = this.#sizeOf(image)
    if (disk.size > 0 && disk.size < size) {
      throw fault('FlavorDiskSmallerThanImage', { flavorBytes: disk.size, imageBytes: size })
    }
    return { ...disk, size: Math.max(disk.size, size), ...(image.standsAlone ? { standsAlone: true } : {}) }
  }
}

/** From the fake hosts' option isolated_disks: `100` or `100-ssd`. */
export function fakeDevices(given: readonly string[]): FakeDevice[] {
  return given.map((text, index) => {
    const [, gb, ssd] = /^(\d+)(-ssd)?$/.exec(text) ?? []
    if (gb === undefined) throw new ConfigError(`isolated_disks: ${JSON.stringify(text)} is not like 100 or 100-ssd`)
    return { path: `/dev/disk/by-id/fake-${index + 1}`, size: Number(gb) * GB, rotational: ssd === undefined }
  })
}

const isVolume = ({ role }: GuestDisk): boolean => role === 'volume'
const isMade = (disk: GuestDisk): boolean => !isVolume(disk)

/** Those that lie elsewhere than all of the others. */
const without = (disks: readonly GuestDisk[], others: readonly GuestDisk[]): GuestDisk[] =>
  disks.filter(({ source }) => !others.some((other) => other.source.path === source.path))

const CLUSTER = 65_536

/** A whole image of that format with nothing in it. */
function emptyImage(format: ExtractFormat): Buffer {
  if (format !== 'qcow2') return Buffer.alloc(CLUSTER)
  const header = Buffer.alloc(4 * CLUSTER)
  header.write('QFI\xfb', 'latin1')
  header.writeUInt32BE(3, 4)
  header.writeUInt32BE(16, 20)
  header.writeBigUInt64BE(BigInt(CLUSTER), 24)
  header.writeUInt32BE(1, 36)
  header.writeBigUInt64BE(BigInt(3 * CLUSTER), 40)
  header.writeBigUInt64BE(BigInt(CLUSTER), 48)
  header.writeUInt32BE(1, 56)
  header.writeUInt32BE(4, 96)
  header.writeUInt32BE(104, 100)
  header.writeBigUInt64BE(BigInt(2 * CLUSTER), CLUSTER) // the refcount table: one block,
  for (let i = 0; i < 4; i++) header.writeUInt16BE(1, 2 * CLUSTER + 2 * i) // in which all four clusters are in use
  return header
}
