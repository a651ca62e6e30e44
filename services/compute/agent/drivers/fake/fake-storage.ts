// Disks without bytes: the same records and refusals as files on a host.
import { GB, planDisks } from '../../disks/disk-mapping.ts'
import type { GuestStorage, StorageSpace } from '../../disks/guest-storage.ts'
import { fault } from '../../faults.ts'
import type { GuestDisk, GuestImage, GuestSpec } from '../../guest-spec.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { Journal } from './journal.ts'
import { Weather } from './weather.ts'

export interface FakeStorageOptions {
  localGb?: number
  /** Where the records survive the process; without it they do not. */
  file?: string | null
  weather?: Weather
}

type Kept = { image: number } | { disks: GuestDisk[]; configDrive: boolean }

export class FakeStorage implements GuestStorage {
  readonly weather: Weather
  #localGb: number
  #kept: Journal<Kept>
  #paths = new InstancePaths('/fake/instances')

  constructor({ localGb = 16_384, file = null, weather = new Weather() }: FakeStorageOptions = {}) {
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
      const recorded = guest.disks.filter((disk) => disk.role !== 'volume')
      const planned = recorded.length > 0 ? recorded : planDisks(guest, this.#paths, 'qcow2')
      const made = planned.map((disk) => (disk.role === 'root' ? this.#root(guest, disk) : disk))
      const before = this.#kept.get(guest.id)
      const configDrive = before !== undefined && 'disks' in before && before.configDrive
      this.#kept.set(guest.id, { disks: made, configDrive })
      return [...made, ...guest.disks.filter((disk) => disk.role === 'volume')]
    })
  }

  makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void> {
    return this.weather.call('makeConfigDrive', async () => {
      const kept = this.#kept.get(guest.id)
      if (!kept || !('disks' in kept) || kept.configDrive) return
      if (!kept.disks.some(({ role }) => role === 'config')) return
      await files()
      this.#kept.set(guest.id, { ...kept, configDrive: true })
    })
  }

  deleteFiles(id: string): Promise<void> {
    return this.weather.call('deleteFiles', () => this.#kept.delete(id))
  }

  space(): Promise<StorageSpace> {
    return this.weather.call('space', () => {
      const disks = this.#kept.values().flatMap((kept) => ('disks' in kept ? kept.disks : []))
      const promised = disks.reduce((sum, disk) => sum + disk.size, 0)
      return { total: this.#localGb * GB, used: 0, promised }
    })
  }

  guests(): Promise<string[]> {
    return this.weather.call('guests', () =>
      this.#kept.entries().flatMap(([id, kept]) => ('disks' in kept ? [id] : [])),
    )
  }

  #root(guest: GuestSpec, disk: GuestDisk): GuestDisk {
    const image = guest.image!
    const kept = this.#kept.get(this.#paths.baseImage(image.id))
    if (!kept || !('image' in kept)) throw fault('ImageNotCached', { image: image.id })
    if (disk.size > 0 && disk.size < kept.image) {
      throw fault('FlavorDiskSmallerThanImage', { flavorBytes: disk.size, imageBytes: kept.image })
    }
    return { ...disk, size: Math.max(disk.size, kept.image) }
  }
}
