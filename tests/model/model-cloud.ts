// The cloud that a model is compared with: the real services over HTTP, on fake hosts and a clock that moves when told to.

import type { Api, Bearer } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import { adminContext } from '@kilonova/base/context'
import { computeService } from '@kilonova/compute/service'
import type { Failpoints } from '@kilonova/tasks/failpoints'
import { ServerWorld } from '../server-world.ts'
import { FLAVORS, HOSTS, LIMITS, type NetworkName, VCPUS_OF_HOST } from './model.ts'

const CONFIG = `[compute]
quota_instances = ${LIMITS.instances}
quota_cores = ${LIMITS.cores}
cpu_allocation_ratio = 1.0
shelved_offload_time = -1
[network]
quota_floatingip = ${LIMITS.floatings}
quota_security_group = ${LIMITS.groups + 1}
`

interface Found {
  private: string
  images: string[]
}

export type Caller = 'demo' | 'admin'

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every form
  body: any
}

export interface Asked {
  as?: Caller
  body?: object
}

export class ModelCloud {
  readonly world: ServerWorld
  readonly networks: Record<NetworkName | 'public', string>
  /** What servers boot from, and what they are rescued with and rebuilt from. */
  readonly image: string
  readonly otherImage: string
  /** The security group that ports have when none is said. */
  defaultGroup = ''
  #hasFailed = false
  readonly #api: Api
  readonly #url: string

  private constructor(world: ServerWorld, api: Api, url: string, found: Found) {
    this.world = world
    this.networks = { private: found.private, narrow: '', public: '' }
    this.image = found.images[0]!
    this.otherImage = found.images[1]!
    this.#api = api
    this.#url = url
  }

  static async open(): Promise<ModelCloud> {
    const hosts = HOSTS.map((name) => ({ name, vcpus: VCPUS_OF_HOST, memoryMb: 65_536 }))
    const world = await ServerWorld.open({ config: CONFIG, hosts })
    await world.startTasks()
    const api = createApi({ authenticate: async (token) => bearerOf(world, token as Caller) })
    api.mount(computeService(world.compute))
    api.mount(world.network.api)
    const url = await api.listen({ host: '127.0.0.1', port: 0 })
    const images = (await world.compute.image.list(adminContext())).map(({ id }) => id)
    const cloud = new ModelCloud(world, api, url, { private: await world.privateNetwork(), images })
    await cloud.#furnish()
    return cloud
  }

  async #furnish(): Promise<void> {
    for (const [name, { vcpus, ram }] of Object.entries(FLAVORS))
      await this.must('POST /compute/v2.1/flavors', {
        as: 'admin',
        body: { flavor: { id: name, name, vcpus, ram, disk: 1 } },
      })
    const { networks } = await this.must('GET /network/v2.0/networks?name=public')
    this.networks.public = networks[0].id
    const { network } = await this.must('POST /network/v2.0/networks', { body: { network: { name: 'narrow' } } })
    this.networks.narrow = network.id
    const pool = { start: '10.9.0.10', end: `10.9.0.${9 + LIMITS.addresses}` }
    const subnet = { network_id: network.id, ip_version: 4, cidr: '10.9.0.0/24', allocation_pools: [pool] }
    await this.must('POST /network/v2.0/subnets', { body: { subnet: { ...subnet, enable_dhcp: false } } })
    const { security_groups: groups } = await this.must('GET /network/v2.0/security-groups')
    this.defaultGroup = groups[0].id
  }

  /** `GET /compute/v2.1/servers` */
  async ask(request: string, { as = 'demo', body }: Asked = {}): Promise<Reply> {
    const [method, path] = request.split(' ') as [string, string]
    const reply = await fetch(this.#url + path, {
      method,
      headers: {
        'x-auth-token': as,
        'openstack-api-version': 'compute 2.96',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await reply.text()
    return { status: reply.status, body: text === '' ? undefined : JSON.parse(text) }
  }

  /** The body of what must succeed. */
  async must(request: string, asked?: Asked): Promise<Reply['body']> {
    const { status, body } = await this.ask(request, asked)
    if (status >= 300) throw new Error(`${request}: ${status} ${JSON.stringify(body)}`)
    return body
  }

  /** Waits until no task works on the server, and hosts know what network wants. */
  async settled(id: string): Promise<void> {
    await this.world.run(this.world.settled(id))
    await this.world.run(this.world.told())
  }

  /** Waits until no task works on the server, or until one has died there. */
  async endOrDeath(id: string, failpoints: Failpoints): Promise<void> {
    const resource = { type: 'server', id }
    while (!failpoints.crashed && (await this.world.tasks.list({ live: true, resource })).length > 0)
      await this.world.run(this.world.clock.sleep(100))
  }

  /** The next calls of that name to either host fail. */
  breakNext({ call, times, place }: { call: string; times: number; place: 'before' | 'after' }): void {
    this.#hasFailed ||= times > 0
    for (const { weather } of this.world.hosts) weather.breakNext(call, times, place)
  }

  /** Whether each call to a host takes a while. */
  slow(slow: boolean): void {
    for (const { weather } of this.world.hosts) weather.latency = slow ? 100 : 0
  }

  /** What hosts failed to do is done at their next comparison; without failures there is nothing that it may mend. */
  async mended(): Promise<void> {
    if (this.#hasFailed) await this.world.run(this.world.restartHosts())
  }

  /** Whatever is under way. */
  async close(): Promise<void> {
    this.slow(false)
    await this.world.run(this.#api.close())
    await this.world.run(this.world.close())
  }
}

function bearerOf(world: ServerWorld, caller: Caller): Bearer {
  const { requestId: _, globalRequestId: __, remoteAddress: ___, timestamp: ____, ...demo } = world.context()
  if (caller === 'demo') return demo
  return {
    ...demo,
    ...{ userId: 'admin', projectId: 'a'.repeat(32), roles: ['admin', 'member', 'reader'] },
    isAdmin: true,
  }
}
