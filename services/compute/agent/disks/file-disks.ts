// What all disks in files have in common.
import { rm, statfs } from 'node:fs/promises'
import type { GuestDisk } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import type { BaseImage, DiskBackend, DiskFacts, DiskPlace, PoolSpace } from './disk-backend.ts'
import { fileExists } from './whole-file.ts'

export abstract class FileDisks implements DiskBackend {
  abstract readonly name: string
  abstract readonly format: GuestDisk['format']
  readonly pool: DiskBackend['pool'] = 'files'
  protected readonly paths: InstancePaths

  constructor(paths: InstancePaths) {
    this.paths = paths
  }

  abstract createFrom(disk: GuestDisk, base: BaseImage): Promise<void>
  abstract createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void>
  abstract grow(disk: GuestDisk, size: number): Promise<void>
  abstract facts(disk: GuestDisk): Promise<DiskFacts>
  abstract mayGrow(disk: GuestDisk): Promise<number>

  async open(): Promise<void> {}

  place(guest: string, name: string): DiskPlace {
    return { backend: this.name, source: { kind: 'file', path: this.paths.file(guest, name) }, format: this.format }
  }

  exists(disk: GuestDisk): Promise<boolean> {
    return fileExists(disk.source.path)
  }

  remove(disk: DiskPlace): Promise<void> {
    return rm(disk.source.path, { force: true })
  }

  /** Everything lies in the guest's folder. */
  async removeGuest(_guest: string): Promise<void> {}

  space(): Promise<PoolSpace> {
    return spaceOf(this.paths.root)
  }
}

async function spaceOf(path: string): Promise<PoolSpace> {
  const { bsize, blocks, bavail } = await statfs(path)
  return { total: blocks * bsize, used: (blocks - bavail) * bsize }
}
