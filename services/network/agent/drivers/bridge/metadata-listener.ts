// The metadata address in network namespaces, served by this process: sockets made inside come over IPC.
import { spawn } from 'node:child_process'
import type { Socket as Datagram } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { log } from '@kilonova/base/log'
import type { HelperMessage, HelperOrder } from './metadata-helper.ts'
import { namespaceInode } from './namespaces.ts'

const HELPER = fileURLToPath(new URL('./metadata-helper.ts', import.meta.url))
const HELPER_TIME = 20_000
/** What one namespace's guests may hold open together. */
const MAX_CONNECTIONS = 256

export interface ListenWish extends HelperOrder {
  namespace: string
  /** Called for each connection; the address is the guest's. */
  onConnection: (socket: Socket) => void
}

interface Sockets {
  servers: Server[]
  udp4: Datagram | undefined
  udp6: Datagram | undefined
}

interface Listening extends Sockets {
  inode: number
  order: string
  connections: Set<Socket>
}

export class MetadataListeners {
  #listening = new Map<string, Listening>()
  #clock: Clock

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Listens in the namespace; does nothing when it does already and the namespace is still the same one. */
  async ensure(wish: ListenWish): Promise<void> {
    const { namespace, listen, dhcpDevice, onConnection } = wish
    const inode = await namespaceInode(namespace)
    if (inode === undefined) throw new Error(`the namespace ${namespace} does not exist`)
    const order = JSON.stringify({ listen, dhcpDevice } satisfies HelperOrder)
    const now = this.#listening.get(namespace)
    if (now?.inode === inode && now.order === order) return
    this.remove(namespace)
    const sockets = await this.#fetchSockets(namespace, order)
    const listening: Listening = { ...sockets, inode, order, connections: new Set() }
    for (const server of listening.servers) accept(server, listening.connections, onConnection)
    this.#listening.set(namespace, listening)
  }

  /** Must come before the namespace's removal: an open socket keeps it alive. */
  remove(namespace: string): void {
    const listening = this.#listening.get(namespace)
    if (!listening) return
    this.#listening.delete(namespace)
    closeAll(listening)
    for (const socket of listening.connections) socket.destroy()
  }

  close(): void {
    for (const namespace of [...this.#listening.keys()]) this.remove(namespace)
  }

  namespaces(): string[] {
    return [...this.#listening.keys()]
  }

  /** A socket inside the namespace for messages to its DHCP server. */
  datagram(namespace: string, version: 4 | 6): Datagram | undefined {
    return this.#listening.get(namespace)?.[version === 4 ? 'udp4' : 'udp6']
  }

  #fetchSockets(namespace: string, order: string): Promise<Sockets> {
    const sockets: Sockets = { servers: [], udp4: undefined, udp6: undefined }
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, HELPER, order], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    return new Promise((resolve, reject) => {
      const said: Buffer[] = []
      let ended = false
      const end = (error?: Error): void => {
        if (ended) return
        ended = true
        timer.cancel()
        if (!error) {
          resolve(sockets)
          return
        }
        closeAll(sockets)
        child.kill('SIGKILL')
        reject(error)
      }
      const timer = this.#clock.after(HELPER_TIME, () =>
        end(new Error(`no metadata socket in ${namespace} after ${HELPER_TIME} ms`)),
      )
      child.stderr!.on('data', (chunk: Buffer) => said.push(chunk))
      child.on('error', end)
      child.on('close', (code) =>
        end(new Error(`the helper in ${namespace} ended with ${code}: ${Buffer.concat(said).toString().slice(-1000)}`)),
      )
      child.on('message', (message: HelperMessage, handle) => {
        if (message.kind === 'done') end()
        else if (message.kind === 'failed') end(new Error(`no metadata socket in ${namespace}: ${message.message}`))
        else if (message.kind === 'listener') sockets.servers.push(handle as Server)
        else sockets[message.kind] = handle as Datagram
      })
    })
  }
}

function accept(server: Server, connections: Set<Socket>, onConnection: (socket: Socket) => void): void {
  server.maxConnections = MAX_CONNECTIONS
  server.on('error', (error) => log('network.agent').error({ error }, 'a metadata listener failed'))
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => connections.delete(socket))
    onConnection(socket)
  })
}

function closeAll({ servers, udp4, udp6 }: Sockets): void {
  for (const server of servers) server.close()
  udp4?.close()
  udp6?.close()
}
