// A user of consoles, as a program: asks for a link and connects to it.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { Reader } from '@kilonova/compute/agent/testing-rfb'
import { createWebSocketStream, WebSocket } from 'ws'

export interface Closed {
  code: number
  reason: string
}

export interface Connection {
  socket: WebSocket
  /** What the guest says. */
  reader: Reader
  send(bytes: string | Uint8Array): void
  closed: Promise<Closed>
}

/** The answer in place of a connection. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Asks for a console; returns its link. */
export async function consoleLink(client: ApiClient, id: string, protocol: 'serial' | 'vnc'): Promise<string> {
  const type = protocol === 'vnc' ? 'novnc' : 'serial'
  const { remote_console } = await client.ask<{ remote_console: { url: string } }>({
    method: 'POST',
    path: `/compute/v2.1/servers/${id}/remote-consoles`,
    body: { remote_console: { protocol, type } },
  })
  return remote_console.url
}

/** The address of the WebSocket: a serial console's link is one; a page's says it in `path`, as noVNC reads it. */
export function webSocketOf(link: string): string {
  const url = new URL(link)
  const path = url.searchParams.get('path')
  return path === null ? link : new URL(`/${path}`, link).href.replace(/^http/, 'ws')
}

/** Connects, or throws Refused. */
export async function connect(link: string, headers: Record<string, string> = {}): Promise<Connection> {
  const socket = new WebSocket(webSocketOf(link), ['binary'], { headers })
  const closed = new Promise<Closed>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const answered = new Promise<IncomingMessage>((resolve) =>
    socket.once('unexpected-response', (_request, response) => resolve(response)),
  )
  const stream = createWebSocketStream(socket)
  stream.on('error', () => undefined)
  const refusal = await Promise.race([once(socket, 'open').then(() => undefined), answered])
  if (refusal) {
    const said = Buffer.concat(await Array.fromAsync(refusal as AsyncIterable<Uint8Array>)).toString()
    stream.destroy()
    throw new Refused(refusal.statusCode!, said.trim())
  }
  return { socket, reader: new Reader(stream), send: (bytes) => socket.send(bytes), closed }
}
