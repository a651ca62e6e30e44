// The public APIs as our own commands use them: a token, then plain requests.
import { systemClock } from '@kilonova/base/clock'
import { Fault } from '@kilonova/base/fault'
import { fault } from './faults.ts'

export interface User {
  name: string
  password: string
  project: string
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the cloud's url: `/compute/v2.1/servers`. */
  path: string
  body?: unknown
  headers?: Record<string, string>
}

/** A session of one user. Every error of the API is thrown as a Fault with its sentence. */
export class ApiClient {
  readonly url: string
  readonly #token: string
  readonly projectId: string

  private constructor(url: string, token: string, projectId: string) {
    this.url = url
    this.#token = token
    this.projectId = projectId
  }

  static async logIn(url: string, { name, password, project }: User): Promise<ApiClient> {
    const domain = { id: 'default' }
    const identity = { methods: ['password'], password: { user: { name, domain, password } } }
    const body = { auth: { identity, scope: { project: { name: project, domain } } } }
    const reply = await reach(`${url}/identity/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const { token } = (await checked(reply)) as { token: { project: { id: string } } }
    return new ApiClient(url, reply.headers.get('x-subject-token')!, token.project.id)
  }

  /** What each request says of its sender. */
  get headers(): Record<string, string> {
    return { 'x-auth-token': this.#token, 'openstack-api-version': 'compute 2.96' }
  }

  async ask<T>(asked: Ask): Promise<T> {
    return (await checked(await this.send(asked))) as T
  }

  /** The reply as it is, also of an error. */
  send({ method = 'GET', path, body, headers = {} }: Ask): Promise<Response> {
    return reach(this.url + path, {
      method,
      headers: { ...this.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
}

/** Throws CloudSilent when nobody answers there. */
async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    throw fault('CloudSilent', { url: new URL(url).origin }, error)
  }
}

async function checked(reply: Response): Promise<unknown> {
  const text = await reply.text()
  const body = text === '' ? undefined : parse(text)
  if (reply.ok) return body
  const requestId = reply.headers.get('x-openstack-request-id')
  const { message, mend, type: kind = '' } = errorIn(body)
  const wire = { code: 'ApiError', status: reply.status, kind, details: { requestId } }
  const said = message ?? `The cloud answered ${reply.status}.`
  throw new Fault({ ...wire, message: said, ...(mend === undefined ? {} : { mend }) })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The sentence inside any service's error envelope; network names its type, our own say what to do, too. */
function errorIn(body: unknown): { message?: string; mend?: string; type?: string } {
  if (typeof body !== 'object' || body === null) return {}
  const { message } = body as { message?: unknown }
  if (typeof message === 'string') return { message }
  const inner = Object.values(body)[0]
  const first = Array.isArray(inner) ? inner[0] : inner
  if (typeof first !== 'object' || first === null) return {}
  const { message: deeper, detail, mend, type } = first as Record<string, unknown>
  const sentence = [deeper, detail].find((text) => typeof text === 'string')
  return {
    ...(sentence === undefined ? {} : { message: sentence }),
    ...(typeof mend === 'string' ? { mend } : {}),
    ...(typeof type === 'string' ? { type } : {}),
  }
}

/** Whether a cloud answers on this url. */
export async function answers(url: string): Promise<boolean> {
  const limit = 2000
  try {
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(limit) })).ok
  } catch {
    return false
  }
}

/** Asks again until `look` gives something, at most `seconds`. */
export async function until<T>(
  seconds: number,
  look: () => Promise<T | undefined>,
  interval = 200,
): Promise<T | undefined> {
  const end = systemClock.monotonic() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined || systemClock.monotonic() >= end) return found
    await systemClock.sleep(interval)
  }
}
