// Inspects an image while it passes by: keeps its first megabytes, its last bytes and the pieces asked for.
import { TAIL_LENGTH, type Wanted } from './format.ts'
import { type Inspection, Inspector, type RunningWalk } from './inspection.ts'

/** The start of an image that is kept: the largest first cluster of a qcow2, and all tables of a VHDX. */
const HEAD_LENGTH = 4 * 1024 * 1024

interface Capture {
  walk: RunningWalk
  offset: number
  buffer: Buffer
  filled: number
}

/** Push every chunk in order, look at `soFar` when wished, call `finish` once. Memory is bounded (below 24 MB). */
export class StreamInspector {
  #inspector = new Inspector()
  #head: Buffer = Buffer.alloc(0)
  #headFilled = 0
  #tail: Buffer = Buffer.alloc(0)
  #size = 0
  #captures: Capture[] = []
  /** Walks that wait for a piece of the head, or for the end. */
  #waiting: readonly RunningWalk[] = this.#inspector.walks

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const start = this.#size
    this.#size += bytes.length
    this.#keepHead(bytes, start)
    for (const capture of this.#captures) fill(capture, bytes, start)
    this.#keepTail(bytes)
    this.#advance(bytes, start)
  }

  /** Bytes of the image that are kept at the moment. */
  get held(): number {
    const captured = this.#captures.reduce((sum, { buffer }) => sum + buffer.length, 0)
    return this.#head.length + this.#tail.length + captured
  }

  /** What the bytes until now show; more candidates and problems may come. */
  soFar(): Inspection {
    return this.#inspector.result(null)
  }

  /** All bytes were pushed. */
  finish(): Inspection {
    for (const { walk, buffer, filled } of this.#captures) walk.answer({ bytes: buffer.subarray(0, filled), size: 0 })
    this.#captures = []
    for (const walk of this.#inspector.walks) {
      while (walk.wanted !== undefined) walk.answer({ bytes: this.#atEnd(walk.wanted), size: this.#size })
    }
    return this.#inspector.result(this.#size)
  }

  /** Answers what can be answered; a walk whose piece lies ahead gets a buffer that later chunks fill. */
  #advance(chunk: Buffer, start: number): void {
    const finished = this.#captures.filter((capture) => capture.filled === capture.buffer.length)
    this.#captures = this.#captures.filter((capture) => !finished.includes(capture))
    for (const { walk, buffer } of finished) walk.answer({ bytes: buffer, size: 0 })
    const active = [...this.#waiting, ...finished.map(({ walk }) => walk)]
    this.#waiting = active.filter((walk) => this.#step(walk, chunk, start))
  }

  /** True while the walk still waits for the head or the end. */
  #step(walk: RunningWalk, chunk: Buffer, start: number): boolean {
    while (walk.wanted !== undefined && walk.wanted !== 'end') {
      const { offset, length } = walk.wanted
      if (offset + length <= this.#headFilled) {
        walk.answer({ bytes: Buffer.from(this.#head.subarray(offset, offset + length)), size: 0 })
      } else if (offset + length <= HEAD_LENGTH) {
        return true
      } else if (Math.max(offset, this.#headFilled) < start) {
        walk.report.problem('layout', 'The tables of the image lie in an order in which they cannot be checked.')
        walk.answer({ bytes: Buffer.alloc(0), size: 0 })
      } else {
        const capture = { walk, offset, buffer: Buffer.alloc(length), filled: 0 }
        fill(capture, this.#head.subarray(0, this.#headFilled), 0)
        fill(capture, chunk, start)
        if (capture.filled < length) {
          this.#captures.push(capture)
          return false
        }
        walk.answer({ bytes: capture.buffer, size: 0 })
      }
    }
    return walk.wanted === 'end'
  }

  #keepHead(bytes: Buffer, start: number): void {
    if (start >= HEAD_LENGTH) return
    const needed = Math.min(HEAD_LENGTH, start + bytes.length)
    if (needed > this.#head.length) {
      const grown = Buffer.alloc(Math.min(HEAD_LENGTH, Math.max(needed, this.#head.length * 2, 64 * 1024)))
      this.#head.copy(grown)
      this.#head = grown
    }
    bytes.copy(this.#head, start, 0, needed - start)
    this.#headFilled = needed
  }

  #keepTail(bytes: Buffer): void {
    const joined = bytes.length >= TAIL_LENGTH ? bytes : Buffer.concat([this.#tail, bytes])
    this.#tail = Buffer.from(joined.subarray(-TAIL_LENGTH))
  }

  #atEnd(wanted: Wanted): Buffer {
    if (wanted === 'end') return this.#tail
    return this.#head.subarray(0, this.#headFilled).subarray(wanted.offset, wanted.offset + wanted.length)
  }
}

function fill(capture: Capture, bytes: Buffer, start: number): void {
  const next = capture.offset + capture.filled
  if (next < start || next >= start + bytes.length) return
  capture.filled += bytes.copy(capture.buffer, capture.filled, next - start)
}
