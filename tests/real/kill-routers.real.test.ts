// kill -9 of the cloud around router and floating address work: before its commit, before the host has it, amidst it.
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { until } from '@kilonova/cloud/api-client'
import type { Death } from './death.ts'
import { dyingAt } from './death.ts'
import { RealCloud } from './real-cloud.ts'

/** What the router shall have, by the records and on the host. */
interface Router {
  interfaces: number
  gateway: boolean
  /** Floating addresses and where they lead. */
  floating: Record<string, string>
}

interface Operation {
  name: string
  ask: () => { method: 'POST' | 'PUT' | 'DELETE'; path: string; body?: object }
  /** Tables that only its commit writes to together. */
  tables: string
  /** What the same request may be answered with when it was done already. */
  repeated: number[]
  leads: (router: Router) => void
}

/** Of the death after the commit of an operation, or around it. */
type Place = (tables: string, index: number) => Omit<Death, 'armed'>

const RULES = '^ip netns exec kn-router-.* nft -f -'
const PLACES: Record<string, Place> = {
  'before its commit': (tables) => ({ path: [`^commit .*${tables}`], when: 'before' }),
  'before the host has it': (tables) => ({ path: [`^commit .*${tables}`], when: 'begun' }),
  'amidst the work of the host': (tables, index) => ({
    path: [`^commit .*${tables}`, RULES, ...(index % 2 === 0 ? [] : ['^ip '])],
    when: 'before',
  }),
}

