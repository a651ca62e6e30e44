// Who asks, and under which request id: made at the API's edge, carried by every call, task and log line.
import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock } from './clock.ts'
import { systemRandom } from './random.ts'

/** Plain data: it is stored with tasks and sent over the bus as it is. */
export interface RequestContext {
  /** `req-` + uuid, new for each request. */
  readonly requestId: string
  /** The request id that the caller sent, if it sent one. */
  readonly globalRequestId: string | null
  readonly userId: string | null
  readonly userName: string | null
  readonly userDomainId: string | null
  readonly projectId: string | null
  readonly projectName: string | null
  readonly projectDomainId: string | null
  readonly domainId: string | null
  readonly systemScope: 'all' | null
  readonly roles: readonly string[]
  /** Roles of the service token that came beside the user's. */
  readonly serviceRoles: readonly string[]
  readonly isAdmin: boolean
  /** Whether deleted rows are seen. */
  readonly readDeleted: 'no' | 'yes' | 'only'
  readonly remoteAddress: string | null
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

/** `req-` + uuid. */
export function newRequestId(): string {
  return `req-${systemRandom.uuid()}`
}

const NOBODY: Omit<RequestContext, 'requestId' | 'timestamp'> = {
  globalRequestId: null,
  userId: null,
  userName: null,
  userDomainId: null,
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  systemScope: null,
  roles: [],
  serviceRoles: [],
  isAdmin: false,
  readDeleted: 'no',
  remoteAddress: null,
}

/** A context with the given parts; the rest belongs to nobody. */
export function makeContext(parts: Partial<RequestContext> = {}): RequestContext {
  return { ...NOBODY, requestId: newRequestId(), timestamp: systemClock.now(), ...parts }
}

/** For work that nobody asked for: no user, no project, all rights, its own request id. */
export function adminContext(parts: Partial<RequestContext> = {}): RequestContext {
  return makeContext({ isAdmin: true, roles: ['admin'], ...parts })
}

/** The same request with all rights. */
export function elevated(context: RequestContext): RequestContext {
  if (context.isAdmin) return context
  return { ...context, isAdmin: true, roles: [...new Set([...context.roles, 'admin'])] }
}

const current = new AsyncLocalStorage<RequestContext>()

/** Runs `work` so that its log lines carry the context's request id. */
export function withContext<T>(context: RequestContext, work: () => T): T {
  return current.run(context, work)
}

/** The context that this code runs under, if any. */
export function currentContext(): RequestContext | undefined {
  return current.getStore()
}
