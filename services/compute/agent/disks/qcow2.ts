// Disks as qcow2 overlays on the cached raw image.
import { rm, stat } from 'node:fs/promises'
import type { GuestDisk } from '../guest-spec.ts'
import type { BaseImage, DiskFacts } from './disk-backend.ts'
import { FileDisks } from './file-disks.ts'
import { convert, createBlank, createOverlay, imageInfo, resize } from './qemu-img.ts'
import { fileExists, makeWhole } from './whole-file.ts'

export class Qcow2Disks extends FileDisks {
  readonly name: string = 'qcow2'
  readonly format = 'qcow2'

  async createFrom(disk: GuestDisk, base: BaseImage): Promise<void> {
    const { path } = disk.source
    if (await fileExists(path)) return
    await makeWhole(path, (temporary) => createOverlay(temporary, base.path, Math.max(disk.size, base.size)))
  }

  async createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void> {
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
  }

  async grow(disk: GuestDisk, size: number): Promise<void> {
    const { virtualSize } = await this.facts(disk)
    if (virtualSize < size) await resize(disk.source.path, 'qcow2', size)
  }

  async facts({ source }: GuestDisk): Promise<DiskFacts> {
    return { path: source.path, format: 'qcow2', ...(await imageInfo(source.path, 'qcow2')) }
  }

  async mayGrow(disk: GuestDisk): Promise<number> {
    const { blocks } = await stat(disk.source.path)
    return Math.max(0, disk.size - blocks * 512)
  }
}
