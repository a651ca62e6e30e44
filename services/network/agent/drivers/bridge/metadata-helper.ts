// A short-lived process inside a network namespace: makes sockets there and hands them to its parent.
// Argument: JSON of HelperOrder. Messages: `{ kind }` each with a socket, then `{ kind: 'done' }` or `{ kind: 'failed' }`.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

export interface HelperOrder {
  /** Addresses to listen on; with a zone when link-local. */
  listen: { address: string; port: number }[]
  /** The device for DHCPv6 messages; also makes the sockets for DHCP releases. */
  dhcpDevice: string | null
}

export type HelperMessage = { kind: 'listener' | 'udp4' | 'udp6' | 'done' } | { kind: 'failed'; message: string }

const order = JSON.parse(process.argv[2] ?? '') as HelperOrder
// Without a parent there is nobody to serve.
process.on('disconnect', () => process.exit(1))

function send(message: HelperMessage, handle?: Server | Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(message, handle, {}, (error) => (error ? reject(error) : resolve()))
  })
}

async function listen(address: string, port: number): Promise<void> {
  const server = createServer()
  server.listen({ host: address, port, ipv6Only: true })
  await once(server, 'listening')
  await send({ kind: 'listener' }, server)
  server.close()
}

async function makeSocket(type: 'udp4' | 'udp6', device: string): Promise<void> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' })
  socket.bind(0)
  await once(socket, 'listening')
  if (type === 'udp6') socket.setMulticastInterface(`::%${device}`)
  await send({ kind: type }, socket)
  socket.close()
}

try {
  for (const { address, port } of order.listen) await listen(address, port)
  if (order.dhcpDevice) {
    await makeSocket('udp4', order.dhcpDevice)
    if (order.listen.some(({ address }) => address.includes(':'))) await makeSocket('udp6', order.dhcpDevice)
  }
  await send({ kind: 'done' })
} catch (error) {
  await send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
}
process.removeAllListeners('disconnect')
process.disconnect!()
