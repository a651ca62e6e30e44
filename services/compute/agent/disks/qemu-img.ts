// The few qemu-img commands in use. Formats are always named, never guessed, and each runs under limits.
import { CommandFailed, run } from '@kilonova/base/command'
import { fault } from '../faults.ts'
import type { GuestDisk } from '../guest-spec.ts'

export type DiskFormat = GuestDisk['format']

interface Limits {
  /** Seconds of processor time. */
  cpu: number
  /** Bytes of address space. */
  memory: number
  /** Milliseconds of wall time. */
  wall: number
}

const QUICK: Limits = { cpu: 30, memory: 2 ** 30, wall: 60_000 }
const CONVERT: Limits = { cpu: 3600, memory: 2 ** 31, wall: 7_200_000 }

async function qemuImg(path: string, limits: Limits, ...args: string[]): Promise<string> {
  const bounded = [`--as=${limits.memory}`, `--cpu=${limits.cpu}`, '--', 'qemu-img', ...args]
  try {
    const { stdout } = await run('prlimit', bounded, {
      timeout: limits.wall,
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

/** A path as qemu-img's argument: `file:` keeps a name with a colon from being read as a protocol. */
const asFile = (path: string): string => `file:${path}`

/** Makes an empty disk. */
export async function createBlank(path: string, format: DiskFormat, size: number): Promise<void> {
  await qemuImg(path, QUICK, 'create', '-q', '-f', format, path, String(size))
}

/** Makes a qcow2 overlay of `size` bytes over a raw base. */
export async function createOverlay(path: string, base: string, size: number): Promise<void> {
  await qemuImg(path, QUICK, 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, path, String(size))
}

export interface Convert {
  from: string
  fromFormat: string
  to: string
  toFormat: DiskFormat
}

/** Copies a whole image, leaving out what is zero. */
export async function convert({ from, fromFormat, to, toFormat }: Convert): Promise<void> {
  const formats = ['-f', fromFormat, '-O', toFormat]
  await qemuImg(to, CONVERT, 'convert', '-q', '-t', 'writeback', ...formats, asFile(from), to)
}

/** The size that a guest sees, in bytes. */
export async function virtualSize(path: string, format: string): Promise<number> {
  const text = await qemuImg(path, QUICK, 'info', '--output=json', '-U', '-f', format, asFile(path))
  const size = (JSON.parse(text) as Record<string, unknown>)['virtual-size']
  if (typeof size !== 'number') throw new Error(`qemu-img info of ${path} names no size`)
  return size
}
