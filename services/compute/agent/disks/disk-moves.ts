// Copies of a guest's disks for another flavor: beside them on the same host, or on the host that the guest moves to.
import { run } from '@kilonova/base/command'
import type { Random } from '@kilonova/base/random'
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import { baseLink } from './base-link.ts'
import { readChunks, writeChunks } from './chunks.ts'
import type { DiskBackend } from './disk-backend.ts'
import type { DoorKey } from './disk-door.ts'
import { DiskDoor, fetchFile } from './disk-door.ts'
import type { Place } from './disk-mapping.ts'
import { byName } from './disk-mapping.ts'
import type { ImageCache } from './image-cache.ts'
import { copied, planMove } from './move-plan.ts'
import { imageInfo, rebase } from './qemu-img.ts'
import { makeWhole } from './whole-file.ts'

export interface DiskMovesParts {
  paths: InstancePaths
  images: ImageCache
  random: Random
  /** At which other hosts reach this one. */
  address: string
  /** Throws GuestInvalid for a backend that this host does not have. */
  backendNamed(name: string): DiskBackend
  /** Makes a disk that nothing is copied to. */
  make(guest: GuestSpec, disk: GuestDisk): Promise<void>
}

/** Writes the content of an old disk. */
interface Source {
  /** The file as it is, into a new one. */
  file(path: string): Promise<void>
  /** What the guest sees of a raw disk, onto a block device. */
  device(path: string): Promise<void>
  /** The raw image that it stands on, into a new file. */
  base(path: string): Promise<void>
}

/** Milliseconds. */
const COPY = { timeout: 6 * 3_600_000, endsWithUs: true }

export class DiskMoves {
  #parts: DiskMovesParts
  #doors = new Map<string, DiskDoor>()

  constructor(parts: DiskMovesParts) {
    this.#parts = parts
  }

  /** On the backends that the old ones are recorded with: the options are for new disks. */
  plan(guest: GuestSpec, generation: string | null, place: Place): GuestDisk[] {
    return planMove(guest, generation, place, ({ backend }, name) => this.#backendNamed(backend).place(guest.id, name))
  }

  async copy(guest: GuestSpec, planned: readonly GuestDisk[]): Promise<void> {
    await this.#all(guest, planned, (old) => {
      const { path } = old.source
      return {
        async file(to) {
          await run('cp', ['--reflink=auto', '--sparse=always', '--', path, to], COPY)
        },
        device: (to) => writeChunks(readChunks(path), { path: to, sparse: false }),
        base: (to) => this.#copyBase(guest, old, to),
      }
    })
  }

  async take(guest: GuestSpec, planned: readonly GuestDisk[], key: DoorKey): Promise<void> {
    const offered = copied(guest.disks)
    await this.#all(guest, planned, (old) => {
      const chunks = () => fetchFile(key, offered.indexOf(old))
      return {
        file: (to) => writeChunks(chunks(), { path: to, sparse: true }),
        device: (to) => writeChunks(chunks(), { path: to, sparse: false }),
        base: (to) => writeChunks(fetchFile(key, offered.length), { path: to, sparse: true }),
      }
    })
  }

  /** Another offer withdraws the one before. The last file is what the root stands on. */
  async offer({ id, disks }: GuestSpec): Promise<DoorKey> {
    const { address, random, paths } = this.#parts
    const root = disks.find(({ role }) => role === 'root')
    const files = copied(disks).map(({ source }) => source.path)
    const base = root ? [paths.file(id, baseLink(root))] : []
    const door = await DiskDoor.open([...files, ...base], address, random)
    this.withdraw(id)
    this.#doors.set(id, door)
    return door.key
  }

  withdraw(id: string): void {
    this.#doors.get(id)?.close()
    this.#doors.delete(id)
  }

  async #all(guest: GuestSpec, planned: readonly GuestDisk[], sourceOf: (old: GuestDisk) => Source): Promise<void> {
    const olds = byName(copied(guest.disks))
    for (const [name, disk] of byName(planned)) {
      const old = olds.get(name)
      if (old && old.source.path === disk.source.path) continue
      if (!old) await this.#parts.make(guest, disk)
      else await this.#from(sourceOf(old), guest, disk)
      if (old && disk.device === 'disk') await this.#backendNamed(disk.backend).grow(disk, disk.size)
    }
  }

  async #from(source: Source, guest: GuestSpec, disk: GuestDisk): Promise<void> {
    const backend = this.#backendNamed(disk.backend)
    if (disk.source.kind === 'block') return backend.createBlank(disk, (path) => source.device(path))
    if (await backend.exists(disk)) return
    await makeWhole(disk.source.path, async (temporary) => {
      await source.file(temporary)
      if (disk.format !== 'qcow2') return
      const { backingFile } = await imageInfo(temporary, 'qcow2')
      if (backingFile !== null) await rebase(temporary, await this.#base(source, guest, disk))
    })
  }

  /** The image that the root stands on, kept for the new one too: the one here, or else the source's. */
  async #base(source: Source, { id, image }: GuestSpec, disk: GuestDisk): Promise<string> {
    const { images, paths } = this.#parts
    await images.obtain(image!.id, (path) => source.base(path))
    return (await images.use(image!.id, paths.file(id, baseLink(disk)))).path
  }

  async #copyBase({ id }: GuestSpec, old: GuestDisk, to: string): Promise<void> {
    await run('cp', ['--reflink=auto', '--sparse=always', '--', this.#parts.paths.file(id, baseLink(old)), to], COPY)
  }

  #backendNamed(name: string): DiskBackend {
    return this.#parts.backendNamed(name)
  }
}
