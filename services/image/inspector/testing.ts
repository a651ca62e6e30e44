// Images for tests: good ones by qemu-img, evil ones by hand; both ways of inspecting must agree on all of them.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { inspectFile } from './inspect-file.ts'
import { StreamInspector } from './inspect-stream.ts'
import type { Inspection } from './inspection.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** Runs `work` with an empty directory that is removed afterwards. */
export async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-image-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** An image of `size` that qemu-img makes from a disk with the given first bytes. */
export function made(format: string, { size = '8M', options = '', content = NOTHING } = {}): Promise<Buffer> {
  return inDirectory(async (directory) => {
    const source = join(directory, 'source')
    const target = join(directory, 'target')
    await writeFile(source, content)
    await run('qemu-img', ['resize', '-q', '-f', 'raw', source, size])
    const extra = options === '' ? [] : ['-o', options]
    await run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...extra, source, target])
    return readFile(target)
  })
}

function streamed(image: Buffer, chunk = 65_536): Inspection {
  const inspector = new StreamInspector()
  for (let at = 0; at < image.length; at += chunk) inspector.push(image.subarray(at, at + chunk))
  return inspector.finish()
}

/** The inspection of the bytes as a file, after proving that streams of several chunk sizes say the same. */
export function inspected(image: Buffer): Promise<Inspection> {
  return inDirectory(async (directory) => {
    const path = join(directory, 'image')
    await writeFile(path, image)
    const result = await inspectFile(path)
    for (const chunk of [977, 65_536, 3_000_001]) assert.deepEqual(streamed(image, chunk), result, `chunks of ${chunk}`)
    return result
  })
}

/** A copy with the given bytes written at the offset. */
export function patched(image: Buffer, offset: number, bytes: Uint8Array | string): Buffer {
  const copy = Buffer.from(image)
  copy.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, offset)
  return copy
}

export function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

export function be64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export function le64(value: bigint): Buffer {
  return be64(value).reverse()
}

/** The first sectors of a disk with one partition. */
export function partitioned(): Buffer {
  const disk = Buffer.alloc(1024 * 1024)
  disk.set([0x80, 0, 2, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0], 446)
  disk.set([0x55, 0xaa], 510)
  return disk
}

/** A sparse VMDK whose descriptor is the given text. */
export function vmdkWith(descriptor: string): Buffer {
  const image = Buffer.alloc(128 * 1024)
  image.write('KDMV', 0, 'latin1')
  image.writeUInt32LE(1, 4)
  image.writeUInt32LE(3, 8)
  const fields: [number, bigint][] = [
    [12, 16_384n],
    [20, 128n],
    [28, 1n],
    [36, 20n],
    [48, 21n],
    [56, 26n],
    [64, 128n],
  ]
  for (const [at, value] of fields) image.writeBigUInt64LE(value, at)
  image.writeUInt32LE(512, 44)
  image.write(descriptor, 512, 'latin1')
  return image
}

export function vmdkDescriptor({
  createType = 'monolithicSparse',
  extents = 'RW 16384 SPARSE "disk.vmdk"',
} = {}): string {
  return `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="${createType}"\n${extents}\n`
}
