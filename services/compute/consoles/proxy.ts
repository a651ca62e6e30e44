// The proxy of consoles: who comes with a token that holds is put through to the guest, over a WebSocket.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Api, ApiOptions } from '@kilonova/api/server'
import type { RequestContext } from '@kilonova/base/context'
import { makeContext, withContext } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import { STATUS_CODES } from '@kilonova/base/http'
import { log } from '@kilonova/base/log'
import type { WebSocketServer } from 'ws'
import type { ComputeAgent, ConsoleKind, OpenedConsole } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { policy } from '../policy.ts'
import type { ConsoleAuthTokenRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'
import { KIND_OF, TIME_LIMIT } from './create.ts'
import { checkOrigin } from './origin.ts'
import { mountPages } from './pages.ts'
import { CLOSE, Session } from './session.ts'
import { findToken, identityTokenOf, useUp } from './tokens.ts'

export interface ConsoleProxy {
  /** Ends all connections. */
  close(): Promise<void>
}

/** Serves `/console/serial` and `/console/vnc`, and the pages that use them. */
export function mountConsoles(api: Api, compute: Compute): ConsoleProxy {
  const proxy = new WebSocketProxy(compute, api.options.authenticate)
  for (const kind of ['serial', 'vnc'] as const) {
    api.upgrade(
      `/console/${kind}`,
      (request, connection, head) => void proxy.serve(kind, request, { connection, head }),
    )
  }
  mountPages(api)
  return proxy
}

/** Of one process. */
const MOST_SESSIONS = 1000
/** Bytes of one message from a user: more than any paste. */
const LARGEST_MESSAGE = 2 ** 20

interface Upgrading {
  connection: Duplex
  head: Buffer
}

/** What a token that was used lets its bearer do. */
interface Admission {
  row: ConsoleAuthTokenRow
  identityToken: string
}

class WebSocketProxy implements ConsoleProxy {
  readonly #compute: Compute
  readonly #authenticate: ApiOptions['authenticate']
  readonly #sessions = new Set<Session>()
  #server: Promise<WebSocketServer> | undefined
  #underWay = 0

  constructor(compute: Compute, authenticate: ApiOptions['authenticate']) {
    this.#compute = compute
    this.#authenticate = authenticate
  }

  async serve(kind: ConsoleKind, request: IncomingMessage, { connection, head }: Upgrading): Promise<void> {
    connection.on('error', (error) => log('compute.console').debug(errorChain(error)))
    this.#underWay++
    try {
      const admission = await this.#admit(kind, request)
      const guest = await this.#open(kind, admission)
      await this.#begin(request, { connection, head }, { guest, admission })
    } catch (error) {
      refuse(connection, error)
    } finally {
      this.#underWay--
    }
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.close(CLOSE.goingAway, 'the cloud is stopping')
    await Promise.all([...this.#sessions].map(({ over }) => over))
  }

  /** Uses the token up, once everything else is right. */
  async #admit(kind: ConsoleKind, request: IncomingMessage): Promise<Admission> {
    if (this.#sessions.size + this.#underWay > MOST_SESSIONS) throw fault('TooManyConsoles', { most: MOST_SESSIONS })
    const token = new URLSearchParams(request.url?.split('?')[1]).get('token') ?? ''
    const row = await findToken(this.#compute, token)
    if (!row || KIND_OF[row.console_type] !== kind) throw fault('ConsoleLinkInvalid', {})
    const { allowed_origins: allowed } = this.#compute.options
    checkOrigin(request.headers, { allowed, accessUrlBase: row.access_url_base })
    const admission = { row, identityToken: identityTokenOf(row, token) }
    const refusal = await this.#refusal(admission)
    if (refusal !== undefined || !(await useUp(this.#compute, row))) throw fault('ConsoleLinkInvalid', {})
    return admission
  }

  /** Why the bearer may not have the console (any more); undefined when it may. */
  async #refusal({ row, identityToken }: Admission): Promise<string | undefined> {
    const bearer = await this.#authenticate(identityToken)
    if (bearer?.userId !== row.user_id) return 'the token that this console was asked for with holds no longer'
    const context: RequestContext = makeContext(bearer)
    if (!policy['os-remote-consoles'](context, {})) return 'your roles do not allow it any more'
    try {
      const server = await getServer(this.#compute, context, row.server_id)
      return server.host === row.host ? undefined : 'the server has moved; ask for a new console'
    } catch (error) {
      if (isFault(error, 'InstanceNotFound')) return 'the server is gone'
      throw error
    }
  }

  /** A connection to the guest, by way of its host. */
  async #open(kind: ConsoleKind, { row }: Admission): Promise<Socket> {
    const agent = this.#compute.bus.remote<ComputeAgent>(computeTopic(row.host))
    const opened = await agent.openConsole!({ id: row.server_id, kind }, { timeout: TIME_LIMIT })
    // Another address: its host's process is another than the one the token was made for.
    if (opened.host !== row.address || opened.port !== row.port) throw fault('ConsoleLinkInvalid', {})
    return dial(opened)
  }

  async #begin(
    request: IncomingMessage,
    { connection, head }: Upgrading,
    { guest, admission }: { guest: Socket; admission: Admission },
  ): Promise<void> {
    const { clock, options } = this.#compute
    const { row } = admission
    const server = await this.#webSocketServer()
    connection.once('close', () => guest.destroy())
    if (connection.destroyed) guest.destroy()
    server.handleUpgrade(request, connection, head, (user) => {
      const refusal = () => this.#refusal(admission)
      const endsAt = options.enforce_session_timeout ? row.expires_at : Infinity
      const session = new Session({ user, guest, clock, refusal, endsAt })
      this.#sessions.add(session)
      void session.over.then(() => this.#sessions.delete(session))
      const { server_id, user_id, console_type } = row
      log('compute.console').info({ server_id, user_id, console_type }, 'a console was connected to')
    })
  }

  #webSocketServer(): Promise<WebSocketServer> {
    this.#server ??= import('ws').then(
      ({ WebSocketServer }) =>
        new WebSocketServer({
          noServer: true,
          clientTracking: false,
          perMessageDeflate: false,
          maxPayload: LARGEST_MESSAGE,
          handleProtocols: (protocols) => (protocols.has('binary') ? 'binary' : false),
        }),
    )
    return this.#server
  }
}

async function dial({ host, port, secret }: OpenedConsole): Promise<Socket> {
  const guest = connect({ host, port })
  await once(guest, 'connect', { signal: AbortSignal.timeout(TIME_LIMIT) })
  guest.setNoDelay(true)
  guest.write(`${secret}\n`)
  return guest
}

/** A plain answer in place of the WebSocket. */
function refuse(connection: Duplex, error: unknown): void {
  if (!isFault(error)) {
    withContext(makeContext(), () => log('compute.console').error(errorChain(error)))
  }
  const status = isFault(error) ? error.status : 500
  const message = isFault(error) ? error.message : 'The console could not be connected to; the log says why.'
  const body = `${message}\n`
  const headers = {
    connection: 'close',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  connection.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}
