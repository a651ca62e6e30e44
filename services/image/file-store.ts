// The data of images as files of one directory. A file has its final name only once it is whole and on the disk.
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { syncDirectory } from '@kilonova/base/atomic-file'
import { fault } from './faults.ts'

const PART = '.part'
/** `<image id>.<upload>`: each upload writes under its own name, so that a late one never meets another's file. */
const NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{8}$/i
const READ_SIZE = 256 * 1024
const ROOM_CHECKED_EVERY = 64 * 1024 * 1024

export interface Written {
  size: number
  md5: string
  sha512: string
}

export interface ByteRange {
  start: number
  /** The last byte. */
  end: number
}

export class FileStore {
  readonly directory: string
  readonly #reservedBytes: number

  constructor({ directory, reservedBytes }: { directory: string; reservedBytes: number }) {
    this.directory = directory
    this.#reservedBytes = reservedBytes
  }

  /** Makes the directory. Only its owner may look in; the files themselves may be linked elsewhere and read. */
  async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
  }

  /** Throws NoSpace unless that many bytes fit beside the reserve. */
  async ensureRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory)
    if (bavail * bsize - bytes < this.#reservedBytes) throw fault('NoSpace', {})
  }

  /** Writes a file whole, or leaves nothing behind. `name` is `<image id>.<upload>`. */
  async write(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Written> {
    const part = this.path(name + PART)
    try {
      const written = await this.#writePart(part, chunks)
      await rename(part, this.path(name))
      await syncDirectory(this.directory)
      return written
    } catch (error) {
      await rm(part, { force: true })
      await rm(this.path(name), { force: true })
      throw isNoSpace(error) ? fault('NoSpace', {}, error) : error
    }
  }

  async #writePart(part: string, chunks: AsyncIterable<Uint8Array>): Promise<Written> {
    const md5 = createHash('md5')
    const sha512 = createHash('sha512')
    const file = await open(part, 'wx', 0o644)
    let size = 0
    let roomCheckedAt = 0
    try {
      for await (const chunk of chunks) {
        md5.update(chunk)
        sha512.update(chunk)
        await writeSparsely(file, chunk, size)
        size += chunk.length
        if (size - roomCheckedAt >= ROOM_CHECKED_EVERY) {
          await this.ensureRoom(0)
          roomCheckedAt = size
        }
      }
      await file.truncate(size)
      await file.sync()
    } finally {
      await file.close()
    }
    return { size, md5: md5.digest('hex'), sha512: sha512.digest('hex') }
  }

  /** Goes on to read the same data when the file is removed meanwhile. */
  async read(name: string, range?: ByteRange): Promise<Readable> {
    const file = await open(this.path(name), 'r')
    return file.createReadStream({ ...range, highWaterMark: READ_SIZE })
  }

  /** Removes the file and what an interrupted write of it left. In this order no rename can slip between. */
  async remove(name: string): Promise<void> {
    await rm(this.path(name + PART), { force: true })
    await rm(this.path(name), { force: true })
    await syncDirectory(this.directory)
  }

  /** The names of all files, whole ones and parts. */
  async list(): Promise<{ whole: string[]; parts: string[] }> {
    const entries = await readdir(this.directory)
    const parts = entries.filter((entry) => entry.endsWith(PART)).map((entry) => entry.slice(0, -PART.length))
    return { whole: entries.filter((entry) => NAME.test(entry)), parts: parts.filter((name) => NAME.test(name)) }
  }

  path(name: string): string {
    return join(this.directory, name)
  }
}

const BLOCK = 64 * 1024
const ZEROS = Buffer.alloc(BLOCK)

/** Blocks of zeros become holes. */
async function writeSparsely(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let start = 0; start < chunk.length; start += BLOCK) {
    const block = chunk.subarray(start, start + BLOCK)
    if (!ZEROS.subarray(0, block.length).equals(block)) await writeAll(file, block, position + start)
  }
}

async function writeAll(file: FileHandle, block: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < block.length; ) {
    const { bytesWritten } = await file.write(block, at, block.length - at, position + at)
    at += bytesWritten
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}
