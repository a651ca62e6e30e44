// Frames of libvirt's RPC: a length that counts itself, six words of header, a payload.
import { Writer, XdrError } from './xdr.ts'

export const programs = { remote: 0x20008086, qemu: 0x20008087, keepalive: 0x6b656570 } as const
export const frameTypes = { call: 0, reply: 1, message: 2, stream: 3 } as const
export const frameStatus = { ok: 0, error: 1, continue: 2 } as const

export interface FrameHeader {
  program: number
  procedure: number
  type: number
  serial: number
  status: number
}

export interface Frame extends FrameHeader {
  payload: Buffer
}

const VERSION = 1
const HEAD = 28
const LARGEST = 32 * 1024 * 1024 + 4

/** One frame as bytes; `payload` writes what follows the header. */
export function encodeFrame(header: FrameHeader, payload?: (to: Writer) => void): Buffer {
  const to = new Writer(HEAD)
  payload?.(to)
  const bytes = to.done()
  if (bytes.length > LARGEST) throw new XdrError(`a message of ${bytes.length} bytes is larger than libvirt takes`)
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.writeUInt32BE(header.program, 4)
  bytes.writeUInt32BE(VERSION, 8)
  bytes.writeUInt32BE(header.procedure, 12)
  bytes.writeUInt32BE(header.type, 16)
  bytes.writeUInt32BE(header.serial, 20)
  bytes.writeUInt32BE(header.status, 24)
  return bytes
}

/** Cuts a byte stream into frames, however it was cut on its way. */
export class FrameParser {
  #chunks: Buffer[] = []
  #held = 0
  #wanted = 4

  /** Calls `found` for each frame that is now complete. Throws XdrError where the stream cannot be libvirt's. */
  push(chunk: Buffer, found: (frame: Frame) => void): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= this.#wanted) {
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
      const length = all.readUInt32BE(0)
      if (length < HEAD || length > LARGEST) throw new XdrError(`a frame cannot have ${length} bytes`)
      const whole = all.length >= length
      if (whole) found(parse(all.subarray(0, length)))
      this.#chunks = whole && all.length === length ? [] : [whole ? all.subarray(length) : all]
      this.#held = whole ? all.length - length : all.length
      this.#wanted = whole ? 4 : length
    }
  }
}

function parse(bytes: Buffer): Frame {
  return {
    program: bytes.readUInt32BE(4),
    procedure: bytes.readUInt32BE(12),
    type: bytes.readUInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readUInt32BE(24),
    payload: bytes.subarray(HEAD),
  }
}
