// Whole devices of the host, each for one guest at a time. Which guest has which is noted in files that outlive us.
import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeAtomically } from '@kilonova/base/atomic-file'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { fault } from '../faults.ts'
import type { GuestDisk, IsolatedDisk } from '../guest-spec.ts'
import { blockDevice, troubleOf } from './block-device.ts'
import type { DeviceWish } from './choose-device.ts'
import { chooseDevice, devicePlace } from './choose-device.ts'
import type { Clearing } from './clear-device.ts'
import { clearDevice } from './clear-device.ts'
import type { BaseImage, DiskBackend, DiskFacts, DiskPlace, Holding, PoolSpace } from './disk-backend.ts'
import { convert } from './qemu-img.ts'

/** The note of a device that a guest has. */
interface Assignment {
  path: string
  guest: string
  /** The image, or file system, is on it: whole. */
  written: boolean
  /** Of the disk that is meant; absent: the first. */
  generation?: string
}

export interface IsolatedDisksOptions {
  /** isolated_disks */
  devices: readonly string[]
  /** Where the notes are. */
  directory: string
  clearing: Clearing
}

export class IsolatedDisks implements DiskBackend {
  readonly name = 'isolated'
  readonly pool = 'devices'
  readonly #options: IsolatedDisksOptions

  constructor(options: IsolatedDisksOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { directory } = this.#options
    const drafts = (await this.#notes()).filter(isDraft)
    for (const draft of drafts) await rm(join(directory, draft), { force: true })
  }

  /** All devices of the configuration, and those that guests still have. */
  async disks(): Promise<IsolatedDisk[]> {
    const assigned = new Map((await this.#assignments()).map(({ path, guest }) => [path, guest]))
    const paths = new Set([...this.#options.devices, ...assigned.keys()])
    return Promise.all(
      [...paths].map(async (path) => {
        const guest = assigned.get(path) ?? null
        return { path, ...(await blockDevice(path)), guest, trouble: guest ? null : await troubleOf(path) }
      }),
    )
  }

  /** Gives the guest the smallest free device that is large enough; it keeps the one that it has. */
  async claim(wish: DeviceWish): Promise<DiskPlace> {
    for (;;) {
      const { device, why } = chooseDevice(await this.disks(), wish)
      if (!device) throw fault('IsolatedDiskRefused', { why })
      const { path, guest } = device
      const isOurs = guest !== null || (await this.#assign({ path, guest: wish.guest, written: false }))
      if (isOurs) return devicePlace(path)
    }
  }

  place(): DiskPlace {
    throw new Error('a whole device is claimed before it is a place')
  }

  /** Throws IsolatedDiskRefused unless the devices are this guest's. */
  async prepare(guest: string, disks: readonly GuestDisk[]): Promise<void> {
    for (const { source } of disks) {
      const assignment = await this.#assignment(source.path)
      if (!assignment) await this.claim({ guest, size: 0, among: [source.path] })
      else if (assignment.guest !== guest) {
        throw fault('IsolatedDiskRefused', { why: `${source.path} is the disk of ${assignment.guest}` })
      }
    }
  }

  createFrom(disk: GuestDisk, base: BaseImage): Promise<void> {
    return this.#write(disk, (path) =>
      convert({ from: base.path, fromFormat: 'raw', to: path, toFormat: 'raw', cache: 'none', isThere: true }),
    )
  }

  createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void> {
    return this.#write(disk, async (path) => format?.(path))
  }

  async exists(disk: GuestDisk): Promise<boolean> {
    const assignment = await this.#assignment(disk.source.path)
    return assignment !== undefined && isWritten(assignment, disk)
  }

  async grow(disk: GuestDisk, size: number): Promise<void> {
    const { virtualSize } = await this.facts(disk)
    if (virtualSize < size) throw fault('ResizeError', { why: 'A disk that is a whole device cannot grow.' })
  }

  async facts({ source }: GuestDisk): Promise<DiskFacts> {
    const { size } = await blockDevice(source.path)
    return { path: source.path, format: 'raw', backingFile: null, virtualSize: size }
  }

  async mayGrow(): Promise<number> {
    return 0
  }

  async remove({ source }: GuestDisk): Promise<void> {
    const assignment = await this.#assignment(source.path)
    if (assignment) await this.#release(assignment)
  }

  async removeGuest(guest: string): Promise<void> {
    for (const assignment of await this.#assignments()) if (assignment.guest === guest) await this.#release(assignment)
  }

  async space(): Promise<PoolSpace> {
    const disks = await this.disks()
    const sum = (some: IsolatedDisk[]): number => some.reduce((total, { size }) => total + size, 0)
    return { total: sum(disks), used: sum(disks.filter(({ guest }) => guest !== null)) }
  }

  async holdings(): Promise<Holding[]> {
    return (await this.#assignments()).map(({ path, guest }) => ({ kind: 'isolated-disk', id: path, guest }))
  }

  async #write(disk: GuestDisk, write: (path: string) => Promise<void>): Promise<void> {
    const { path } = disk.source
    const assignment = await this.#assignment(path)
    if (!assignment) throw fault('IsolatedDiskRefused', { why: `${path} is the disk of no guest` })
    if (isWritten(assignment, disk)) return
    const { guest } = assignment
    const { generation } = disk
    const made = { path, guest, ...(generation === undefined ? {} : { generation }) }
    if (generation !== undefined) {
      await this.#keep({ ...made, written: false }) // before the first byte of the old content goes
      await this.#clear(path)
    }
    const trouble = await troubleOf(path)
    if (trouble) throw fault('IsolatedDiskRefused', { why: `${path} ${trouble}` })
    await write(path)
    await run('blockdev', ['--flushbufs', path])
    await this.#keep({ ...made, written: true })
  }

  #keep(assignment: Assignment): Promise<void> {
    return writeAtomically(this.#note(assignment.path), JSON.stringify(assignment))
  }

  /** False when another was faster. */
  async #assign(assignment: Assignment): Promise<boolean> {
    const { directory } = this.#options
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const draft = join(directory, `.${systemRandom.uuid()}`)
    await writeAtomically(draft, JSON.stringify(assignment))
    try {
      await link(draft, this.#note(assignment.path))
      await syncDirectory(directory)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      await rm(draft, { force: true })
    }
  }

  /** The guest has it until it is cleared. */
  async #release({ path }: Assignment): Promise<void> {
    await this.#clear(path)
    await rm(this.#note(path), { force: true })
    await syncDirectory(this.#options.directory)
  }

  async #clear(path: string): Promise<void> {
    const { size } = await blockDevice(path)
    if (size === 0) throw fault('IsolatedDiskRefused', { why: `${path} is not there to be cleared` })
    await clearDevice(path, size, this.#options.clearing)
    // Signatures that stay would make it look as somebody's.
    await run('wipefs', ['--all', '--quiet', path])
  }

  async #assignments(): Promise<Assignment[]> {
    const names = (await this.#notes()).filter((name) => !isDraft(name))
    const found = await Promise.all(names.map((name) => this.#assignment(decodeURIComponent(name))))
    return found.filter((assignment) => assignment !== undefined)
  }

  async #assignment(path: string): Promise<Assignment | undefined> {
    try {
      return JSON.parse(await readFile(this.#note(path), 'utf8')) as Assignment
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #notes(): Promise<string[]> {
    return readdir(this.#options.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
  }

  #note(path: string): string {
    return join(this.#options.directory, encodeURIComponent(path))
  }
}

/** A record older than what is on the device never has it written again. */
const isWritten = ({ written, generation }: Assignment, disk: GuestDisk): boolean =>
  written && (disk.generation === undefined || disk.generation === generation)

const isDraft = (name: string): boolean => name.startsWith('.')
