// The consoles of a fake guest: a serial port that says back what it is told, and a screen on which nothing happens.
import { Duplex } from 'node:stream'
import type { ConsoleKind, GuestConsoles } from '../../hypervisor.ts'

export class FakeConsoles implements GuestConsoles {
  readonly #nameOf: (id: string) => Promise<string>
  readonly #open = new Map<string, { kind: ConsoleKind; stream: Duplex }[]>()

  /** `nameOf`: the name of a guest that runs; throws for others. */
  constructor(nameOf: (id: string) => Promise<string>) {
    this.#nameOf = nameOf
  }

  async kinds(id: string): Promise<ConsoleKind[]> {
    await this.#nameOf(id)
    return ['serial', 'vnc']
  }

  async open(id: string, kind: ConsoleKind): Promise<Duplex> {
    const name = await this.#nameOf(id)
    if (kind === 'serial') this.end(id, kind)
    const stream = kind === 'serial' ? new EchoingSerialPort() : new StillScreen(name)
    this.#open.set(id, [...(this.#open.get(id) ?? []), { kind, stream }])
    stream.once('close', () => this.#forget(id, stream))
    return stream
  }

  /** Ends what is open of the guest, or of that kind. */
  end(id: string, kind?: ConsoleKind): void {
    for (const one of this.#open.get(id) ?? []) if (kind === undefined || one.kind === kind) one.stream.destroy()
  }

  #forget(id: string, stream: Duplex): void {
    const left = (this.#open.get(id) ?? []).filter((one) => one.stream !== stream)
    if (left.length > 0) this.#open.set(id, left)
    else this.#open.delete(id)
  }
}

/** Says each byte back. Reads no faster than it is read. */
class EchoingSerialPort extends Duplex {
  #told: (() => void) | undefined

  override _read(): void {
    const told = this.#told
    this.#told = undefined
    told?.()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.push(chunk)) done()
    else this.#told = done
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }
}

const VERSION = 'RFB 003.008\n'
const NO_PASSWORD = 1
const SECURITY_TYPES = Buffer.of(1, NO_PASSWORD)
const SECURITY_OK = Buffer.alloc(4)
const [WIDTH, HEIGHT] = [640, 480]
/** bits-per-pixel, depth, big-endian, true-colour, three maxima, three shifts, padding. */
const PIXEL_FORMAT = Buffer.of(32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0)

/** The server's part of RFB's handshake, with a screen of 640 × 480; what comes after it is not answered. */
class StillScreen extends Duplex {
  /** What the client must say next, how long it is, and the answer. */
  readonly #steps: { length: number; answer: () => Buffer }[]
  #heard = Buffer.alloc(0)

  constructor(name: string) {
    super()
    this.#steps = [
      { length: VERSION.length, answer: () => SECURITY_TYPES },
      { length: 1, answer: () => SECURITY_OK },
      { length: 1, answer: () => serverInit(name) },
    ]
    this.push(VERSION)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#steps.length > 0) this.#heard = Buffer.concat([this.#heard, chunk])
    for (let step = this.#steps[0]; step && this.#heard.length >= step.length; step = this.#steps[0]) {
      this.#heard = this.#heard.subarray(step.length)
      this.#steps.shift()
      this.push(step.answer())
    }
    done()
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }
}

function serverInit(name: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt16BE(WIDTH, 0)
  size.writeUInt16BE(HEIGHT, 2)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(name))
  return Buffer.concat([size, PIXEL_FORMAT, length, Buffer.from(name)])
}
