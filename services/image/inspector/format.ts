// What a format's inspector is: a walk that asks for small pieces of an image and reports what it finds.

/** Contents that are told apart. `raw` is what shows no signature at all. */
export type ContentFormat =
  | 'raw'
  | 'gpt'
  | 'mbr'
  | 'qcow2'
  | 'qcow'
  | 'vmdk'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'iso'
  | 'luks'
  | 'qed'
  | 'ploop'
  | 'bochs'
  | 'cloop'

export interface Problem {
  /** One word: backing-file, data-file, polyglot, truncated … */
  what: string
  /** A sentence for the image's owner. Holds no bytes of the image that are not plain text. */
  why: string
}

/** A piece that a walk asks for: from the start, or the last bytes together with the whole size. */
export type Wanted = { offset: number; length: number } | 'end'

/** `bytes` is shorter than asked for where the image ends before. `size` is known at the end only. */
export interface Piece {
  bytes: Buffer
  size: number
}

export type Walk<Result = void> = Generator<Wanted, Result, Piece>

export interface Format {
  readonly name: ContentFormat
  /** Must ask forwards only, so that it can follow a stream. Calls `report.matched()` before anything else. */
  inspect(report: Report): Walk
}

/** The longest piece that a walk may ask for. */
export const MAX_PIECE = 1024 * 1024
/** How much of an image's end `end()` gives. */
export const TAIL_LENGTH = 4096
/** Larger disks are refused: nothing here could hold them, and their tables alone would exhaust memory. */
export const MAX_VIRTUAL_SIZE = 2 ** 50

/** The bytes at `offset`; fewer, or none, where the image ends before. */
export function* bytes(offset: number, length: number): Walk<Buffer> {
  const piece = yield { offset, length: Math.min(length, MAX_PIECE) }
  return piece.bytes
}

/** The last bytes (at most TAIL_LENGTH) and the size of the whole. */
export function* end(): Walk<{ tail: Buffer; size: number }> {
  const piece = yield 'end'
  return { tail: piece.bytes, size: piece.size }
}

/** What one format's walk has found so far. It only grows. */
export class Report {
  isMatch = false
  virtualSize: number | null = null
  /** True where the format is a trailer behind a plain disk, so that partition tables at the start belong to it. */
  wrapsPlainDisk = false
  readonly problems: Problem[] = []

  matched(): void {
    this.isMatch = true
  }

  problem(what: string, why: string): void {
    if (this.problems.length < 20) this.problems.push({ what, why })
  }

  truncated(part: string): void {
    this.problem('truncated', `The image ends inside its ${part}.`)
  }

  /** Records the guest's disk size in bytes, or why it cannot be one. */
  sized(virtualSize: number): void {
    if (virtualSize > MAX_VIRTUAL_SIZE) {
      this.problem('virtual-size', `The image claims a disk of ${virtualSize} bytes; at most 1 PiB is possible.`)
    } else {
      this.virtualSize = virtualSize
    }
  }
}

export function hasAt(buffer: Buffer, offset: number, signature: string | readonly number[]): boolean {
  const wanted = typeof signature === 'string' ? Buffer.from(signature, 'latin1') : Buffer.from(signature)
  return buffer.subarray(offset, offset + wanted.length).equals(wanted)
}

/** An unsigned 64-bit field. Above 2^53 it is inexact, which does for comparing it with limits. */
export function u64le(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigUInt64LE(offset))
}

export function u64be(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigUInt64BE(offset))
}

/** Text of an image made fit to be shown: printable ASCII, at most 80 characters. */
export function shown(text: string): string {
  return text.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
}
