// The metadata service on a host: HTTP on connections that the network agent has accepted inside the guests' networks.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { createServer } from '@kilonova/base/http'
import { log } from '@kilonova/base/log'
import type { MetadataGuest, MetadataResponse } from './http.ts'
import { metadataResponse } from './http.ts'
import type { VendorData } from './instance-metadata.ts'

export interface MetadataServerParts {
  /** The guest that the connection's port belongs to; null for a stranger. */
  guestOf: (serverId: string) => Promise<MetadataGuest | null>
  /** Keeps the encrypted password that a guest posted. */
  keepPassword: (serverId: string, password: string) => Promise<void>
  vendorData: (guest: MetadataGuest['spec']) => Promise<VendorData>
  dhcpDomain: string
  clock?: Clock
}

export interface MetadataServer {
  /** Answers the requests on a connection of a server's port; null is a stranger's. */
  serve(socket: Socket, serverId: string | null): void
  close(): void
}

const BODY_LIMIT = 4096
const TIME_LIMIT = 10_000

export function metadataServer(parts: MetadataServerParts): MetadataServer {
  const owners = new WeakMap<Socket, string | null>()
  const http = createServer({ requestTimeout: TIME_LIMIT, keepAliveTimeout: TIME_LIMIT }, (request, response) => {
    answer(parts, request, owners.get(request.socket) ?? null)
      .catch((error): MetadataResponse => {
        log('compute.metadata').error({ path: request.url }, errorChain(error))
        return { status: 500, headers: {}, body: 'The metadata of this instance cannot be had now; try again.' }
      })
      .then((answered) => send(response, answered))
  })
  return {
    serve(socket, serverId) {
      owners.set(socket, serverId)
      http.emit('connection', socket)
    },
    close: () => http.closeAllConnections(),
  }
}

async function answer(
  parts: MetadataServerParts,
  request: IncomingMessage,
  serverId: string | null,
): Promise<MetadataResponse> {
  const { clock = systemClock, dhcpDomain } = parts
  const body = await bodyOf(request)
  const guest = serverId === null ? null : await parts.guestOf(serverId)
  const today = new Date(clock.now()).toISOString().slice(0, 10)
  const vendorData = guest ? await parts.vendorData(guest.spec) : { static: {}, dynamic: {} }
  const asked = { method: request.method ?? 'GET', path: request.url ?? '/', body }
  const answered = metadataResponse(asked, guest, { dhcpDomain, vendorData, today })
  if (guest && answered.newPassword !== undefined) await parts.keepPassword(guest.spec.id, answered.newPassword)
  return answered
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size <= BODY_LIMIT) chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, { status, headers, body }: MetadataResponse): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
