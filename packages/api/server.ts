// The HTTP server: one port, each service under its prefix, every answer in that service's manners.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import type { Fault } from '@kilonova/base/fault'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import { answerFault, answerUnknownRoute } from './answer.ts'
import { keepEdge } from './edge.ts'
import type { Manners } from './manners.ts'
import { mountRoutes } from './mount.ts'
import type { KeptAnswers } from './once.ts'
import type { Policy } from './policy.ts'
import type { Route } from './route.ts'

/** What a valid token says about its bearer: everything of a context but the request's own parts. */
export type Bearer = Omit<
  RequestContext,
  'requestId' | 'globalRequestId' | 'remoteAddress' | 'timestamp' | 'serviceRoles' | 'readDeleted'
>

export interface ApiOptions {
  /** The bearer of a token, or undefined if it is not valid. */
  authenticate: (token: string) => Promise<Bearer | undefined>
  /** Turns an error of a lower room (store, bus …) into a fault; undefined leaves it unexpected. */
  translate?: (error: unknown) => Fault | undefined
  /** Where answers of routes with `once` are kept; without it no Idempotency-Key is taken. */
  answers?: KeptAnswers
  /** Seconds that a request may take to arrive. */
  requestTimeout?: number
}

/** One service: how it speaks, who may do what, and its routes over its parts. */
export interface Service<Deps> {
  manners: Manners
  policy: Policy
  routes: readonly Route<Deps>[]
  deps: Deps
}

/** Takes over the connection of a request to speak another protocol, or answers it and closes it. */
export type Upgrade = (request: IncomingMessage, connection: Duplex, head: Buffer) => void

export interface Api {
  readonly fastify: FastifyInstance
  readonly options: ApiOptions
  /** Of requests for exactly this path; elsewhere a request to upgrade is answered like any other. */
  upgrade(path: string, take: Upgrade): void
  mount<Deps>(service: Service<Deps>): void
  /** Listens and returns the url. */
  listen(where: { host: string; port: number }): Promise<string>
  close(): Promise<void>
}

export function createApi(options: ApiOptions): Api {
  const mounted: Manners[] = []
  const stopping = new AbortController()
  const upgrades = new Map<string, Upgrade>()
  const upgradeOf = ({ url = '' }: IncomingMessage): Upgrade | undefined => upgrades.get(url.split('?')[0]!)

  function rewriteUrl(raw: IncomingMessage): string {
    const url = raw.url ?? '/'
    const [path = '/', ...query] = url.split('?')
    const manners = mounted.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    if (!manners) return url
    const below = path.slice(manners.prefix.length) || '/'
    const rewritten = manners.rewrite?.(below) ?? { path: below }
    keepEdge(raw, { ...rewritten, manners })
    const trimmed = rewritten.path.length > 1 ? rewritten.path.replace(/\/+$/, '') : rewritten.path
    return [manners.prefix + (trimmed || '/'), ...query].join('?')
  }

  const fastify = Fastify({
    logger: false,
    rewriteUrl,
    bodyLimit: Number.MAX_SAFE_INTEGER, // each route limits what it reads
    requestTimeout: (options.requestTimeout ?? 0) * 1000,
    http: { shouldUpgradeCallback: (request) => upgradeOf(request) !== undefined },
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    exposeHeadRoutes: false,
  })
  fastify.server.on('upgrade', (request, connection, head) => upgradeOf(request)!(request, connection, head))
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  fastify.setNotFoundHandler(answerUnknownRoute)
  fastify.setErrorHandler((error, request, reply) => answerFault(error, request, reply, options))

  return {
    fastify,
    options,
    upgrade: (path, take) => void upgrades.set(path, take),
    mount(service) {
      mounted.push(service.manners)
      mountRoutes(service, { fastify, options, stopping: stopping.signal })
    },
    listen: (where) => fastify.listen(where),
    close: () => {
      stopping.abort()
      return fastify.close()
    },
  }
}
