// Some of compute's routes behind a real API over a database in memory, for tests: callers are named by their tokens.
import { computeManners } from '@kilonova/api/manners/compute'
import type { Route } from '@kilonova/api/route'
import { createApi } from '@kilonova/api/server'
import type { Caller } from '@kilonova/api/testing-callers'
import { authenticateCaller } from '@kilonova/api/testing-callers'
import { VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import type { Compute } from './compute.ts'
import { Notifications } from './notifications/notifications.ts'
import { computeOptions } from './options.ts'
import { policy } from './policy.ts'
import { computeSchema } from './schema/compute-schema.ts'
import { MAX_VERSION, MIN_VERSION } from './versions.ts'

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every form
  body: any
  headers: Record<string, unknown>
}

export interface Asked {
  /** Default: alice. Null sends no token. */
  as?: Caller | null
  /** Default: the oldest. */
  version?: string
  body?: unknown
}

export interface ApiUnderTest {
  compute: Compute
  clock: VirtualClock
  /** Asks with a path below `/compute`, such as `GET /v2.1/flavors`. */
  ask(request: string, asked?: Asked): Promise<Reply>
  close(): Promise<void>
}

export interface Setting {
  /** Configuration over the defaults. */
  toml?: string
  /** Default: a new database in memory. It is closed with the rest. */
  store?: Store
  /** Clients of other services, where the routes ask those. */
  parts?: Partial<Compute>
}

/** Compute has its store, clock, random, options, notifications and the parts given; nothing else. */
export async function startApi(
  routes: readonly Route<Compute>[],
  { toml = '', store: given, parts = {} }: Setting = {},
): Promise<ApiUnderTest> {
  const store = given ?? (await memoryStore(computeSchema))
  const clock = new VirtualClock()
  const read = readConfig(computeOptions, toml)
  const notifications = new Notifications({ options: read.notifications, host: 'control' })
  const common = { store, clock, random: systemRandom, options: read.compute, notifications }
  const compute = { ...common, ...parts } as unknown as Compute
  const api = createApi({ authenticate: authenticateCaller })
  api.mount({ manners: computeManners({ min: MIN_VERSION, max: MAX_VERSION }), policy, routes, deps: compute })

  async function ask(request: string, { as = 'alice', version, body }: Asked = {}): Promise<Reply> {
    const [method, path] = request.split(' ') as ['GET', string]
    const headers = {
      ...(as === null ? {} : { 'x-auth-token': as }),
      ...(version === undefined ? {} : { 'openstack-api-version': `compute ${version}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
    const reply = await api.fastify.inject({ method, url: `/compute${path}`, headers, ...payload })
    const text = reply.payload
    return { status: reply.statusCode, body: text === '' ? undefined : JSON.parse(text), headers: reply.headers }
  }

  return {
    compute,
    clock,
    ask,
    async close() {
      await api.close()
      await store.close()
    },
  }
}
