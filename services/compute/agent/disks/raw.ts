// Disks as sparse raw files.
import { rm, stat, truncate } from 'node:fs/promises'
import type { GuestDisk } from '../guest-spec.ts'
import type { BaseImage, DiskBackend } from './disk-backend.ts'
import { convert, createBlank } from './qemu-img.ts'
import { fileExists, makeWhole } from './whole-file.ts'

export const rawDisks: DiskBackend = {
  name: 'raw',

  async createFrom(disk: GuestDisk, base: BaseImage): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, async (temporary) => {
      await convert({ from: base.path, fromFormat: 'raw', to: temporary, toFormat: 'raw' })
      if (disk.size > base.size) await truncate(temporary, disk.size)
    })
  },

  async createBlank(disk, format): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, async (temporary) => {
      await createBlank(temporary, 'raw', disk.size)
      await format?.(temporary)
    })
  },

  exists: (disk) => fileExists(disk.source.path),

  async mayGrow(disk): Promise<number> {
    const { size, blocks } = await stat(disk.source.path)
    return Math.max(0, size - blocks * 512)
  },

  remove: (disk) => rm(disk.source.path, { force: true }),
}
