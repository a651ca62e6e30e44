// Disks as sparse raw files.
import { stat, truncate } from 'node:fs/promises'
import type { GuestDisk } from '../guest-spec.ts'
import type { BaseImage, DiskFacts } from './disk-backend.ts'
import { FileDisks } from './file-disks.ts'
import { convert, createBlank } from './qemu-img.ts'
import { fileExists, makeWhole } from './whole-file.ts'

export class RawDisks extends FileDisks {
  readonly name = 'raw'
  readonly format = 'raw'

  async createFrom(disk: GuestDisk, base: BaseImage): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, async (temporary) => {
      await convert({ from: base.path, fromFormat: 'raw', to: temporary, toFormat: 'raw' })
      if (disk.size > base.size) await truncate(temporary, disk.size)
    })
  }

  async createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, async (temporary) => {
      await createBlank(temporary, 'raw', disk.size)
      await format?.(temporary)
    })
  }

  async grow({ source }: GuestDisk, size: number): Promise<void> {
    if ((await stat(source.path)).size < size) await truncate(source.path, size)
  }

  async facts({ source }: GuestDisk): Promise<DiskFacts> {
    const { size } = await stat(source.path)
    return { path: source.path, format: 'raw', backingFile: null, virtualSize: size }
  }

  async mayGrow({ source }: GuestDisk): Promise<number> {
    const { size, blocks } = await stat(source.path)
    return Math.max(0, size - blocks * 512)
  }
}
