// The few qemu-img commands in use. Formats are always named, never guessed, and each runs under limits.
import { isAbsolute } from 'node:path'
import { CommandFailed, run } from '@kilonova/base/command'
import { fault } from '../faults.ts'
import type { GuestDisk } from '../guest-spec.ts'
import type { ExtractFormat } from './guest-storage.ts'

export type DiskFormat = GuestDisk['format']

interface Limits {
  /** Seconds of processor time. */
  cpu: number
  /** Bytes of address space. */
  memory: number
  /** Milliseconds of wall time. */
  wall: number
  /** Bytes of the largest file that may be written; absent: nothing bounds it. */
  file?: number
  /** Ends it. */
  signal?: AbortSignal | undefined
}

const QUICK: Limits = { cpu: 30, memory: 2 ** 30, wall: 60_000 }
const CONVERT: Limits = { cpu: 3600, memory: 2 ** 31, wall: 7_200_000 }

/** Names of other kinds could be read as protocols (`nbd:…`), or as options (`-…`). */
function mustBeAbsolute(path: string): void {
  if (!isAbsolute(path)) throw new TypeError(`${path} is not an absolute path`)
}

/** Bytes by which a file of any format may exceed the disk in it: tables, and a header. */
const overhead = (size: number): number => 2 ** 24 + Math.ceil(size / 256)

async function qemuImg(path: string, limits: Limits, ...args: string[]): Promise<string> {
  mustBeAbsolute(path)
  const bounds = [`--as=${limits.memory}`, `--cpu=${limits.cpu}`]
  if (limits.file !== undefined) bounds.push(`--fsize=${limits.file}`)
  try {
    const { stdout } = await run('prlimit', [...bounds, '--', 'qemu-img', ...args], {
      timeout: limits.wall,
      endsWithUs: true,
      ...(limits.signal ? { signal: limits.signal } : {}),
      env: { ...process.env, LC_ALL: 'C' },
    })
    return stdout
  } catch (error) {
    if (error instanceof CommandFailed && /No space left on device/.test(error.stderr)) {
      throw fault('HostOutOfRoom', { path }, error)
    }
    throw error
  }
}

/** Makes an empty disk. */
export async function createBlank(path: string, format: DiskFormat, size: number): Promise<void> {
  const limits = { ...QUICK, file: size + overhead(size) }
  await qemuImg(path, limits, 'create', '-q', '-f', format, path, String(size))
}

/** Makes a qcow2 overlay of `size` bytes over a raw base. */
export async function createOverlay(path: string, base: string, size: number): Promise<void> {
  const limits = { ...QUICK, file: overhead(size) }
  await qemuImg(path, limits, 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, path, String(size))
}

/** Makes a disk that no guest runs from larger. */
export async function resize(path: string, format: DiskFormat, size: number): Promise<void> {
  const limits = { ...QUICK, file: size + overhead(size) }
  await qemuImg(path, limits, 'resize', '-q', '-f', format, path, String(size))
}

export interface Convert {
  from: string
  fromFormat: string
  to: string
  toFormat: ExtractFormat
  /** How the target is written; `none` where it knows O_DIRECT. Default `writeback`. */
  cache?: 'none' | 'writeback'
  /** Only qcow2 can be. */
  compress?: boolean
  signal?: AbortSignal | undefined
  /** The target is a device, which is written from its beginning. */
  isThere?: boolean
}

/** Copies a whole image, leaving out what is zero. What the target takes from the host is bounded by the source's size. */
export async function convert(asked: Convert): Promise<void> {
  const { from, fromFormat, to, toFormat, cache = 'writeback', compress = false, isThere = false } = asked
  mustBeAbsolute(from)
  const { virtualSize } = await imageInfo(from, fromFormat)
  const limits = { ...CONVERT, file: virtualSize + overhead(virtualSize), signal: asked.signal }
  const how = ['-q', '-t', cache, ...(compress ? ['-c'] : []), ...(isThere ? ['-n'] : [])]
  await qemuImg(to, limits, 'convert', ...how, '-O', toFormat, '-f', fromFormat, from, to)
}

/** Takes into a qcow2 disk all that it stands on; interrupted, it goes on when repeated. */
export async function flatten(path: string): Promise<void> {
  const { virtualSize } = await imageInfo(path, 'qcow2')
  const limits = { ...CONVERT, file: virtualSize + overhead(virtualSize) }
  await qemuImg(path, limits, 'rebase', '-q', '-t', 'writeback', '-f', 'qcow2', '-b', '', path)
}

/** What the header of an image says. */
export async function imageInfo(
  path: string,
  format: string,
): Promise<{ virtualSize: number; backingFile: string | null }> {
  const text = await qemuImg(path, QUICK, 'info', '--output=json', '-U', '-f', format, path)
  const { 'virtual-size': virtualSize, 'backing-filename': backingFile = null } = JSON.parse(text) as {
    'virtual-size'?: number
    'backing-filename'?: string
  }
  if (typeof virtualSize !== 'number') throw new Error(`qemu-img info of ${path} names no size`)
  return { virtualSize, backingFile }
}

/** The size that a guest sees, in bytes. */
export async function virtualSize(path: string, format: string): Promise<number> {
  return (await imageInfo(path, format)).virtualSize
}

/** Lets an overlay of a raw base stand on the same base at another place. */
export async function rebase(path: string, base: string): Promise<void> {
  await qemuImg(path, QUICK, 'rebase', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', base, path)
}
