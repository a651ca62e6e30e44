// Inspects an image that lies in a file, by a few small reads.
import { type FileHandle, open } from 'node:fs/promises'
import { type Piece, TAIL_LENGTH, type Wanted } from './format.ts'
import { type Inspection, Inspector } from './inspection.ts'

/** What is inside the file. Reads a few hundred kilobytes at most, whatever the file says about itself. */
export async function inspectFile(path: string): Promise<Inspection> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const inspector = new Inspector()
    for (const walk of inspector.walks) {
      while (walk.wanted !== undefined) walk.answer(await read(file, walk.wanted, size))
    }
    return inspector.result(size)
  } finally {
    await file.close()
  }
}

async function read(file: FileHandle, wanted: Wanted, size: number): Promise<Piece> {
  const offset = wanted === 'end' ? Math.max(0, size - TAIL_LENGTH) : wanted.offset
  const length = Math.min(wanted === 'end' ? TAIL_LENGTH : wanted.length, Math.max(0, size - offset))
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return { bytes: bytes.subarray(0, filled), size }
}
