// Where a host hands out its guests' consoles: one port, on which each connection begins with a secret that holds once.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { joinStreams } from '@kilonova/base/join-streams'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import { fault } from './faults.ts'
import type { ConsoleKind, GuestConsoles } from './hypervisor.ts'
import type { ComputeAgent, ConsoleAddress, OpenedConsole } from './protocol.ts'

export interface ConsoleListenerParts {
  consoles: GuestConsoles
  /** The host's address towards the API's processes; nothing else is listened on. */
  address: string
  clock: Clock
  random: Random
}

/** Milliseconds that a console waits for its user, and a connection may take to say its secret. */
const PATIENCE = 10_000
const SECRET_BYTES = 32
/** In hexadecimal, with the line feed. */
const GREETING_LENGTH = SECRET_BYTES * 2 + 1

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64')

/** Listens from the first question on. */
export class ConsoleListener {
  readonly #parts: ConsoleListenerParts
  readonly #waiting = new Map<string, Duplex>()
  readonly #connections = new Set<Socket>()
  #listening: Promise<Server> | undefined
  /** What it adds to its host's agent. */
  readonly calls: Pick<Required<ComputeAgent>, 'consoleAddress' | 'openConsole'> = {
    consoleAddress: ({ id, kind }) => this.addressOf(id, kind),
    openConsole: ({ id, kind }) => this.open(id, kind),
  }

  constructor(parts: ConsoleListenerParts) {
    this.#parts = parts
  }

  async addressOf(id: string, kind: ConsoleKind): Promise<ConsoleAddress> {
    const kinds = await this.#parts.consoles.kinds(id)
    if (!kinds.includes(kind)) throw fault('ConsoleUnavailable', { id, kind })
    return this.#address()
  }

  async open(id: string, kind: ConsoleKind): Promise<OpenedConsole> {
    const { consoles, clock, random } = this.#parts
    const address = await this.#address()
    const guest = await consoles.open(id, kind)
    const secret = random.bytes(SECRET_BYTES).toString('hex')
    const digest = digestOf(secret)
    const timer = clock.after(PATIENCE, () => {
      if (this.#waiting.delete(digest)) guest.destroy()
    })
    guest.on('error', (error) => log('compute.console').debug({ id, kind }, errorChain(error)))
    guest.once('close', () => {
      timer.cancel()
      this.#waiting.delete(digest)
    })
    this.#waiting.set(digest, guest)
    return { ...address, secret }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const guest of this.#waiting.values()) guest.destroy()
    const server = await this.#listening?.catch(() => undefined)
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  async #address(): Promise<ConsoleAddress> {
    this.#listening ??= this.#listen().catch((error) => {
      this.#listening = undefined
      throw error
    })
    const { address: host, port } = (await this.#listening).address() as AddressInfo
    return { host, port }
  }

  async #listen(): Promise<Server> {
    const server = createServer((connection) => void this.#serve(connection))
    server.listen({ host: this.#parts.address, port: 0 })
    await once(server, 'listening')
    server.unref()
    return server
  }

  async #serve(connection: Socket): Promise<void> {
    this.#connections.add(connection)
    connection.once('close', () => this.#connections.delete(connection))
    connection.on('error', (error) => log('compute.console').debug(errorChain(error)))
    connection.setNoDelay(true)
    const timer = this.#parts.clock.after(PATIENCE, () => connection.destroy())
    const guest = this.#take(await greetingOf(connection))
    timer.cancel()
    if (!guest) connection.destroy()
    else await joinStreams(connection, guest)
  }

  /** The console that waits for this greeting, for the first who brings it. */
  #take(greeting: string | undefined): Duplex | undefined {
    if (!greeting?.endsWith('\n')) return undefined
    const digest = digestOf(greeting.slice(0, -1))
    const guest = this.#waiting.get(digest)
    this.#waiting.delete(digest)
    return guest
  }
}

/** What the connection says first; undefined when it ends before. */
async function greetingOf(connection: Socket): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const look = (): void => {
    const greeting = connection.read(GREETING_LENGTH) as Buffer | null
    if (greeting) resolve(greeting.toString('latin1'))
  }
  const gone = (): void => resolve(undefined)
  connection.on('readable', look).once('end', gone).once('close', gone)
  return promise.finally(() => connection.off('readable', look).off('end', gone).off('close', gone))
}
