// qcow2 disks that a server has to itself: one logical volume each, with a file system on it, mounted in its folder.
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import type { GuestDisk } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import type { Clearing } from './clear-device.ts'
import type { DiskBackend, DiskPlace, Holding, PoolSpace } from './disk-backend.ts'
import { MB } from './disk-mapping.ts'
import { discard, PART } from './lvm.ts'
import { mountedOn, mountsUnder } from './mounts.ts'
import { Qcow2Disks } from './qcow2.ts'
import type { LogicalVolume, VolumeGroup } from './volume-group.ts'

const SUFFIX = '_files'
/** MB that the file system keeps for itself, besides its share of the size. */
const OVERHEAD_MB = 64
const JOURNAL_MB = 16
/** MB at the end of a volume that a file system may leave out. */
const LOST_MB = 16
/** Of a disk's size: tables of qcow2 and of the file system. */
const SHARE = 1 / 64
const MKFS_PATIENCE = 600_000

/** Bytes of the volume that holds all these disks however full they are. */
function roomFor(disks: readonly GuestDisk[]): number {
  const sizes = disks.reduce((sum, { size }) => sum + size, 0)
  return Math.ceil(sizes * (1 + SHARE)) + OVERHEAD_MB * MB
}

export class LvmQcow2Disks extends Qcow2Disks {
  override readonly name = 'lvm_qcow2'
  override readonly pool: DiskBackend['pool'] = 'volume-group'
  readonly #group: VolumeGroup
  readonly #clearing: Clearing

  constructor(paths: InstancePaths, group: VolumeGroup, clearing: Clearing) {
    super(paths)
    this.#group = group
    this.#clearing = clearing
  }

  override async open(): Promise<void> {
    await this.#group.open()
    for (const volume of await this.#mine()) {
      if (volume.name.endsWith(PART)) await this.#remove(volume)
      else await this.#reopen(guestOf(volume))
    }
  }

  /** Disks for a rescue come and go: they lie beside the volume. */
  override place(guest: string, name: string): DiskPlace {
    const path = this.paths.file(guest, name)
    if (name === 'disk.rescue') return { backend: 'qcow2', source: { kind: 'file', path }, format: 'qcow2' }
    const source = { kind: 'file', path: join(this.#folder(guest), name) } as const
    return { backend: this.name, source, format: this.format }
  }

  async prepare(guest: string, disks: readonly GuestDisk[]): Promise<void> {
    const [size, name] = [roomFor(disks), `${guest}${SUFFIX}`]
    const volume = await this.#group.find(name)
    if (!volume) await this.#make(name, size)
    else if (volume.size < size || (await fileSystemSize(this.#group.path(name))) + LOST_MB * MB < volume.size) {
      await this.#extend(guest, Math.max(size, volume.size))
    }
    await this.#mount(guest)
  }

  override async mayGrow(_disk: GuestDisk): Promise<number> {
    return 0
  }

  override async removeGuest(guest: string): Promise<void> {
    for (const volume of await this.#mine()) if (guestOf(volume) === guest) await this.#remove(volume)
  }

  override space(): Promise<PoolSpace> {
    return this.#group.space()
  }

  async holdings(): Promise<Holding[]> {
    const volumes = await this.#mine()
    const mounts = await mountsUnder(this.paths.root)
    return [
      ...volumes.map((volume): Holding => ({ kind: 'logical-volume', id: volume.name, guest: guestOf(volume) })),
      ...mounts.map((path): Holding => ({ kind: 'mount', id: path, guest: this.paths.guestOf(path) })),
    ]
  }

  #folder(guest: string): string {
    return this.paths.file(guest, 'disk')
  }

  async #make(name: string, size: number): Promise<void> {
    const part = `${name}${PART}`
    const left = await this.#group.find(part)
    if (left) await this.#remove(left)
    await this.#group.create(part, size)
    // Few large files: inodes and reserved blocks would only take their room.
    const options = ['-q', '-F', '-m', '0', '-T', 'largefile4', '-J', `size=${JOURNAL_MB}`, '-L', 'kilonova']
    await run('mkfs.ext4', [...options, this.#group.path(part)], { timeout: MKFS_PATIENCE, endsWithUs: true })
    await this.#group.rename(part, name)
  }

  /** Also what a crash left half-extended. The guest is off. */
  async #extend(guest: string, size: number): Promise<void> {
    const name = `${guest}${SUFFIX}`
    const path = this.#group.path(name)
    await this.#unmount(guest)
    if ((await this.#group.find(name))!.size < size) await this.#group.extend(name, size)
    await run('e2fsck', ['-f', '-p', path], { accept: [0, 1], timeout: MKFS_PATIENCE })
    await run('resize2fs', [path], { timeout: MKFS_PATIENCE })
  }

  async #mount(guest: string): Promise<void> {
    const folder = this.#folder(guest)
    if (await mountedOn(folder)) return
    await mkdir(folder, { recursive: true, mode: 0o711 })
    await run('mount', [
      ...['-t', 'ext4', '-o', 'nodev,nosuid,noexec,discard'],
      ...[this.#group.path(`${guest}${SUFFIX}`), folder],
    ])
  }

  async #unmount(guest: string): Promise<void> {
    const folder = this.#folder(guest)
    if (await mountedOn(folder)) await run('umount', [folder])
  }

  /** After a restart of the host, or of this process. */
  async #reopen(guest: string): Promise<void> {
    await this.#mount(guest)
    const folder = this.#folder(guest)
    const parts = (await readdir(folder)).filter((file) => file.includes(PART))
    for (const part of parts) await rm(join(folder, part), { force: true })
  }

  async #remove(volume: LogicalVolume): Promise<void> {
    await this.#unmount(guestOf(volume))
    await rmdir(this.#folder(guestOf(volume))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    await discard(this.#group, volume, this.#clearing)
  }

  async #mine(): Promise<LogicalVolume[]> {
    const mine = new RegExp(`^[0-9a-f-]{36}${SUFFIX}(${RegExp.escape(PART)})?$`)
    return (await this.#group.list()).filter(({ name }) => mine.test(name))
  }
}

/** Bytes, up to the last part that is too small to be used. */
async function fileSystemSize(path: string): Promise<number> {
  const { stdout } = await run('dumpe2fs', ['-h', path], { env: { ...process.env, LC_ALL: 'C' } })
  const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(stdout)?.[1])
  return number('Block count') * number('Block size')
}

function guestOf({ name }: LogicalVolume): string {
  return name.split('_')[0]!
}
