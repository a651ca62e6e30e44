// A route is a fact in one place: path, versions, schemas, policy, status and handler.
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import type { Policy, Target } from './policy.ts'
import type { Static, TSchema } from './type.ts'
import type { Microversion } from './versions.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a handler is given: the newest shape of the request and who asks. */
export interface Call<Body = unknown, Query = unknown> {
  readonly context: RequestContext
  readonly params: Record<string, string>
  readonly body: Body
  readonly query: Query
  /** The query as sent, repeated names in order. */
  readonly search: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly version: Microversion
  /** True from this version on, as `at('2.37')`. */
  at(since: string): boolean
  /** True when the rule lets this caller touch the target. */
  allows(rule: string, target?: Target): boolean
  /** Throws the service's "policy doesn't allow" fault unless the rule passes. */
  require(rule: string, target?: Target): void
  readonly url: CallUrl
  /** The unread body of a route with `stream: true`. */
  readonly stream: Readable
  /** The token as sent. */
  readonly token: string | undefined
  /** Aborts when the caller goes away before the answer is sent. */
  readonly signal: AbortSignal
  /** Aborts when the server stops: answers without end end then. */
  readonly stopping: AbortSignal
  /** Whether the token that was sent is still valid; for answers without end. */
  tokenValid(): Promise<boolean>
}

/** Addresses for the links inside replies, as the caller reached us. */
export interface CallUrl {
  /** `http://host:port` */
  readonly origin: string
  /** Origin and prefix: `http://host:port/compute` */
  readonly service: string
  /** With the version's segment, and the project id if the request had one: `…/compute/v2.1`. */
  readonly versioned: string
  /** The path and query of the request below the service's prefix, without a project id. */
  readonly path: string
}

/** An answer that is more than a body: another status, headers, a stream. */
export class Answer {
  readonly status: number | undefined
  readonly headers: Record<string, string>
  readonly body: unknown

  constructor({ status, headers = {}, body }: { status?: number; headers?: Record<string, string>; body?: unknown }) {
    this.status = status
    this.headers = headers
    this.body = body
  }
}

export interface Route<Deps> {
  readonly method: Method
  /** Below the service's prefix, such as `/v2.1/servers/:id`. */
  readonly path: string
  /** Rule of the service's policy table, or 'public' (no token asked). */
  readonly policy: string
  /** For `…/action` routes: the one key of the body that selects this route. */
  readonly action?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly body?: TSchema | undefined
  readonly query?: TSchema | undefined
  /** Status of success; from newer versions on another, as `{ '2.1': 200, '2.2': 201 }`. */
  readonly success: number | Record<string, number>
  /** The newest reply; its fields know their versions, what a caller's version hides is left out. */
  readonly reply?: TSchema | undefined
  /** The body is not JSON; the handler reads `call.stream`. */
  readonly stream?: boolean | undefined
  /** Media types that this route takes in place of application/json. */
  readonly accepts?: readonly string[] | undefined
  /**
   * Takes an Idempotency-Key. With one, the handler runs as one transaction with the record of its answer: it only
   * touches the store, may run twice, and answers no stream.
   */
  readonly once?: boolean | undefined
  /** Runs before the handler, which gets what it answers: for what is slow, and so stays out of that transaction. */
  readonly prepare?: ((deps: Deps, call: Call<never, never>) => Promise<unknown>) | undefined
  readonly handler: (deps: Deps, call: Call<never, never>, prepared: never) => Promise<unknown>
}

interface Declared<Deps, Rules, Body extends TSchema, Query extends TSchema, Prepared>
  extends Omit<Route<Deps>, 'policy' | 'body' | 'query' | 'prepare' | 'handler'> {
  policy: Rules | 'public'
  body?: Body
  query?: Query
  prepare?: (deps: Deps, call: Call<Static<Body>, Static<Query>>) => Promise<Prepared>
  handler: (deps: Deps, call: Call<Static<Body>, Static<Query>>, prepared: Prepared) => Promise<unknown>
}

/** The service's own `route`: its handlers get the service's parts, its rules come from the policy table. */
export function routeOf<Deps, Rules extends Policy>(_policy: Rules) {
  return <Body extends TSchema = TSchema, Query extends TSchema = TSchema, Prepared = undefined>(
    declared: Declared<Deps, keyof Rules & string, Body, Query, Prepared>,
  ): Route<Deps> => declared as unknown as Route<Deps>
}

/** All that a route does with a call. */
export async function perform<Deps>(
  { prepare, handler }: Pick<Route<Deps>, 'prepare' | 'handler'>,
  deps: Deps,
  call: unknown,
): Promise<unknown> {
  return handler(deps, call as never, (await prepare?.(deps, call as never)) as never)
}
