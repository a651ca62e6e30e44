// Guests' disks on this host, each on the backend that is recorded with it; their folders are `<state-dir>/instances`.
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { isFault } from '@kilonova/base/fault'
import { isUuid } from '@kilonova/base/ids'
import { log } from '@kilonova/base/log'
import { systemRandom } from '@kilonova/base/random'
import { isolatedRole } from '../../isolated-role.ts'
import { writeConfigDrive } from '../config-drive.ts'
import { fault } from '../faults.ts'
import type { GuestDisk, GuestImage, GuestSpec, IsolatedDisk } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import { baseLink } from './base-link.ts'
import type { BaseImage, DiskBackend, DiskFacts, Holding } from './disk-backend.ts'
import { type Place, planDisks, planRebuild, planRescue, type RebuiltDisks } from './disk-mapping.ts'
import { DiskMoves } from './disk-moves.ts'
import { makeFileSystem, makeSwap } from './file-system.ts'
import type { DiskOffer, Extracted, ExtractFormat, ExtractTarget, GuestStorage, StorageSpace } from './guest-storage.ts'
import type { ImageCache } from './image-cache.ts'
import type { IsolatedDisks } from './isolated.ts'
import { Qcow2Disks } from './qcow2.ts'
import { convert, createBlank, createOverlay, flatten } from './qemu-img.ts'
import { RawDisks } from './raw.ts'
import { freeBytes, LEAST_ROOM, withRoom } from './room.ts'
import { fileExists, makeWhole } from './whole-file.ts'

export interface LocalStorageOptions {
  paths: InstancePaths
  images: ImageCache
  /** The backend of new disks. */
  imagesType: string
  /** What the host has besides files. */
  backends?: readonly DiskBackend[]
  /** Those of them that new disks cannot be asked to be made as, though old ones may be there. */
  withheld?: () => Promise<readonly string[]>
  /** Its whole devices. */
  isolated?: IsolatedDisks
  /** What copies of disks are by default; absent: what the disk is. */
  snapshotFormat?: ExtractFormat
  /** Whether copies that are qcow2 are compressed. */
  snapshotCompression?: boolean
  /** How copies are written; `none` where the file system knows O_DIRECT. Default `writeback`. */
  cache?: 'none' | 'writeback'
  /** File system of ephemeral disks whose users name none. Default `ext4`. */
  ephemeralFormat?: string
  /** At which other hosts fetch the disks of guests that move to them. Default: this machine alone. */
  address?: string
}

/** Notes beside a guest's disks: those it has, and those it has for its rescue. */
const DISKS = 'disk.info'
const RESCUE_DISKS = 'disk.rescue.info'

/** Disks and images, and notes. */
const HALF_WRITTEN = /\.part(\.[^.]+)?$|^\..*\.tmp$/

const isVolume = ({ role }: GuestDisk): boolean => role === 'volume'
const isMade = ({ role }: GuestDisk): boolean => role !== 'volume'

export class LocalStorage implements GuestStorage {
  #options: LocalStorageOptions
  #paths: InstancePaths
  #images: ImageCache
  #backends: Map<string, DiskBackend>
  #moves: DiskMoves

