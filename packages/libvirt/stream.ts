// The data stream that follows a reply, such as a console, as a Duplex.
import { Duplex } from 'node:stream'
import type { Frame } from './frame.ts'
import { frameStatus } from './frame.ts'

/** How a stream speaks with its connection. */
export interface StreamWire {
  /** Sends one stream packet; `sent` is called when it has left this process. */
  send(status: number, payload: Uint8Array | undefined, sent?: (error?: Error | null) => void): void
  /** Stops or goes on with reading from the connection. */
  pause(): void
  resume(): void
  /** The error in a failed packet. */
  errorOf(payload: Buffer): Error
  /** The stream is over on both sides. */
  over(): void
}

/** libvirt's own client sends no larger pieces. */
const LARGEST = 262_120

/**
 * Ends on the daemon's end of data. Ending the writable side tells the daemon to finish; destroying it aborts. While
 * nobody reads, the whole connection waits: whoever opens several streams gives each a connection of its own, as
 * LibvirtHost does.
 */
export class LibvirtStream extends Duplex {
  readonly #wire: StreamWire
  #finish: ((error?: Error | null) => void) | undefined
  #ended = false
  #over = false

  constructor(wire: StreamWire) {
    super({ allowHalfOpen: true })
    this.#wire = wire
    // The daemon keeps the stream until the client, too, has said that it is done.
    this.once('end', () => this.end())
  }

  /** What the connection hands over: one packet of this stream. */
  receive(frame: Frame): void {
    if (frame.status === frameStatus.error) this.fail(this.#wire.errorOf(frame.payload))
    else if (frame.status === frameStatus.ok) this.#done()
    else if (frame.payload.length === 0) this.#end()
    else if (!this.#ended && !this.push(Buffer.from(frame.payload))) this.#wire.pause()
  }

  /** The daemon has given it up, or the connection is gone. */
  fail(error: Error): void {
    this.#close()
    this.destroy(error)
  }

  override _read(): void {
    this.#wire.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#over || chunk.length === 0) {
      done()
      return
    }
    for (let at = 0; at < chunk.length; at += LARGEST) {
      const last = at + LARGEST >= chunk.length
      this.#wire.send(frameStatus.continue, chunk.subarray(at, at + LARGEST), last ? done : undefined)
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#over) {
      done()
      return
    }
    this.#finish = done
    this.#wire.send(frameStatus.ok, undefined)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#wire.resume()
    if (!this.#over) {
      this.#wire.send(frameStatus.error, undefined)
      this.#close()
    }
    this.#finish?.(error)
    this.#finish = undefined
    done(error)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.push(null)
  }

  /** The daemon has finished, too. */
  #done(): void {
    this.#close()
    this.#end()
    this.#finish?.()
    this.#finish = undefined
  }

  #close(): void {
    if (this.#over) return
    this.#over = true
    this.#wire.over()
  }
}
