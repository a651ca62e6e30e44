// Guests' disks as files of this host, under `<state-dir>/instances`.
import { mkdir, readdir, readFile, rm, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { run } from '@kilonova/base/command'
import { isUuid } from '@kilonova/base/ids'
import { writeConfigDrive } from '../config-drive.ts'
import { fault } from '../faults.ts'
import type { GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import type { DiskBackend } from './disk-backend.ts'
import { planDisks } from './disk-mapping.ts'
import type { GuestStorage, StorageSpace } from './guest-storage.ts'
import type { ImageCache } from './image-cache.ts'
import { qcow2Disks } from './qcow2.ts'
import { rawDisks } from './raw.ts'
import { fileExists } from './whole-file.ts'

const BACKENDS: Record<string, DiskBackend> = { raw: rawDisks, qcow2: qcow2Disks }

export class LocalStorage implements GuestStorage {
  #paths: InstancePaths
  #images: ImageCache
  #imagesType: 'raw' | 'qcow2'

  constructor({
    paths,
    images,
    imagesType,
  }: { paths: InstancePaths; images: ImageCache; imagesType: 'raw' | 'qcow2' }) {
    this.#paths = paths
    this.#images = images
    this.#imagesType = imagesType
  }

  /** Makes the folders and removes what a crash left half-written. To be called before any other call. */
  async open(): Promise<void> {
    await mkdir(this.#paths.base, { recursive: true, mode: 0o711 })
    const folders = await readdir(this.#paths.root)
    for (const folder of folders) {
      const files = await readdir(join(this.#paths.root, folder)).catch(() => [])
      const parts = files.filter((file) => /\.part(\.[^.]+)?$/.test(file))
      await Promise.all(parts.map((part) => rm(join(this.#paths.root, folder, part), { recursive: true, force: true })))
    }
  }

  async prepareImage(image: GuestImage): Promise<{ size: number }> {
    const { size } = await this.#images.prepare(image)
    return { size }
  }

  async createDisks(guest: GuestSpec): Promise<GuestDisk[]> {
    await mkdir(this.#paths.directory(guest.id), { recursive: true, mode: 0o711 })
    const recorded = guest.disks.filter((disk) => disk.role !== 'volume')
    const planned = recorded.length > 0 ? recorded : planDisks(guest, this.#paths, this.#imagesType)
    const made: GuestDisk[] = []
    for (const disk of planned) made.push(await this.#create(guest, disk))
    await writeAtomically(this.#paths.file(guest.id, 'disk.info'), `${JSON.stringify(made, null, 2)}\n`)
    return [...made, ...guest.disks.filter((disk) => disk.role === 'volume')]
  }

  async makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void> {
    const disk = guest.disks.find(({ role }) => role === 'config')
    if (!disk || (await fileExists(disk.source.path))) return
    await writeConfigDrive(disk.source.path, await files())
  }

  async deleteFiles(id: string): Promise<void> {
    await rm(this.#paths.directory(id), { recursive: true, force: true })
  }

  async space(): Promise<StorageSpace> {
    const { bsize, blocks, bavail } = await statfs(this.#paths.root)
    const ids = (await readdir(this.#paths.root)).filter(isUuid)
    let promised = 0
    for (const id of ids) for (const disk of await this.#disksOf(id)) promised += await this.#mayGrow(disk)
    return { total: blocks * bsize, used: (blocks - bavail) * bsize, promised }
  }

  async guests(): Promise<string[]> {
    const images = basename(this.#paths.base)
    return (await readdir(this.#paths.root)).filter((name) => name !== images)
  }

  async #create(guest: GuestSpec, disk: GuestDisk): Promise<GuestDisk> {
    const backend = backendOf(disk)
    switch (disk.role) {
      case 'root': {
        const image = guest.image!
        const base = await this.#images.use(image.id, this.#paths.file(guest.id, 'disk.base'))
        if (disk.size > 0 && disk.size < base.size) {
          throw fault('FlavorDiskSmallerThanImage', { flavorBytes: disk.size, imageBytes: base.size })
        }
        await backend.createFrom(disk, base)
        return { ...disk, size: Math.max(disk.size, base.size) }
      }
      case 'ephemeral':
        await backend.createBlank(disk, async (path) => {
          await run('mkfs.ext4', ['-q', '-F', '-L', 'ephemeral0', path], { timeout: 600_000 })
        })
        return disk
      case 'swap':
        await backend.createBlank(disk, async (path) => {
          await run('mkswap', [path])
        })
        return disk
      default:
        return disk
    }
  }

  /** The disks as `createDisks` left them noted; none while a guest is being made or deleted. */
  async #disksOf(id: string): Promise<GuestDisk[]> {
    try {
      return JSON.parse(await readFile(this.#paths.file(id, 'disk.info'), 'utf8')) as GuestDisk[]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  async #mayGrow(disk: GuestDisk): Promise<number> {
    if (disk.role === 'config') return 0
    const backend = backendOf(disk)
    return (await backend.exists(disk)) ? backend.mayGrow(disk) : 0
  }
}

function backendOf(disk: GuestDisk): DiskBackend {
  const backend = BACKENDS[disk.backend]
  if (!backend) throw fault('GuestInvalid', { why: `this host has no disk backend ${disk.backend}` })
  return backend
}
