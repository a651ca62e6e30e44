// A host that has no room left says so in many ways; its users are told in one.
import { statfs } from 'node:fs/promises'
import { CommandFailed } from '@kilonova/base/command'
import { fault } from '../faults.ts'

const FULL = /No space left on device|insufficient free space|Insufficient suitable|Disk quota exceeded|File too large/i
const FULL_CODES = ['ENOSPC', 'EDQUOT']

/** Bytes without which a pool or a file system counts as full. */
export const LEAST_ROOM = 16 * 2 ** 20

/** Bytes that whoever writes below `folder` may still take. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Does the work on `path`; a lack of room becomes HostOutOfRoom. */
export async function withRoom<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const said = error instanceof CommandFailed && FULL.test(error.stderr)
    const full = said || FULL_CODES.includes((error as NodeJS.ErrnoException).code ?? '')
    throw full ? fault('HostOutOfRoom', { path }, error) : error
  }
}
