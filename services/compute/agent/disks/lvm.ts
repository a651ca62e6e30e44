// Disks as logical volumes of their own, raw: `<server>_disk` in images_volume_group.
import { basename } from 'node:path'
import type { GuestDisk } from '../guest-spec.ts'
import type { Clearing } from './clear-device.ts'
import { clearDevice } from './clear-device.ts'
import type { BaseImage, DiskBackend, DiskFacts, DiskPlace, Holding, PoolSpace } from './disk-backend.ts'
import { convert } from './qemu-img.ts'
import type { LogicalVolume, VolumeGroup } from './volume-group.ts'

/** A volume that is being written, or wiped, has this at its end. */
export const PART = '.part'

/** Wipes and removes a volume. Half-wiped it must not be taken for what it was: it loses its name first. */
export async function discard(group: VolumeGroup, { name, size, zeroed }: LogicalVolume, clearing: Clearing) {
  if (zeroed) return group.remove(name)
  const part = name.endsWith(PART) ? name : `${name}${PART}`
  if (part !== name) {
    const left = await group.find(part)
    if (left) await discard(group, left, clearing)
    await group.rename(name, part)
  }
  await clearDevice(group.path(part), size, clearing)
  await group.remove(part)
}

export class LvmDisks implements DiskBackend {
  readonly name = 'lvm'
  readonly pool = 'volume-group'
  readonly #group: VolumeGroup
  readonly #clearing: Clearing

  constructor(group: VolumeGroup, clearing: Clearing) {
    this.#group = group
    this.#clearing = clearing
  }

  async open(): Promise<void> {
    await this.#group.open()
    for (const volume of await this.#mine()) if (volume.name.endsWith(PART)) await this.#remove(volume)
  }

  place(guest: string, name: string): DiskPlace {
    const path = this.#group.path(`${guest}_${name}`)
    return { backend: this.name, source: { kind: 'block', path }, format: 'raw' }
  }

  createFrom(disk: GuestDisk, base: BaseImage): Promise<void> {
    return this.#make(disk, Math.max(disk.size, base.size), (path) =>
      convert({ from: base.path, fromFormat: 'raw', to: path, toFormat: 'raw', cache: 'none', isThere: true }),
    )
  }

  createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void> {
    return this.#make(disk, disk.size, async (path) => format?.(path))
  }

  async exists(disk: GuestDisk): Promise<boolean> {
    return (await this.#find(disk)) !== undefined
  }

  async grow(disk: GuestDisk, size: number): Promise<void> {
    if ((await this.#must(disk)).size < size) await this.#group.extend(nameOf(disk), size)
  }

  async facts(disk: GuestDisk): Promise<DiskFacts> {
    const { size } = await this.#must(disk)
    return { path: disk.source.path, format: 'raw', backingFile: null, virtualSize: size }
  }

  async mayGrow(disk: GuestDisk): Promise<number> {
    return (await this.#must(disk)).mayGrow
  }

  async remove(disk: GuestDisk): Promise<void> {
    for (const name of [nameOf(disk), `${nameOf(disk)}${PART}`]) await this.#removeNamed(name)
  }

  async removeGuest(guest: string): Promise<void> {
    for (const volume of await this.#mine()) if (volume.name.startsWith(`${guest}_`)) await this.#remove(volume)
  }

  space(): Promise<PoolSpace> {
    return this.#group.space()
  }

  async holdings(): Promise<Holding[]> {
    const volumes = await this.#mine()
    return volumes.map(({ name }) => ({ kind: 'logical-volume', id: name, guest: name.split('_')[0]! }))
  }

  /** Half-written volumes have another name, which `open` knows. */
  async #make(disk: GuestDisk, size: number, write: (path: string) => Promise<void>): Promise<void> {
    if (await this.exists(disk)) return
    const part = `${nameOf(disk)}${PART}`
    await this.#removeNamed(part)
    await this.#group.create(part, size)
    try {
      await write(this.#group.path(part))
    } catch (error) {
      await this.#removeNamed(part).catch(() => undefined) // the next attempt begins with that
      throw error
    }
    await this.#group.rename(part, nameOf(disk))
  }

  async #removeNamed(name: string): Promise<void> {
    const volume = await this.#group.find(name)
    if (volume) await this.#remove(volume)
  }

  #remove(volume: LogicalVolume): Promise<void> {
    return discard(this.#group, volume, this.#clearing)
  }

  async #mine(): Promise<LogicalVolume[]> {
    return (await this.#group.list()).filter(({ name }) => /^[0-9a-f-]{36}_disk/.test(name))
  }

  #find(disk: GuestDisk): Promise<LogicalVolume | undefined> {
    return this.#group.find(nameOf(disk))
  }

  async #must(disk: GuestDisk): Promise<LogicalVolume> {
    const volume = await this.#find(disk)
    if (!volume) throw new Error(`there is no logical volume ${nameOf(disk)} in ${this.#group.name}`)
    return volume
  }
}

function nameOf(disk: GuestDisk): string {
  return basename(disk.source.path)
}
