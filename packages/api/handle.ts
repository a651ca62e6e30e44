// One request, in the order in which OpenStack's services refuse: token, version, media type, body, project, schema, policy.
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import { makeContext, withContext } from '@kilonova/base/context'
import { log } from '@kilonova/base/log'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { originOf, requestIdOf, sendJson, setHeaders } from './answer.ts'
import type { AtVersion, Compiled } from './compiled.ts'
import type { Edge } from './edge.ts'
import { edgeOf } from './edge.ts'
import { fault } from './faults.ts'
import type { Group } from './mount.ts'
import type { PlainAnswer } from './once.ts'
import { once, parseKey } from './once.ts'
import type { Target } from './policy.ts'
import type { Call } from './route.ts'
import { Answer, perform } from './route.ts'
import type { ApiOptions, Service } from './server.ts'
import type { Microversion } from './versions.ts'
import { parseVersion, version, versionText } from './versions.ts'

interface Handling {
  group: Group
  service: Service<unknown>
  options: ApiOptions
  request: FastifyRequest
  reply: FastifyReply
  /** Aborts when the server stops. */
  stopping: AbortSignal
}

const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function handle(handling: Handling): Promise<FastifyReply> {
  const { group, service, options, request, reply } = handling
  const edge = edgeOf(request.raw)
  setHeaders(request, reply, service.manners)
  const isPublic = group.routes.every(({ route }) => route.policy === 'public')
  const context = isPublic ? publicContext(request) : await contextOf(request, options)
  const asked = edge.legacy ? version(service.manners.versions!.min) : negotiate(request, service)
  if (asked > 0) setHeaders(request, reply, service.manners, versionText(asked))
  return withContext(context, () => dispatch(handling, { context, asked, edge }))
}

interface Asked {
  context: RequestContext
  asked: Microversion
  edge: Edge
}

async function dispatch(handling: Handling, { context, asked, edge }: Asked): Promise<FastifyReply> {
  const { group, service, request, reply } = handling
  checkMediaType(request, group)
  const body = await bodyOf(request, group, service)
  checkProject(context, edge, service)
  const compiled = choose(group, asked, body)
  const call = callOf(handling, compiled, { context, asked, edge }, body)
  if (compiled.route.policy !== 'public') call.require(compiled.route.policy)
  const at = compiled.at(asked, edge.legacy ?? false)
  const key = keyOf(handling, compiled)
  const result =
    key === undefined
      ? await perform(compiled.route, service.deps as never, call)
      : await performOnce(handling, { compiled, at, call }, key)
  log('api').debug({ method: request.method, url: request.url }, 'answered')
  return answer(reply, at, result)
}

interface Chosen {
  compiled: Compiled
  at: AtVersion
  call: Call
}

function performOnce(handling: Handling, { compiled: { route }, at, call }: Chosen, key: string): Promise<Answer> {
  const { request, service, options } = handling
  const [deps, asked] = [service.deps as never, call as never]
  const { context, version, body } = call
  return once(
    options.answers!,
    { key, request, context, version, body },
    {
      prepare: async () => route.prepare?.(deps, asked),
      make: async (prepared) => plain(at, await route.handler(deps, asked, prepared as never)),
    },
  )
}

/** The Idempotency-Key that was sent, where repeating the request would not come to the same without one. */
function keyOf({ request, options }: Handling, { route }: Compiled): string | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined || !['POST', 'PATCH'].includes(request.method)) return undefined
  if (!route.once || !options.answers) throw fault('KeyNotTaken', { method: request.method })
  return parseKey(String(header))
}

function publicContext(request: FastifyRequest): RequestContext {
  return makeContext({ requestId: requestIdOf(request), remoteAddress: request.ip })
}

async function contextOf(request: FastifyRequest, { authenticate }: ApiOptions): Promise<RequestContext> {
  const token = request.headers['x-auth-token']
  const bearer = typeof token === 'string' && token !== '' ? await authenticate(token) : undefined
  if (!bearer) throw fault('Unauthorized', {})
  const serviceToken = request.headers['x-service-token']
  const beside = typeof serviceToken === 'string' ? await authenticate(serviceToken) : undefined
  const sent = request.headers['x-openstack-request-id']
  return makeContext({
    ...bearer,
    requestId: requestIdOf(request),
    globalRequestId: typeof sent === 'string' && REQUEST_ID.test(sent) ? sent : null,
    serviceRoles: beside?.roles ?? [],
    remoteAddress: request.ip,
  })
}

/** The version asked for; 0 for services without microversions. */
function negotiate(request: FastifyRequest, { manners }: Service<unknown>): Microversion {
  const { versions } = manners
  if (!versions) return 0
  const text = askedVersion(request, versions.type, versions.legacyHeader)
  if (text === undefined) return version(versions.min)
  if (text.toLowerCase() === 'latest') return version(versions.max)
  const asked = parseVersion(text)
  if (asked === undefined) throw fault('VersionMalformed', { asked: text })
  if (asked < version(versions.min) || asked > version(versions.max)) {
    throw fault('VersionNotSupported', { asked: text, min: versions.min, max: versions.max })
  }
  return asked
}

function askedVersion(request: FastifyRequest, type: string, legacyHeader: string | undefined): string | undefined {
  const listed = String(request.headers['openstack-api-version'] ?? '').split(',')
  for (const item of listed) {
    const [service, ...rest] = item.trim().split(/\s+/)
    if (service?.toLowerCase() === type && rest.length > 0) return rest.join(' ')
  }
  const legacy = legacyHeader && request.headers[legacyHeader.toLowerCase()]
  return typeof legacy === 'string' ? legacy : undefined
}

