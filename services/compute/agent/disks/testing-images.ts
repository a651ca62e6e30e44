// Images for tests of disks: any content in any format, handed out as a file or as a stream.
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { run } from '@kilonova/base/command'
import type { GuestDisk, GuestImage } from '../guest-spec.ts'
import { makeImage } from '../testing.ts'
import type { ImageSource } from './image-cache.ts'

export class TestImages implements ImageSource {
  opened = 0
  streams = false
  #directory: string
  #files = new Map<string, string>()

  constructor(directory: string) {
    this.#directory = directory
  }

  async add(content: Buffer, format: string): Promise<GuestImage> {
    const image = makeImage({ diskFormat: format })
    const raw = join(this.#directory, `${image.id}.raw`)
    await writeFile(raw, content)
    const path = join(this.#directory, image.id)
    const qemuFormat = format === 'iso' ? 'raw' : format
    await run('qemu-img', ['convert', '-f', 'raw', '-O', qemuFormat, raw, path])
    this.#files.set(image.id, path)
    return image
  }

  async open(imageId: string): Promise<{ path: string } | { stream: Readable }> {
    this.opened += 1
    const path = this.#files.get(imageId)!
    return this.streams ? { stream: Readable.from([await readFile(path)]) } : { path }
  }

  /** The first bytes that a guest would read. */
  async read(disk: Pick<GuestDisk, 'source' | 'format'>, length: number): Promise<Buffer> {
    const { path } = disk.source
    const raw = disk.format === 'raw' ? path : join(this.#directory, 'out')
    if (raw !== path) await run('qemu-img', ['convert', '-f', disk.format, '-O', 'raw', path, raw])
    const file = await open(raw)
    try {
      return (await file.read(Buffer.alloc(length), 0, length, 0)).buffer
    } finally {
      await file.close()
    }
  }
}
