// A disk's bytes as a stream that leaves out what is zero: 8 bytes of offset, 4 of length, the data; again and again.
// The last chunk has no data: its offset is the disk's size.
import { open } from 'node:fs/promises'

/** Bytes of data in one chunk at most. */
const MOST = 256 * 1024
const HEADER = 12
const ZEROS = Buffer.alloc(MOST)

export interface Chunk {
  offset: number
  data: Buffer
}

/** Of a file or a block device that nobody writes to meanwhile. */
export async function* readChunks(path: string): AsyncGenerator<Buffer, void, void> {
  const file = await open(path, 'r')
  try {
    let offset = 0
    for (;;) {
      const data = Buffer.allocUnsafe(MOST)
      const { bytesRead: length } = await file.read(data, 0, MOST, offset)
      const isZero = data.subarray(0, length).equals(ZEROS.subarray(0, length))
      if (length === 0 || !isZero) yield header(offset, length)
      if (length === 0) return
      if (!isZero) yield data.subarray(0, length)
      offset += length
    }
  } finally {
    await file.close()
  }
}

function header(offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER)
  bytes.writeBigUInt64BE(BigInt(offset))
  bytes.writeUInt32BE(length, 8)
  return bytes
}

/** Throws when the stream ends before its last chunk. */
async function* parseChunks(stream: AsyncIterable<Buffer>): AsyncGenerator<Chunk, void, void> {
  let parts: Buffer[] = []
  let have = 0
  let need = HEADER
  for await (const part of stream) {
    parts.push(part)
    have += part.length
    while (have >= need) {
      const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      const length = bytes.readUInt32BE(8)
      if (length > MOST) throw new Error(`a chunk of ${length} bytes is no chunk of a disk`)
      parts = [bytes]
      need = HEADER + length
      if (have < need) break
      yield { offset: Number(bytes.readBigUInt64BE()), data: bytes.subarray(HEADER, need) }
      if (length === 0) return
      parts = [bytes.subarray(need)]
      have -= need
      need = HEADER
    }
  }
  throw new Error('the stream of a disk ended early')
}

/** Into a new sparse file, or with zeros where they are into a block device. */
export async function writeChunks(
  stream: AsyncIterable<Buffer>,
  { path, sparse }: { path: string; sparse: boolean },
): Promise<void> {
  const file = await open(path, sparse ? 'w' : 'r+')
  try {
    let end = 0
    for await (const { offset, data } of parseChunks(stream)) {
      if (!sparse) for (; end < offset; end += MOST) await file.write(ZEROS, 0, Math.min(MOST, offset - end), end)
      if (data.length === 0 && sparse) await file.truncate(offset)
      await file.write(data, 0, data.length, offset)
      end = offset + data.length
    }
    await file.datasync()
  } finally {
    await file.close()
  }
}