const hasBody = (request: FastifyRequest): boolean => ['POST', 'PUT', 'PATCH'].includes(request.method)

function checkMediaType(request: FastifyRequest, { routes }: Group): void {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (!hasBody(request)) return
  const accepted =
    routes[0]!.route.accepts ??
    (routes[0]!.route.stream ? ['application/octet-stream'] : ['application/json', 'text/plain'])
  if (type === undefined && !routes[0]!.route.accepts && !routes[0]!.route.stream) return
  if (type === undefined && request.headers['content-length'] === '0') return
  if (!accepted.includes(type ?? ''))
    throw fault('MediaTypeNotSupported', { got: type ?? '(none)', takes: accepted[0]! })
}

async function bodyOf(request: FastifyRequest, { routes }: Group, { manners }: Service<unknown>): Promise<unknown> {
  if (!hasBody(request) || routes[0]!.route.stream) return undefined
  const text = await readAll(request, manners.bodyLimit)
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch (error) {
    throw fault('MalformedBody', {}, error)
  }
}

async function readAll(request: FastifyRequest, limit: number): Promise<string> {
  const stream = request.body as Readable | undefined
  if (!stream) return ''
  if (Number(request.headers['content-length'] ?? 0) > limit) throw fault('BodyTooLarge', { limit })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit) throw fault('BodyTooLarge', { limit })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function checkProject(context: RequestContext, { projectId }: Edge, { manners }: Service<unknown>): void {
  if (projectId !== undefined && projectId !== context.projectId) {
    throw fault('WrongProject', { url: projectId, token: context.projectId })
  }
  const scoped = context.projectId !== null || context.userId === null
  if (manners.projectScopeOnly && !scoped) {
    throw fault('Denied', {
      message: 'This service takes only tokens that are scoped to a project; ask for a project-scoped token.',
    })
  }
}

/** The route for this version, and for this action if the path takes actions. */
function choose({ routes }: Group, asked: Microversion, body: unknown): Compiled {
  const named = routes.some(({ route }) => route.action !== undefined) ? ofAction(routes, body) : routes
  const found = named.find(({ first, last }) => asked === 0 || (first <= asked && asked <= last))
  if (!found) throw fault('NoSuchRoute', {})
  return found
}

function ofAction(routes: readonly Compiled[], body: unknown): Compiled[] {
  const keys = typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.keys(body) : []
  if (keys.length !== 1) throw fault('MalformedBody', {})
  const named = routes.filter(({ route }) => route.action === keys[0])
  if (named.length === 0) throw fault('NoSuchAction', { action: keys[0]! })
  return named
}

function callOf(handling: Handling, compiled: Compiled, { context, asked, edge }: Asked, body: unknown): Call {
  const { service, request } = handling
  const { manners, policy } = service
  const schemas = compiled.at(asked, edge.legacy ?? false)
  check(schemas.body?.(body), 'body', handling)
  schemas.strip?.(body)
  const search = new URLSearchParams(request.url.split('?')[1] ?? '')
  const query = queryOf(search, schemas.repeatable)
  check(schemas.query?.(query), 'query', handling)
  for (const name of schemas.absent) delete query[name]
  const allows = (rule: string, target: Target = {}): boolean => policy[rule]!(context, target)
  const origin = originOf(request)
  const prefix = origin + manners.prefix
  const [, segment = ''] = request.url.slice(manners.prefix.length).split(/[/?]/)
  return {
    context,
    params: request.params as Record<string, string>,
    body,
    query,
    search,
    headers: request.headers,
    version: asked,
    at: (since) => asked >= version(since),
    allows,
    require(rule, target) {
      if (!allows(rule, target)) throw fault('Denied', { message: manners.denied(rule) })
    },
    url: {
      origin,
      service: prefix,
      versioned: `${prefix}/${segment}${edge.projectId ? `/${edge.projectId}` : ''}`,
      path: request.url.slice(manners.prefix.length),
    },
    get stream() {
      return (request.body ?? request.raw) as Readable
    },
    token: request.headers['x-auth-token'] as string | undefined,
    get signal() {
      return request.signal
    },
    stopping: handling.stopping,
    tokenValid: async () => {
      const token = request.headers['x-auth-token']
      return typeof token === 'string' && (await handling.options.authenticate(token)) !== undefined
    },
  }
}

function check(
  problem: Parameters<Service<unknown>['manners']['invalid']>[0] | undefined,
  where: 'body' | 'query',
  { service }: Handling,
): void {
  if (problem) throw fault('Invalid', { message: service.manners.invalid(problem, where) })
}

function queryOf(search: URLSearchParams, repeatable: ReadonlySet<string>): Record<string, unknown> {
  const query: Record<string, unknown> = {}
  for (const name of new Set(search.keys())) {
    const values = search.getAll(name)
    query[name] = repeatable.has(name) ? values : values.at(-1)
  }
  return query
}

interface Answered {
  status: number
  headers: Record<string, string>
  body: unknown
}

function answered(at: AtVersion, result: unknown): Answered {
  const { status = at.status, headers = {}, body } = result instanceof Answer ? result : { body: result }
  return { status, headers, body }
}

function answer(reply: FastifyReply, at: AtVersion, result: unknown): FastifyReply {
  const { status, headers, body } = answered(at, result)
  reply.headers(headers)
  if (isStream(body) || Buffer.isBuffer(body)) return reply.code(status).send(body)
  at.prune?.(body)
  return sendJson(reply, status, body)
}

function plain(at: AtVersion, result: unknown): PlainAnswer {
  const { status, headers, body } = answered(at, result)
  at.prune?.(body)
  return { status, headers, text: body === undefined ? '' : JSON.stringify(body) }
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}
