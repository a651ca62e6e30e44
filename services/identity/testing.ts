// A small identity service for this room's tests: real routes on a database in memory, cheap password hashes.
import { createApi } from '@kilonova/api/server'
import type { Clock } from '@kilonova/base/clock'
import { VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import type { Store } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import type { BootstrapOptions } from './bootstrap.ts'
import { bootstrap } from './bootstrap.ts'
import { identityClient } from './client.ts'
import type { Identity } from './identity.ts'
import { createIdentity } from './identity.ts'
import type { IdentityOptions } from './options.ts'
import { identityOptions } from './options.ts'
import { identitySchema } from './schema/identity-schema.ts'
import { identityService } from './service.ts'

export const BOOTSTRAP: BootstrapOptions = {
  adminPassword: 'admin-secret',
  demoPassword: 'demo-secret',
  region: 'RegionOne',
  services: [
    { type: 'identity', name: 'keystone', path: '/identity' },
    { type: 'compute', name: 'nova', path: '/compute/v2.1' },
    { type: 'volumev3', name: 'cinder', path: '/volume/v3/%(project_id)s' },
  ],
}

export const optionsWith = (changes: Partial<IdentityOptions> = {}): IdentityOptions => ({
  ...readConfig({ identity: identityOptions }).identity,
  password_hash_cost: 4,
  ...changes,
})

/** Identity's parts over a store, with what a new cloud holds. */
export async function bootstrapped(
  store: Store,
  clock: Clock,
  changes: Partial<IdentityOptions> = {},
): Promise<Identity> {
  const identity = createIdentity({ store, clock, options: optionsWith(changes) })
  await bootstrap(identity, BOOTSTRAP)
  return identity
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
export type Body = any

export interface Reply {
  status: number
  body: Body
  headers: Record<string, unknown>
}

export interface Request {
  token?: string
  body?: unknown
  headers?: Record<string, string>
}

export type Scope = 'unscoped' | Record<string, unknown> | undefined

export interface TestCloud {
  identity: Identity
  clock: VirtualClock
  ask(method: string, path: string, request?: Request): Promise<Reply>
  login(name: string, password: string, scope?: Scope): Promise<Reply>
  /** The token of a login that must succeed. */
  token(name: string, password: string, scope?: Scope): Promise<string>
  admin(): Promise<string>
  close(): Promise<void>
}

export const onProject = (name: string): Scope => ({ project: { name, domain: { id: 'default' } } })
export const SYSTEM_SCOPE: Scope = { system: { all: true } }

/** A cloud of which only identity exists, on a clock that moves when told to. */
export async function testCloud(changes: Partial<IdentityOptions> = {}): Promise<TestCloud> {
  const clock = new VirtualClock()
  const store = await memoryStore(identitySchema)
  const identity = await bootstrapped(store, clock, changes)
  const api = createApi({ authenticate: identityClient(identity).authenticate })
  api.mount(identityService(identity))

  async function ask(method: string, path: string, { token, body, headers = {} }: Request = {}): Promise<Reply> {
    const reply = await api.fastify.inject({
      method: method as 'GET',
      url: `/identity${path}`,
      headers: {
        host: 'cloud.test:8774',
        ...(token === undefined ? {} : { 'x-auth-token': token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = reply.body
    return { status: reply.statusCode, body: text === '' ? undefined : JSON.parse(text), headers: reply.headers }
  }
  const login = (name: string, password: string, scope?: Scope): Promise<Reply> =>
    ask('POST', '/v3/auth/tokens', { body: passwordAuth({ name, domain: { id: 'default' }, password }, scope) })
  async function token(name: string, password: string, scope?: Scope): Promise<string> {
    const { status, body, headers } = await login(name, password, scope)
    if (status !== 201) throw new Error(`${name} could not log in: ${status} ${JSON.stringify(body)}`)
    return headers['x-subject-token'] as string
  }
  return {
    identity,
    clock,
    ask,
    login,
    token,
    admin: () => token('admin', BOOTSTRAP.adminPassword, onProject('admin')),
    async close() {
      await api.close()
      await store.close()
    },
  }
}

export const passwordAuth = (user: Record<string, unknown>, scope?: Scope) => ({
  auth: { identity: { methods: ['password'], password: { user } }, ...(scope === undefined ? {} : { scope }) },
})

export const tokenAuth = (id: string, scope?: Scope) => ({
  auth: { identity: { methods: ['token'], token: { id } }, ...(scope === undefined ? {} : { scope }) },
})
