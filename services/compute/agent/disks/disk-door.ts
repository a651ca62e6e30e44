// A private door through which another host fetches the disks of one guest: TLS with a key made for this one move, which
// whoever comes in must know. What comes in is the number of a file in a line; what goes out is its chunks.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { TLSSocket } from 'node:tls'
import { connect, createServer, type Server } from 'node:tls'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import { readChunks } from './chunks.ts'

/** All that the other host needs; nobody else is told. */
export interface DoorKey {
  host: string
  port: number
  /** Hexadecimal. */
  key: string
}

/** Without certificates the key itself proves both sides; only this suite has it and forward secrecy. */
const SUITE = { ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
const IDENTITY = 'kilonova-disks'
/** Milliseconds without a byte after which a side gives up. */
const SILENCE = 60_000
const MOST_DIGITS = 4

export class DiskDoor {
  readonly key: DoorKey
  readonly #server: Server
  readonly #sockets = new Set<TLSSocket>()

  private constructor(server: Server, key: DoorKey) {
    this.#server = server
    this.key = key
  }

  /** Open until it is closed. */
  static async open(files: readonly string[], address: string, random: Random): Promise<DiskDoor> {
    const key = random.bytes(32)
    const psk = Buffer.from(key)
    const server = createServer({ ...SUITE, pskCallback: (_, identity) => (identity === IDENTITY ? psk : null) })
    server.on('tlsClientError', (error) => log('compute.disks').warn({}, `a stranger at a door: ${errorChain(error)}`))
    server.listen(0, address)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const door = new DiskDoor(server, { host: address, port, key: psk.toString('hex') })
    server.on('secureConnection', (socket) => {
      door.#sockets.add(socket)
      socket.on('close', () => door.#sockets.delete(socket))
      door.#serve(socket, files).catch((error) => {
        socket.destroy()
        log('compute.disks').warn({}, `a disk was not fetched: ${errorChain(error)}`)
      })
    })
    return door
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #serve(socket: TLSSocket, files: readonly string[]): Promise<void> {
    socket.setTimeout(SILENCE, () => socket.destroy(new Error('the other host is silent')))
    const path = files[await askedFor(socket)]
    if (path === undefined) throw new Error('there is no such file')
    await pipeline(Readable.from(readChunks(path), { objectMode: false }), socket)
  }
}

async function askedFor(socket: TLSSocket): Promise<number> {
  let line = ''
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    line += (part as Buffer).toString('latin1')
    if (line.endsWith('\n')) return Number(line)
    if (line.length > MOST_DIGITS) break
  }
  throw new Error('no file was asked for')
}

/** The chunks of the file of that number, from the host that holds the door open. */
export async function* fetchFile({ host, port, key }: DoorKey, file: number): AsyncGenerator<Buffer, void, void> {
  const psk = Buffer.from(key, 'hex')
  const pskCallback = () => ({ psk, identity: IDENTITY })
  const socket = connect({ ...SUITE, host, port, pskCallback, checkServerIdentity: () => undefined })
  try {
    await once(socket, 'secureConnect')
    socket.setTimeout(SILENCE, () => socket.destroy(new Error('the host of the disks is silent')))
    socket.write(`${file}\n`)
    yield* socket
  } finally {
    socket.destroy()
  }
}
