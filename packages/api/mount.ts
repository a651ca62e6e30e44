// Registers a service's routes: those of one method and path share a dispatcher that picks by version and action.
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { answerFault, requestIdOf, sendJson, setHeaders } from './answer.ts'
import type { Compiled } from './compiled.ts'
import { compileRoute } from './compiled.ts'
import { fault } from './faults.ts'
import { handle } from './handle.ts'
import type { Route } from './route.ts'
import type { ApiOptions, Service } from './server.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Routes of one method and path. */
export interface Group {
  readonly routes: readonly Compiled[]
}

export interface Mounting {
  fastify: FastifyInstance
  options: ApiOptions
  /** Aborts when the server stops. */
  stopping: AbortSignal
}

export function mountRoutes<Deps>(service: Service<Deps>, mounting: Mounting): void {
  const { fastify } = mounting
  const byPath = new Map<string, Map<string, Compiled[]>>()
  for (const route of service.routes) {
    refuseUnknownRule(route, service)
    refuseNobodysKeys(route, service)
    const methods = byPath.get(route.path) ?? new Map<string, Compiled[]>()
    methods.set(route.method, [...(methods.get(route.method) ?? []), compileRoute(route as Route<never>)])
    byPath.set(route.path, methods)
  }
  for (const [path, methods] of byPath) {
    const url = service.manners.prefix + (path === '/' ? '/' : path)
    for (const [method, routes] of methods) {
      fastify.route({ method: method as HTTPMethods, url, handler: answering({ routes }, service, mounting) })
    }
    if (service.manners.wrongMethod === 405) refuseOtherMethods(fastify, url, [...methods.keys()], service)
  }
}

function refuseUnknownRule<Deps>(route: Route<Deps>, { policy, manners }: Service<Deps>): void {
  if (route.policy === 'public' || route.policy in policy) return
  throw new Error(
    `${manners.service}: ${route.method} ${route.path} names the rule ${route.policy}, which its policy lacks`,
  )
}

/** A key belongs to whoever sends it. */
function refuseNobodysKeys<Deps>({ method, path, policy, once }: Route<Deps>, { manners }: Service<Deps>): void {
  if (once && policy === 'public')
    throw new Error(`${manners.service}: ${method} ${path} is public, and so has no keys`)
}

function answering<Deps>(group: Group, service: Service<Deps>, { options, stopping }: Mounting) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    try {
      return await handle({ group, service: service as Service<unknown>, options, request, reply, stopping })
    } catch (error) {
      return answerFault(error, request, reply, options)
    }
  }
}

function refuseOtherMethods<Deps>(
  fastify: FastifyInstance,
  url: string,
  allowed: string[],
  { manners }: Service<Deps>,
): void {
  const others = METHODS.filter((method) => !allowed.includes(method))
  if (others.length === 0) return
  fastify.route({
    method: others,
    url,
    handler: (request, reply) => {
      setHeaders(request, reply, manners)
      reply.header('allow', allowed.join(', '))
      const { body } = manners.envelope(fault('WrongMethod', { method: request.method }).toWire(), requestIdOf(request))
      return sendJson(reply, 405, body)
    },
  })
}
