// How one OpenStack service speaks: its prefix, version headers, request-id headers and the shape of its errors.
import type { FaultOnWire } from '@kilonova/base/fault'
import { str } from './python-text.ts'
import type { Invalid } from './validate.ts'

export interface VersionHeaders {
  /** The service type inside `OpenStack-API-Version`. */
  type: string
  /** An older header with the bare version. */
  legacyHeader?: string
  min: string
  max: string
}

/** What a path says besides the route: the service's own spelling is removed before routing. */
export interface Rewritten {
  path: string
  /** The project id that stood in the path. */
  projectId?: string
  /** The service's compatibility mode: versions and unknown keys are ignored. */
  legacy?: boolean
}

export interface Manners {
  readonly service: string
  /** Such as `/compute`. */
  readonly prefix: string
  readonly versions?: VersionHeaders
  readonly requestIdHeaders: readonly string[]
  /** Bytes of a JSON body at most. */
  readonly bodyLimit: number
  /** Status for a known path with another method. */
  readonly wrongMethod: 404 | 405
  /** Refuse tokens that are not scoped to a project. */
  readonly projectScopeOnly?: boolean
  rewrite?(path: string): Rewritten
  /** What answers a path outside of every version, with 300; undefined: 404. `service` is the prefix as the caller reached it. */
  choices?(service: string, path: string): unknown
  envelope(fault: FaultOnWire, requestId: string): { body: unknown; headers?: Record<string, string> }
  /** Sentence for a body or query that its schema refuses. */
  invalid(problem: Invalid, where: 'body' | 'query'): string
  denied(rule: string): string
}

/** The sentence of oslo-style validators: field, value, reason. */
export function invalidSentence(problem: Invalid, where: 'body' | 'query'): string {
  const last = problem.path.at(-1)
  if (last === undefined) return problem.reason
  const what = where === 'body' ? 'field/attribute' : 'query parameters'
  return `Invalid input for ${what} ${problem.path.length === 1 ? last : lastName(problem.path)}. Value: ${str(problem.value)}. ${problem.reason}`
}

function lastName(path: string[]): string {
  return path.at(-1)!
}

const TITLES: Record<number, string> = {
  300: 'Multiple Choices',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

export function statusTitle(status: number): string {
  return TITLES[status] ?? 'Error'
}
