// Devices for tests: files as loop devices, and a volume group on one, also where the kernel has no device-mapper.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { VolumeGroup } from './volume-group.ts'

export const HAS_DEVICE_MAPPER = existsSync('/dev/mapper/control')

export interface LoopDevice {
  path: string
  detach(): Promise<void>
}

/** A file of `size` bytes as a block device of its own. */
export async function loopDevice(file: string, size: number): Promise<LoopDevice> {
  const handle = await open(file, 'a')
  await handle.truncate(size)
  await handle.close()
  const { stdout } = await run('losetup', ['--find', '--show', file])
  const path = stdout.trim()
  return { path, detach: async () => void (await run('losetup', ['--detach', path])) }
}

/** A volume group on a loop device, with LVM configured to see nothing else. */
export class TestVolumeGroup {
  readonly name = `kn${systemRandom.bytes(5).toString('hex')}`
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  #loop: LoopDevice

  private constructor(directory: string, loop: LoopDevice) {
    this.directory = directory
    this.#loop = loop
    this.env = { ...process.env, LVM_SYSTEM_DIR: join(directory, 'lvm') }
  }

  /** What another process finds it by. */
  get place(): VolumeGroupPlace {
    return { name: this.name, directory: this.directory, device: this.#loop.path }
  }

  static async make(size: number): Promise<TestVolumeGroup> {
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-vg-'))
    const loop = await loopDevice(join(directory, 'pv'), size)
    const group = new TestVolumeGroup(directory, loop)
    await mkdir(join(directory, 'lvm'))
    await mkdir(join(directory, 'volumes'))
    const filter = `filter = [ "a|^${loop.path}$|", "r|.*|" ] use_devicesfile = 0`
    const config = `global { activation = ${HAS_DEVICE_MAPPER ? 1 : 0} } devices { ${filter} } backup { backup = 0 archive = 0 }`
    await writeFile(join(directory, 'lvm', 'lvm.conf'), `${config}\n`)
    await run('vgcreate', ['--alloc', 'contiguous', group.name, loop.path], { env: group.env })
    return group
  }

  /** As the product opens it; without device-mapper each volume's place on the disk is mapped by a loop device. */
  group(cloudTag = 'test'): VolumeGroup {
    return volumeGroupAt(this.place, cloudTag)
  }

  async close(): Promise<void> {
    const group = this.group()
    if (group instanceof LoopVolumeGroup) await group.unmapAll()
    await run('vgremove', ['-f', this.name], { env: this.env })
    await this.#loop.detach()
    await rm(this.directory, { recursive: true })
  }
}

export interface VolumeGroupPlace {
  name: string
  directory: string
  /** Its physical volume. */
  device: string
}

export function volumeGroupAt({ name, directory, device }: VolumeGroupPlace, cloudTag: string): VolumeGroup {
  const options = { name, cloudTag, env: { ...process.env, LVM_SYSTEM_DIR: join(directory, 'lvm') } }
  if (HAS_DEVICE_MAPPER) return new VolumeGroup(options)
  return new LoopVolumeGroup(options, device, join(directory, 'volumes'))
}

class LoopVolumeGroup extends VolumeGroup {
  readonly #device: string
  readonly #directory: string
  readonly #lvmEnv: NodeJS.ProcessEnv

  constructor(options: { name: string; cloudTag: string; env: NodeJS.ProcessEnv }, device: string, directory: string) {
    super(options)
    this.#device = device
    this.#directory = directory
    this.#lvmEnv = options.env
  }

  override path(volume: string): string {
    return join(this.#directory, volume)
  }

  /** Maps what is there now, as device-mapper would: a process that died has left the mapping half-way. */
  override async open(): Promise<void> {
    await super.open()
    const volumes = (await this.list()).map(({ name }) => name)
    const mapped = await readdir(this.#directory)
    for (const name of mapped) if (!volumes.includes(name)) await this.#unmap(name)
    for (const name of volumes) if (!mapped.includes(name)) await this.#map(name)
  }

  override async create(volume: string, size: number): Promise<void> {
    await super.create(volume, size)
    await this.#map(volume)
  }

  override async extend(volume: string, size: number): Promise<void> {
    try {
      await super.extend(volume, size)
      await this.#unmap(volume)
      await this.#map(volume)
    } catch {
      await this.#move(volume, size)
    }
  }

  override async rename(from: string, to: string): Promise<void> {
    await super.rename(from, to)
    await this.#unmap(from)
    await this.#map(to)
  }

  override async remove(volume: string): Promise<void> {
    await this.#unmap(volume)
    await super.remove(volume)
  }

  /** A volume that others stand behind cannot stay in one piece: it moves. */
  async #move(volume: string, size: number): Promise<void> {
    const moved = `${volume}.moved`
    await this.create(moved, size)
    await run('dd', [
      `if=${this.path(volume)}`,
      `of=${this.path(moved)}`,
      'bs=1M',
      'conv=sparse,notrunc',
      'status=none',
    ])
    await this.remove(volume)
    await this.rename(moved, volume)
  }

  async unmapAll(): Promise<void> {
    for (const volume of await readdir(this.#directory)) await this.#unmap(volume)
  }

  async #map(volume: string): Promise<void> {
    const [offset, length] = await this.#extentOf(volume)
    const place = ['--offset', String(offset), '--sizelimit', String(length)]
    const { stdout } = await run('losetup', ['--find', '--show', ...place, this.#device])
    await symlink(stdout.trim(), this.path(volume))
  }

  async #unmap(volume: string): Promise<void> {
    const path = this.path(volume)
    const loop = await readlink(path).catch(() => undefined)
    if (loop === undefined) return
    await run('losetup', ['--detach', loop])
    await rm(path)
  }

  /** Where the volume's only segment lies on the device: offset and length in bytes. */
  async #extentOf(volume: string): Promise<[number, number]> {
    const ask = async (command: string, ...args: string[]): Promise<string[]> => {
      const plain = ['--noheadings', '--units', 'b', '--nosuffix']
      const { stdout } = await run(command, [...plain, ...args], { env: this.#lvmEnv })
      return stdout.trim().split(/\s+/)
    }
    const [range = ''] = await ask('lvs', '-o', 'seg_pe_ranges', `${this.name}/${volume}`)
    const [start, extent] = (await ask('pvs', '-o', 'pe_start,vg_extent_size', this.#device)).map(Number)
    const [first, last] = /:(\d+)-(\d+)$/.exec(range)!.slice(1).map(Number)
    return [start! + first! * extent!, (last! - first! + 1) * extent!]
  }
}
