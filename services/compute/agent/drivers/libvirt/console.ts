// The serial console's log: the file libvirt writes, and those it put aside when it grew.
import { open } from 'node:fs/promises'

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
