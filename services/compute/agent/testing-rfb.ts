// For tests: the client's part of RFB's handshake (RFC 6143), over any stream of bytes.

/** Reads what a stream says, so many bytes at a time. */
export class Reader {
  readonly #source: AsyncIterator<Uint8Array>
  #held = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#held.length < count) {
      const { value, done } = await this.#source.next()
      if (done) throw new Error(`the stream ended after ${this.#held.length} of ${count} bytes`)
      this.#held = Buffer.concat([this.#held, value])
    }
    const read = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return read
  }
}

export interface Screen {
  version: string
  width: number
  height: number
  name: string
}

/** Greets the server, without a password, and answers what it says of its screen. */
export async function shakeHands(reader: Reader, write: (bytes: Uint8Array) => void): Promise<Screen> {
  const NO_PASSWORD = 1
  const version = (await reader.exactly(12)).toString('latin1')
  write(Buffer.from('RFB 003.008\n'))
  const [count] = await reader.exactly(1)
  const types = await reader.exactly(count!)
  if (!types.includes(NO_PASSWORD)) throw new Error(`the server wants one of ${[...types]}`)
  write(Buffer.of(NO_PASSWORD))
  const result = (await reader.exactly(4)).readUInt32BE()
  if (result !== 0) throw new Error(`the server refuses: ${result}`)
  const SHARED = 1
  write(Buffer.of(SHARED))
  const size = await reader.exactly(4)
  await reader.exactly(16)
  const length = (await reader.exactly(4)).readUInt32BE()
  const name = (await reader.exactly(length)).toString()
  return { version, width: size.readUInt16BE(0), height: size.readUInt16BE(2), name }
}