  constructor(options: LocalStorageOptions) {
    this.#options = options
    this.#paths = options.paths
    this.#images = options.images
    const { paths, isolated, backends: others = [] } = options
    const backends = [new RawDisks(paths), new Qcow2Disks(paths), ...others, ...(isolated ? [isolated] : [])]
    this.#backends = new Map(backends.map((backend) => [backend.name, backend]))
    const { images, address = '127.0.0.1' } = options
    this.#moves = new DiskMoves({
      ...{ paths, images, address, random: systemRandom },
      backendNamed: (name) => this.#backendNamed(name),
      make: (guest, disk) => this.#make(guest, disk),
    })
  }

  /** Makes the folders and removes what a crash left half-written. To be called before any other call. */
  async open(): Promise<void> {
    await mkdir(this.#paths.base, { recursive: true, mode: 0o711 })
    await rm(this.#paths.snapshots, { recursive: true, force: true })
    for (const backend of this.#backends.values()) await this.#open(backend)
    const folders = await readdir(this.#paths.root)
    for (const folder of folders) {
      const files = await readdir(join(this.#paths.root, folder)).catch(() => [])
      const parts = files.filter((file) => HALF_WRITTEN.test(file))
      await Promise.all(parts.map((part) => rm(join(this.#paths.root, folder, part), { recursive: true, force: true })))
    }
  }

  async prepareImage(image: GuestImage): Promise<{ size: number }> {
    const { size } = await withRoom(this.#paths.base, () => this.#images.prepare(image))
    return { size }
  }

  createDisks(guest: GuestSpec): Promise<GuestDisk[]> {
    return this.#inFolder(guest.id, async () => {
      const recorded = guest.disks.filter(isMade)
      const disks = recorded.length > 0 ? await this.#allSized(guest, recorded) : await this.#plan(guest)
      await this.#noting(guest, disks, async () => {
        for (const disk of disks) await this.#make(guest, disk)
      })
      return [...disks, ...guest.disks.filter(isVolume)]
    })
  }

  /** Disks stay on the backend that they are on. */
  async planRebuild(guest: GuestSpec, how: RebuiltDisks): Promise<GuestDisk[]> {
    const usual = this.#placer(guest)
    const planned = planRebuild(guest, how, (disk) => {
      const { old } = disk
      const backend = old?.device === disk.device ? this.#backendOf(old) : undefined
      return backend && backend.pool !== 'devices' ? backend.place(guest.id, disk.name) : usual(disk)
    })
    const device = planned.find(({ role, generation }) => role === 'root' && generation === how.generation)
    // Known here, before anything on it is lost.
    if (device) assertFits(device, await this.#images.prepare(guest.image!))
    return planned
  }

  async removeDisks(id: string, disks: readonly GuestDisk[]): Promise<void> {
    for (const disk of disks.filter(isMade)) {
      await this.#backendOf(disk).remove(disk)
      await rm(this.#paths.file(id, baseLink(disk)), { force: true })
    }
    const left = (await this.#noted(id, DISKS)).filter((disk) => !disks.some((one) => isSame(one, disk)))
    if (left.length > 0) await this.#note(id, DISKS, left)
  }

  async planMove(guest: GuestSpec, generation: string | null): Promise<GuestDisk[]> {
    return this.#moves.plan(guest, generation, this.#placer(guest))
  }

  copyDisks(guest: GuestSpec, planned: readonly GuestDisk[]): Promise<void> {
    return this.#made(guest, planned, () => this.#moves.copy(guest, planned))
  }

  offerDisks(guest: GuestSpec): Promise<DiskOffer> {
    return this.#moves.offer(guest)
  }

  async withdrawDisks(id: string): Promise<void> {
    this.#moves.withdraw(id)
  }

  takeDisks(guest: GuestSpec, planned: readonly GuestDisk[], offer: DiskOffer): Promise<void> {
    if (!('key' in offer)) throw fault('GuestInvalid', { why: 'its disks are those of a fake host' })
    return this.#made(guest, planned, () => this.#moves.take(guest, planned, offer))
  }

  createRescueDisks(guest: GuestSpec, image: GuestImage): Promise<GuestDisk[]> {
    return this.#inFolder(guest.id, async () => {
      const disks: GuestDisk[] = []
      for (const disk of planRescue(guest, image, this.#placer(guest))) {
        disks.push(disk.role === 'rescue' ? await this.#sized(guest, disk, image) : disk)
      }
      await this.#note(guest.id, RESCUE_DISKS, disks.filter(isForRescue))
      for (const disk of disks) if (disk.role === 'rescue') await this.#fromImage(guest, disk, image)
      return disks
    })
  }

  async removeRescueDisks(id: string): Promise<void> {
    for (const disk of await this.#noted(id, RESCUE_DISKS)) {
      if (disk.role === 'config') await rm(disk.source.path, { force: true })
      else await this.#backendOf(disk).remove(disk)
    }
    for (const name of ['disk.rescue.base', RESCUE_DISKS]) await rm(this.#paths.file(id, name), { force: true })
  }

  async makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void> {
    const disk = guest.disks.find(({ role }) => role === 'config')
    if (!disk || (await fileExists(disk.source.path))) return
    await withRoom(disk.source.path, async () => writeConfigDrive(disk.source.path, await files()))
  }

  async deleteFiles(id: string): Promise<void> {
    const directory = this.#paths.directory(id)
    for (const disk of await this.#noted(id, DISKS)) this.#backendOf(disk) // none may be left because it is not known
    for (const backend of this.#backends.values()) await backend.removeGuest(id)
    await rm(directory, { recursive: true, force: true })
  }

  async space(): Promise<StorageSpace> {
    const backend = this.#default
    const ids = (await readdir(this.#paths.root)).filter(isUuid)
    let promised = 0
    for (const id of ids) {
      for (const disk of await this.#noted(id, DISKS)) promised += await this.#mayGrow(disk, backend.pool)
    }
    return { ...(await backend.space()), promised }
  }

  async guests(): Promise<string[]> {
    const { base, snapshots, isolated } = this.#paths
    const ours = [base, snapshots, isolated].map((path) => basename(path))
    return (await readdir(this.#paths.root)).filter((name) => !ours.includes(name))
  }

  async hasRoom(id: string): Promise<boolean> {
    for (const disk of [...(await this.#noted(id, DISKS)), ...(await this.#noted(id, RESCUE_DISKS))]) {
      if ((await this.#roomOf(disk)) < LEAST_ROOM) return false
    }
    return true
  }

  facts(disk: GuestDisk): Promise<DiskFacts> {
    return this.#backendOf(disk).facts(disk)
  }

  async workFolder(id: string): Promise<string> {
    const folder = this.#paths.snapshot(id)
    await withRoom(folder, () => mkdir(folder, { recursive: true, mode: 0o701 }))
    return folder
  }

  async createDelta(disk: GuestDisk, id: string): Promise<{ path: string; format: 'qcow2' }> {
    const path = join(await this.workFolder(id), 'delta')
    const { backingFile, virtualSize } = await this.facts(disk)
    await rm(path, { force: true })
    await withRoom(path, () =>
      backingFile === null ? createBlank(path, 'qcow2', virtualSize) : createOverlay(path, backingFile, virtualSize),
    )
    return { path, format: 'qcow2' }
  }

  async extract(_guest: GuestSpec, disk: GuestDisk, target: ExtractTarget): Promise<Extracted> {
    const { cache = 'writeback', snapshotFormat, snapshotCompression = false } = this.#options
    const path = join(await this.workFolder(target.id), 'image')
    const { format: fromFormat, path: from } = target.source ?? (await this.facts(disk))
    const format = target.format ?? snapshotFormat ?? disk.format
    if (!(await fileExists(path))) {
      const compress = snapshotCompression && format === 'qcow2'
      const how = { from, fromFormat, toFormat: format, cache, compress, signal: target.signal }
      await withRoom(path, () => makeWhole(path, (temporary) => convert({ ...how, to: temporary })))
    }
    return { path, format, size: (await stat(path)).size }
  }

  readExtracted({ path }: Extracted): Readable {
    return createReadStream(path)
  }

  removeExtracted(id: string): Promise<void> {
    return rm(this.#paths.snapshot(id), { recursive: true, force: true })
  }

  async work(): Promise<string[]> {
    return (await readdir(this.#paths.snapshots).catch(noFolder)).filter(isUuid)
  }

  async holdings(): Promise<Holding[]> {
    const found: Holding[] = []
    for (const backend of this.#backends.values()) found.push(...((await backend.holdings?.()) ?? []))
    return found
  }

  async imagesTypes(): Promise<string[]> {
    const { pool } = this.#default
    const withheld = (await this.#options.withheld?.()) ?? []
    const alike = [...this.#backends.values()].filter((backend) => backend.pool === pool).map(({ name }) => name)
    return alike.filter((name) => !withheld.includes(name))
  }

  async isolatedDisks(): Promise<IsolatedDisk[]> {
    return (await this.#options.isolated?.disks()) ?? []
  }

  /** A host goes without a backend that new disks do not need; guests whose disks are on it get errors. */
  async #open(backend: DiskBackend): Promise<void> {
    try {
      await backend.open()
    } catch (error) {
      if (!isFault(error, 'BackendUnavailable') || backend === this.#default) throw error
      log('compute.agent').warn(`${error.message} ${error.mend}`)
      this.#backends.delete(backend.name)
    }
  }

  get #default(): DiskBackend {
    return this.#backendNamed(this.#options.imagesType)
  }

  #placer({ id }: GuestSpec): Place {
    const usual = this.#options.imagesType
    return ({ name, device, imagesType = usual }) =>
      this.#backendNamed(device === 'cdrom' ? 'raw' : imagesType).place(id, name)
  }

  /** What goes wrong for lack of room is said so. */
  async #inFolder<T>(id: string, work: () => Promise<T>): Promise<T> {
    const directory = this.#paths.directory(id)
    return withRoom(directory, async () => {
      await mkdir(directory, { recursive: true, mode: 0o711 })
      return work()
    })
  }

  /** The disks of a new guest with their real sizes; a whole device for one of them is its own from here on. */
  async #plan(guest: GuestSpec): Promise<GuestDisk[]> {
    const role = isolatedRole(guest.flavor.extraSpecs)
    const disks: GuestDisk[] = []
    for (const disk of planDisks(guest, this.#placer(guest))) {
      if (disk.role === role) disks.push(await this.#isolated(guest, disk))
      else disks.push(disk.role === 'root' ? await this.#sized(guest, disk, guest.image!) : disk)
    }
    return disks
  }

  async #allSized(guest: GuestSpec, recorded: readonly GuestDisk[]): Promise<GuestDisk[]> {
    const disks: GuestDisk[] = []
    for (const disk of recorded) disks.push(disk.role === 'root' ? await this.#sized(guest, disk, guest.image!) : disk)
    return disks
  }

  async #sized(guest: GuestSpec, disk: GuestDisk, image: GuestImage): Promise<GuestDisk> {
    if (await this.#isAlone(disk)) return disk
    const base = await this.#base(guest, disk, image)
    assertFits(disk, base)
    return { ...disk, size: Math.max(disk.size, base.size), ...aloneAs(image) }
  }

  /** The device decides what fits: an image of such a disk is as large as its device was, not as its flavor. */
  async #isolated(guest: GuestSpec, disk: GuestDisk): Promise<GuestDisk> {
    const { isolated } = this.#options
    if (!isolated) throw fault('IsolatedDiskRefused', { why: 'isolated_disks names none' })
    if (disk.device === 'cdrom') throw fault('GuestInvalid', { why: 'a CD-ROM cannot be a whole device' })
    const base = disk.role === 'root' ? (await this.#base(guest, disk, guest.image!)).size : 0
    const wish = { guest: guest.id, size: Math.max(disk.size, base), among: guest.isolatedDisks }
    const place = await isolated.claim(wish)
    const { virtualSize } = await isolated.facts({ ...disk, ...place })
    return { ...disk, ...place, size: virtualSize, ...(disk.role === 'root' ? aloneAs(guest.image!) : {}) }
  }

  /** The guest's disks are these, and those that it has besides, once they are made. */
  async #noting(guest: GuestSpec, disks: readonly GuestDisk[], make: () => Promise<void>): Promise<void> {
    const others = (await this.#noted(guest.id, DISKS)).filter((disk) => !disks.some((one) => isSame(one, disk)))
    const all = [...disks, ...others]
    // What lies outside the folder must be known though nothing of it is made yet.
    if (disks.some((disk) => this.#backendOf(disk).pool !== 'files')) await this.#note(guest.id, DISKS, all)
    await this.#prepare(guest, disks)
    await make()
    await this.#note(guest.id, DISKS, all)
  }

  #made(guest: GuestSpec, planned: readonly GuestDisk[], make: () => Promise<void>): Promise<void> {
    return this.#inFolder(guest.id, () => this.#noting(guest, planned.filter(isMade), make))
  }

  async #prepare(guest: GuestSpec, disks: readonly GuestDisk[]): Promise<void> {
    for (const [backend, some] of Map.groupBy(disks, (disk) => this.#backendOf(disk))) {
      await backend.prepare?.(guest.id, some)
    }
  }

  async #make(guest: GuestSpec, disk: GuestDisk): Promise<void> {
    switch (disk.role) {
      case 'root':
        return this.#makeRoot(guest, disk, guest.image!)
      case 'ephemeral':
        return this.#backendOf(disk).createBlank(disk, (path) => makeFileSystem(path, this.#fileSystemOf(disk)))
      case 'swap':
        return this.#backendOf(disk).createBlank(disk, makeSwap)
    }
  }

  #fileSystemOf({ guestFormat, label = 'ephemeral0' }: GuestDisk): { type: string; label: string } {
    return { type: guestFormat ?? this.#options.ephemeralFormat ?? 'ext4', label }
  }

  async #makeRoot(guest: GuestSpec, disk: GuestDisk, image: GuestImage): Promise<void> {
    if (!(await this.#isAlone(disk))) await this.#fromImage(guest, disk, image)
    if (!disk.standsAlone) return
    if (disk.format === 'qcow2') await flatten(disk.source.path)
    await rm(this.#paths.file(guest.id, baseLink(disk)), { force: true })
  }

  async #isAlone(disk: GuestDisk): Promise<boolean> {
    if (!disk.standsAlone || !(await this.#backendOf(disk).exists(disk))) return false
    return (await this.facts(disk)).backingFile === null
  }

  async #fromImage(guest: GuestSpec, disk: GuestDisk, image: GuestImage): Promise<void> {
    await this.#backendOf(disk).createFrom(disk, await this.#base(guest, disk, image))
  }

  #base(guest: GuestSpec, disk: GuestDisk, image: GuestImage): Promise<BaseImage> {
    return this.#images.use(image.id, this.#paths.file(guest.id, baseLink(disk)))
  }

  #note(id: string, name: string, disks: readonly GuestDisk[]): Promise<void> {
    return writeAtomically(this.#paths.file(id, name), `${JSON.stringify(disks, null, 2)}\n`)
  }

  /** None while a guest is being made or deleted. */
  async #noted(id: string, name: string): Promise<GuestDisk[]> {
    try {
      return JSON.parse(await readFile(this.#paths.file(id, name), 'utf8')) as GuestDisk[]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  async #mayGrow(disk: GuestDisk, pool: DiskBackend['pool']): Promise<number> {
    const backend = this.#backendOf(disk)
    if (disk.role === 'config' || backend.pool !== pool) return 0
    return (await backend.exists(disk)) ? backend.mayGrow(disk) : 0
  }

  /** Bytes; of a disk that has all that it may take it is any number. */
  async #roomOf(disk: GuestDisk): Promise<number> {
    if (disk.source.kind === 'file') return freeBytes(dirname(disk.source.path))
    const backend = this.#backendOf(disk)
    if (!(await backend.exists(disk)) || (await backend.mayGrow(disk)) === 0) return Number.POSITIVE_INFINITY
    const { total, used } = await backend.space()
    return total - used
  }

  #backendOf({ backend }: Pick<GuestDisk, 'backend'>): DiskBackend {
    return this.#backendNamed(backend)
  }

  #backendNamed(name: string): DiskBackend {
    const backend = this.#backends.get(name)
    if (!backend) throw fault('GuestInvalid', { why: `this host has no disk backend ${name}` })
    return backend
  }
}

function assertFits(disk: GuestDisk, base: BaseImage): void {
  if (disk.size > 0 && disk.size < base.size) {
    throw fault('FlavorDiskSmallerThanImage', { flavorBytes: disk.size, imageBytes: base.size })
  }
}

const aloneAs = ({ standsAlone }: GuestImage): Pick<GuestDisk, 'standsAlone'> => (standsAlone ? { standsAlone } : {})

function noFolder(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}

const isSame = (one: GuestDisk, other: GuestDisk): boolean => one.source.path === other.source.path

const isForRescue = ({ role, source }: GuestDisk): boolean =>
  role === 'rescue' || (role === 'config' && source.path.endsWith('.rescue'))
