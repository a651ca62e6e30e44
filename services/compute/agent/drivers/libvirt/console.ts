// The serial console's log: the file QEMU appends to, and the older parts put aside when it grew.
import { open, stat, truncate } from 'node:fs/promises'
import { writeAtomically } from '@kilonova/base/atomic-file'

/** The newest `maxBytes` of the log and, before it, of its rotated parts `.0`, `.1` … Empty when there is none. */
export async function consoleTail(path: string, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let room = maxBytes
  for (let age = -1; room > 0; age++) {
    const part = await tail(age < 0 ? path : `${path}.${age}`, room)
    if (!part) break
    parts.unshift(part)
    room -= part.length
  }
  return Buffer.concat(parts)
}

/**
 * Keeps a guest from filling the disk: of a log larger than `limit` bytes the newest half of the limit is put aside as
 * `.0`, and the log begins anew. Its writer appends, so it goes on at the new end.
 */
export async function limitConsoleLog(path: string, limit: number): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  if (size <= limit) return
  const newest = await tail(path, Math.floor(limit / 2))
  if (newest) await writeAtomically(`${path}.0`, newest, 0o600)
  await truncate(path, 0)
}

async function tail(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
