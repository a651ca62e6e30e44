// Disks as qcow2 overlays on the cached raw image.
import { rm, stat } from 'node:fs/promises'
import type { DiskBackend } from './disk-backend.ts'
import { convert, createBlank, createOverlay } from './qemu-img.ts'
import { fileExists, makeWhole } from './whole-file.ts'

export const qcow2Disks: DiskBackend = {
  name: 'qcow2',

  async createFrom(disk, base): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, (temporary) => createOverlay(temporary, base.path, Math.max(disk.size, base.size)))
  },

  async createBlank(disk, format): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    if (!format) return makeWhole(path, (temporary) => createBlank(temporary, 'qcow2', disk.size))
    await makeWhole(path, async (temporary) => {
      const raw = `${temporary}.raw`
      try {
        await createBlank(raw, 'raw', disk.size)
        await format(raw)
        await convert({ from: raw, fromFormat: 'raw', to: temporary, toFormat: 'qcow2' })
      } finally {
        await rm(raw, { force: true })
      }
    })
  },

  exists: (disk) => fileExists(disk.source.path),

  async mayGrow(disk): Promise<number> {
    const { blocks } = await stat(disk.source.path)
    return Math.max(0, disk.size - blocks * 512)
  },

  remove: (disk) => rm(disk.source.path, { force: true }),
}