describe('a router whose cloud is killed amidst its work', () => {
  let cloud: RealCloud
  let armed: string
  const ids = { router: '', subnet: '', outside: '', port: '', address: '', floating: '', floatingAddress: '' }
  const router: Router = { interfaces: 0, gateway: false, floating: {} }

  const ask = async <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<T> =>
    cloud.admin.ask<T>({ method, path: `/network/v2.0/${path}`, ...(body ? { body } : {}) })

  before(async () => {
    cloud = await RealCloud.start()
    armed = join(cloud.state.path, 'armed')
    const { networks } = await ask<{ networks: { id: string; name: string }[] }>('GET', 'networks?name=public')
    ids.outside = networks[0]!.id
    const made = await ask<{ network: { id: string } }>('POST', 'networks', { network: { name: 'inner' } })
    const network_id = made.network.id
    const subnet = { network_id, ip_version: 4, cidr: '10.77.0.0/24', enable_dhcp: false }
    ids.subnet = (await ask<{ subnet: { id: string } }>('POST', 'subnets', { subnet })).subnet.id
    const { port } = await ask<{ port: { id: string; fixed_ips: { ip_address: string }[] } }>('POST', 'ports', {
      port: { network_id },
    })
    ids.port = port.id
    ids.address = port.fixed_ips[0]!.ip_address
    ids.router = (await ask<{ router: { id: string } }>('POST', 'routers', { router: { name: 'mortal' } })).router.id
    await cloud.stop()
  })
  after(() => cloud?.remove())

  const associate = (port_id: string | null) => ({
    method: 'PUT' as const,
    path: `floatingips/${ids.floating}`,
    body: { floatingip: { port_id } },
  })
  const gateway = (external_gateway_info: object) => ({
    method: 'PUT' as const,
    path: `routers/${ids.router}`,
    body: { router: { external_gateway_info } },
  })
  const ofInterface = (action: string) => ({
    method: 'PUT' as const,
    path: `routers/${ids.router}/${action}_router_interface`,
    body: { subnet_id: ids.subnet },
  })

  const operations: Operation[] = [
    {
      name: 'add an interface',
      ask: () => ofInterface('add'),
      tables: 'network_counters.*network_ports.*network_routers',
      repeated: [400],
      leads: (router) => void router.interfaces++,
    },
    {
      name: 'set the gateway',
      ask: () => gateway({ network_id: ids.outside }),
      tables: 'network_counters.*network_ports.*network_routers',
      repeated: [200],
      leads: (router) => {
        router.gateway = true
      },
    },
    {
      name: 'lead a floating address to a port',
      ask: () => associate(ids.port),
      tables: 'network_counters.*network_floating_ips',
      repeated: [200],
      leads: (router) => {
        router.floating = { [ids.floatingAddress]: ids.address }
      },
    },
    {
      name: 'lead it nowhere',
      ask: () => associate(null),
      tables: 'network_counters.*network_floating_ips',
      repeated: [200],
      leads: (router) => {
        router.floating = {}
      },
    },
    {
      name: 'delete a floating address that leads to a port',
      ask: () => ({ method: 'DELETE', path: `floatingips/${ids.floating}` }),
      tables: 'network_counters.*network_floating_ips',
      repeated: [404],
      leads: (router) => {
        router.floating = {}
        ids.floating = ''
      },
    },
    {
      name: 'clear the gateway',
      ask: () => gateway({}),
      tables: 'network_counters.*network_ports.*network_routers',
      repeated: [200],
      leads: (router) => {
        router.gateway = false
      },
    },
    {
      name: 'remove the interface',
      ask: () => ofInterface('remove'),
      tables: 'network_counters.*network_ports.*network_routers',
      repeated: [404, 409],
      leads: (router) => void router.interfaces--,
    },
  ]

  /** Makes what an operation needs, in a cloud that lives. */
  async function prepare({ name }: Operation): Promise<void> {
    if (!name.includes('floating address')) return
    if (ids.floating === '') {
      const floatingip = { floating_network_id: ids.outside }
      const made = await ask<{ floatingip: { id: string; floating_ip_address: string } }>('POST', 'floatingips', {
        floatingip,
      })
      ids.floating = made.floatingip.id
      ids.floatingAddress = made.floatingip.floating_ip_address
    }
    if (!name.startsWith('delete')) return
    await ask('PUT', associate(null).path, associate(ids.port).body)
    router.floating = { [ids.floatingAddress]: ids.address }
  }

  const start = async (death?: Omit<Death, 'armed'>): Promise<void> => {
    await rm(armed, { force: true })
    await cloud.up(death ? dyingAt({ ...death, armed }) : {})
    await cloud.ready()
  }

  /** The host has what the records say: after a while, since nobody waits for it. */
  async function converged(): Promise<void> {
    let seen: unknown
    const isSo = async (): Promise<true | undefined> => {
      seen = await onHost()
      return JSON.stringify(seen) === JSON.stringify(router) ? true : undefined
    }
    assert.ok(await until(60, isSo, 100), `on the host ${JSON.stringify(seen)}, wanted ${JSON.stringify(router)}`)
    assert.deepEqual(await onRecord(), router)
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  }

  async function onRecord(): Promise<Router> {
    const { ports } = await ask<{ ports: { device_owner: string }[] }>('GET', `ports?device_id=${ids.router}`)
    const owners = ports.map(({ device_owner }) => device_owner)
    const { floatingips } = await ask<{
      floatingips: { router_id: string | null; floating_ip_address: string; fixed_ip_address: string }[]
    }>('GET', 'floatingips')
    const leading = floatingips.filter(({ router_id }) => router_id === ids.router)
    return {
      interfaces: owners.filter((owner) => owner === 'network:router_interface').length,
      gateway: owners.includes('network:router_gateway'),
      floating: Object.fromEntries(
        leading.map(({ floating_ip_address, fixed_ip_address }) => [floating_ip_address, fixed_ip_address]),
      ),
    }
  }

  /** Devices with addresses, address translation and neighbours in the bridges, as far as they agree. */
  async function onHost(): Promise<unknown> {
    const namespace = `kn-router-${ids.router}`
    const any = { accept: [0, 1, 255] }
    const { stdout } = await run('ip', ['-n', namespace, '-json', 'address', 'show'], any)
    const devices = JSON.parse(stdout || '[]') as {
      ifname: string
      addr_info: { local: string; prefixlen: number }[]
    }[]
    const named = (start: string) => devices.filter(({ ifname }) => ifname.startsWith(start))
    const rules = (await run('ip', ['netns', 'exec', namespace, 'nft', 'list', 'ruleset'], any)).stdout
    const [inside, outside] = [named('qr-'), named('qg-')]
    const floating = [...rules.matchAll(/dnat ip to ip daddr map \{ ([^}]*) \}/g)].map(([, map]) => map!.trim())
    const held = outside.flatMap(({ addr_info }) => addr_info.filter(({ prefixlen }) => prefixlen === 32))
    const led = Object.fromEntries([...new Set(floating)].map((pair) => pair.split(' : ')))
    const isWhole = held.map(({ local }) => local).join() === Object.keys(led).join()
    const isMasked = /snat ip to \d/.test(rules) === outside.length > 0
    const state = { interfaces: inside.length, gateway: outside.length > 0, floating: led }
    return isWhole && isMasked ? state : { ...state, held, rules }
  }

  /** Of the last death: the operation that is to be repeated. */
  let last: { asked: ReturnType<Operation['ask']>; repeated: number[] } | undefined

  /** Whoever lost the reply asks again: it is done now, or was done before. */
  async function lookAndRepeat(): Promise<void> {
    if (last) await request(last.asked, last.repeated)
    last = undefined
    await converged()
  }

  async function request({ method, path, body }: ReturnType<Operation['ask']>, also: number[]): Promise<void> {
    await ask(method, path, body).catch((error) => {
      if (!isFault(error) || !also.includes(error.status)) throw error
    })
  }

  for (const [place, death] of Object.entries(PLACES)) {
    describe(`dies ${place}`, () => {
      for (const [index, operation] of operations.entries()) {
        it(operation.name, async () => {
          await cloud.kill()
          await start(death(operation.tables, index))
          await lookAndRepeat()
          await prepare(operation)
          await converged()
          await writeFile(armed, '')
          const asked = operation.ask()
          let reply: unknown // mostly lost
          ask(asked.method, asked.path, asked.body).then(
            (body) => (reply = body),
            (error) => (reply = error),
          )
          last = { asked, repeated: operation.repeated }
          operation.leads(router)
          const isDead = await until(60, async () => (cloud.runs ? undefined : true), 20)
          assert.ok(isDead, `it did not die, but said ${inspect(reply)}`)
          assert.deepEqual(await cloud.end(), { code: null, signal: 'SIGKILL' })
        })
      }
    })
  }

  it('is whole in the end, and leaves nothing', async () => {
    await cloud.kill()
    await start()
    await lookAndRepeat()
    await ask('DELETE', `routers/${ids.router}`)
    const namespace = `kn-router-${ids.router}`
    const isGone = async () => ((await cloud.traces()).some((trace) => trace.includes(namespace)) ? undefined : true)
    assert.ok(await until(60, isGone, 100))
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  })
})
