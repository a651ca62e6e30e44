// A small network service for this room's tests: real routes over a store, with callers of chosen roles.
import type { Bearer } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import { makeContext } from '@kilonova/base/context'
import { readConfig } from '@kilonova/base/options'
import { LocalBus } from '@kilonova/bus/local'
import type { Store } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import type { NetworkEvent } from './client.ts'
import type { NetworkOptions } from './options.ts'
import { networkOptions } from './options.ts'
import { networkSchema } from './schema/network-schema.ts'
import type { NetworkService } from './service.ts'
import { createNetworkService } from './service.ts'

export const optionsWith = (changes: Partial<NetworkOptions> = {}): NetworkOptions => ({
  ...readConfig({ network: networkOptions }).network,
  ...changes,
})

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
export type Body = any

export interface Reply {
  status: number
  body: Body
}

/** Who asks: `demo`, `other` and `admin` are projects; the roles follow. A token is such a text. */
export type Caller = `${string}:${string}`

export const MEMBER: Caller = 'demo:member,reader'
export const READER: Caller = 'demo:reader'
export const OTHER: Caller = 'other:member,reader'
export const ADMIN: Caller = 'admin:admin,member,reader'
export const SERVICE: Caller = 'service:service'

function bearerOf(token: string): Bearer | undefined {
  const [project, roles] = token.split(':')
  if (!project || !roles) return undefined
  const list = roles.split(',')
  const {
    requestId: _,
    globalRequestId: __,
    remoteAddress: ___,
    timestamp: ____,
    ...bearer
  } = makeContext({
    userId: `user-${project}`,
    projectId: project,
    roles: list,
    isAdmin: list.includes('admin'),
  })
  return bearer
}

export interface TestCloud {
  service: NetworkService
  bus: LocalBus
  store: Store
  /** What compute was told. */
  events: NetworkEvent[]
  ask(method: string, path: string, caller: Caller, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  /** The reply's body; throws for another status than the expected one. */
  must(method: string, path: string, caller: Caller, body?: unknown): Promise<Body>
  close(): Promise<void>
}

export interface TestCloudOptions {
  options?: Partial<NetworkOptions>
  store?: Store
  clock?: Clock
}

/** A cloud of which only network exists. */
export async function testCloud({
  options,
  store: given,
  clock = systemClock,
}: TestCloudOptions = {}): Promise<TestCloud> {
  const store = given ?? (await memoryStore(networkSchema))
  const bus = new LocalBus(clock)
  const service = createNetworkService({ store, bus, options: optionsWith(options), clock })
  const events: NetworkEvent[] = []
  await bus.serve<{ networkEvent(event: NetworkEvent): Promise<null> }>('compute.events', {
    networkEvent: async (event) => {
      events.push(event)
      return null
    },
  })
  const stop = await service.start()
  const api = createApi({ authenticate: async (token) => bearerOf(token) })
  api.mount(service.api)

  async function ask(
    method: string,
    path: string,
    caller: Caller,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const reply = await api.fastify.inject({
      method: method as 'GET',
      url: `/network${path}`,
      headers: {
        host: 'cloud.test:8774',
        'x-auth-token': caller,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = reply.body
    return { status: reply.statusCode, body: text === '' ? undefined : JSON.parse(text) }
  }

  return {
    service,
    bus,
    store,
    events,
    ask,
    async must(method, path, caller, body) {
      const reply = await ask(method, path, caller, body)
      if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
      return reply.body
    },
    async close() {
      await api.close()
      await stop()
      await bus.close()
      if (!given) await store.close()
    },
  }
}

/** Until `look` holds, or its last complaint; hosts do what they are told a little later. */
export async function eventually<T>(look: () => Promise<T> | T): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await look()
    } catch (error) {
      if (attempt === 3000) throw error
      await systemClock.sleep(20)
    }
  }
}

/** A network with one subnet, made by the caller. */
export async function makeNetwork(
  { must }: TestCloud,
  caller: Caller,
  { cidr = '10.0.0.0/24', subnet = {}, network = {} }: { cidr?: string; subnet?: object; network?: object } = {},
): Promise<{ networkId: string; subnetId: string }> {
  const made = await must('POST', '/v2.0/networks', caller, { network: { name: 'net', ...network } })
  const networkId = made.network.id as string
  const ip_version = cidr.includes(':') ? 6 : 4
  const body = { subnet: { network_id: networkId, cidr, ip_version, ...subnet } }
  const { subnet: row } = await must('POST', '/v2.0/subnets', caller, body)
  return { networkId, subnetId: row.id }
}

/** An external network, a router of the caller with its gateway there and a leg in the subnet. */
export async function makeRouter(cloud: TestCloud, caller: Caller, subnetId: string) {
  const outside = await makeNetwork(cloud, ADMIN, {
    cidr: '172.24.4.0/24',
    network: { 'router:external': true },
    subnet: { enable_dhcp: false, allocation_pools: [{ start: '172.24.4.100', end: '172.24.4.200' }] },
  })
  const external_gateway_info = { network_id: outside.networkId }
  const { router } = await cloud.must('POST', '/v2.0/routers', caller, { router: { name: 'r', external_gateway_info } })
  await cloud.must('PUT', `/v2.0/routers/${router.id}/add_router_interface`, caller, { subnet_id: subnetId })
  return { externalId: outside.networkId, routerId: router.id as string }
}
