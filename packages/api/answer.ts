// Answers: request ids and version headers on every reply, faults in the service's envelope.
import { makeContext, newRequestId, withContext } from '@kilonova/base/context'
import { errorChain, Fault, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { edgeOf } from './edge.ts'
import { fault } from './faults.ts'
import type { Manners } from './manners.ts'
import { statusTitle } from './manners.ts'
import type { ApiOptions } from './server.ts'

const ids = new WeakMap<object, string>()

/** The request's own id, made at its first use. */
export function requestIdOf(request: FastifyRequest): string {
  let id = ids.get(request.raw)
  if (!id) {
    id = newRequestId()
    ids.set(request.raw, id)
  }
  return id
}

/** Sets the headers that each answer of the service carries. */
export function setHeaders(request: FastifyRequest, reply: FastifyReply, manners: Manners, version?: string): void {
  const id = requestIdOf(request)
  for (const name of manners.requestIdHeaders) reply.header(name, id)
  const { versions } = manners
  if (!versions) {
    reply.header('vary', 'X-Auth-Token')
    return
  }
  const names = ['OpenStack-API-Version', ...(versions.legacyHeader ? [versions.legacyHeader] : [])]
  reply.header('vary', names.join(', '))
  if (version === undefined || edgeOf(request.raw).legacy) return
  reply.header('OpenStack-API-Version', `${versions.type} ${version}`)
  if (versions.legacyHeader) reply.header(versions.legacyHeader, version)
}

/** Sends a JSON body, or none. */
export function sendJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  reply.code(status).header('content-type', 'application/json')
  return reply.send(body === undefined ? '' : JSON.stringify(body))
}

/** Turns whatever was thrown into the service's envelope; the unexpected is logged whole and told as an id. */
export function answerFault(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  options: ApiOptions,
): FastifyReply {
  const { manners } = edgeOf(request.raw)
  const requestId = requestIdOf(request)
  const known = expected(error, options) ?? unexpected(error, request, requestId)
  if (!manners) return sendJson(reply, known.status, { error: { code: known.status, message: known.message } })
  if (!reply.hasHeader(manners.requestIdHeaders[0]!)) setHeaders(request, reply, manners)
  if (known.status === 401) reply.header('www-authenticate', `Keystone uri="${originOf(request)}/identity"`)
  if (known.status === 503) reply.header('retry-after', '1')
  const { body, headers = {} } =
    known.code === 'Unauthorized' ? { body: unauthorized(known) } : manners.envelope(known.toWire(), requestId)
  return sendJson(reply.headers(headers), known.status, body)
}

function unauthorized(known: Fault): unknown {
  return { error: { code: 401, title: 'Unauthorized', message: known.message } }
}

function expected(error: unknown, { translate }: ApiOptions): Fault | undefined {
  if (isFault(error)) return error
  return translate?.(error) ?? fromFastify(error)
}

/** Fastify's own refusals (bad URL, broken request) keep their status. */
function fromFastify(error: unknown): Fault | undefined {
  const { statusCode, message } = error as { statusCode?: number; message?: string }
  if (statusCode === undefined || statusCode >= 500) return undefined
  return new Fault(
    { code: 'BadRequest', status: statusCode, kind: '', message: message ?? statusTitle(statusCode), details: {} },
    error,
  )
}

function unexpected(error: unknown, request: FastifyRequest, requestId: string): Fault {
  withContext(makeContext({ requestId }), () => {
    const stack = error instanceof Error ? error.stack : undefined
    log('api').error({ method: request.method, url: request.url, stack }, errorChain(error))
  })
  return fault('Unexpected', { requestId }, error)
}

/** `http://host:port` as the caller reached us. */
export function originOf(request: FastifyRequest): string {
  const scheme = request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${request.headers.host ?? 'localhost'}`
}

/** A path that no route has, or none with this method. */
export async function answerUnknownRoute(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { manners, path } = edgeOf(request.raw)
  const message = 'The resource could not be found.'
  if (!manners)
    return sendJson(reply, 404, {
      error: {
        code: 404,
        message: `${message} Services are under /identity, /compute, /image, /network and /placement.`,
      },
    })
  setHeaders(request, reply, manners)
  const choices = manners.choices?.(originOf(request) + manners.prefix, path)
  if (choices !== undefined) return sendJson(reply, 300, choices)
  if (manners.service === 'compute') return sendJson(reply, 404, { message, code: '404 Not Found', title: 'Not Found' })
  return sendJson(reply, 404, manners.envelope(fault('NoSuchRoute', {}).toWire(), requestIdOf(request)).body)
}
