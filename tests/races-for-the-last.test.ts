// Many callers at once, all for the last of something: exactly as many win as there are, and the others are told why.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { FakeCloud } from './fake-cloud.ts'
import { startFakeCloud } from './fake-cloud.ts'
import type { Port } from './racecourse.ts'
import { assertEnds, Racecourse, race } from './racecourse.ts'

const ENDLESS = ['instances', 'cores', 'ram', 'server_group_members'].map((what) => `quota_${what} = -1`).join('\n')

describe('racing for addresses', () => {
  let fake: FakeCloud
  let course: Racecourse
  before(async () => {
    fake = await startFakeCloud({ config: `[compute]\n${ENDLESS}\n` })
    course = new Racecourse(fake)
  })
  after(() => fake?.stop())

  it('two hundred ports on a /26 get exactly the free ones, each once', async () => {
    const network_id = await course.network({ cidr: '10.30.0.0/26' })
    const hosts = 64 - 3 // without network, broadcast and gateway
    const taken = (await course.ports(`network_id=${network_id}`)).length
    const raced = await race(200, () => course.make<Port>('port', { network_id }))
    const told = new RegExp(`^No more IP addresses available on network ${network_id}\\.$`)
    assertEnds(raced, hosts - taken, 200 - hosts + taken, [409, told])
    assert.deepEqual(new Set(raced.lost.map(({ kind }) => kind)), new Set(['IpAddressGenerationFailure']))
    const all = await course.ports(`network_id=${network_id}`)
    const addresses = all.flatMap(({ fixed_ips }) => fixed_ips.map(({ ip_address }) => ip_address))
    assert.deepEqual([all.length, addresses.length, new Set(addresses).size], [hosts, hosts, hosts])
  })

  const pool = (net: string) => ({
    cidr: `${net}.0/24`,
    allocation_pools: [{ start: `${net}.100`, end: `${net}.200` }],
  })

  it('fifty ports that name one address get it once', async () => {
    const network_id = await course.network(pool('10.31.0'))
    const fixed_ips = [{ ip_address: '10.31.0.99' }]
    const raced = await race(50, () => course.make<Port>('port', { network_id, fixed_ips }))
    assertEnds(raced, 1, 49, [409, /^IP address 10\.31\.0\.99 already allocated in subnet [0-9a-f-]{36}$/])
  })

  it('twenty servers that name one address leave it to one of them', async () => {
    const uuid = await course.network(pool('10.32.0'))
    const raced = await race(20, () => course.server({ networks: [{ uuid, fixed_ip: '10.32.0.99' }] }))
    assert.ok(raced.won.length > 0)
    assertEnds(raced, raced.won.length, 20 - raced.won.length, [400, /10\.32\.0\.99 is already in use/])
    const id = await course.assertOneLives(raced.won.length, raced, /10\.32\.0\.99/)
    const [port] = await course.ports(`device_id=${id}`)
    assert.equal(port?.fixed_ips[0]?.ip_address, '10.32.0.99')
    await course.clear()
  })
})

describe('racing for floating addresses', () => {
  let fake: FakeCloud
  let course: Racecourse
  let floating_network_id: string
  before(async () => {
    fake = await startFakeCloud()
    course = new Racecourse(fake)
    const outside = { name: 'outside', 'router:external': true }
    floating_network_id = (await course.make('network', outside, fake.admin)).id
    const allocation_pools = [{ start: '172.30.0.10', end: '172.30.0.19' }]
    const subnet = { network_id: floating_network_id, ip_version: 4, cidr: '172.30.0.0/24', enable_dhcp: false }
    await course.make('subnet', { ...subnet, allocation_pools }, fake.admin)
  })
  after(() => fake?.stop())

  const floating = (parts: object = {}) => course.make('floatingip', { floating_network_id, ...parts }, fake.admin)
  let made: { id: string }[]

  it('forty that name one are one', async () => {
    const raced = await race(40, () => floating({ floating_ip_address: '172.30.0.15' }))
    assertEnds(raced, 1, 39, [409, /^IP address 172\.30\.0\.15 already allocated/])
    made = raced.won
  })

  it('forty are as many as are left', async () => {
    const raced = await race(40, () => floating())
    assertEnds(raced, 9, 31, [409, new RegExp(`^No more IP addresses available on network ${floating_network_id}\\.$`)])
    made = [...made, ...raced.won]
  })

  it('nine that want to lead to one port do so once', async () => {
    const network_id = await course.network({ cidr: '10.33.0.0/24' })
    const port = await course.make<Port>('port', { network_id })
    const [spare, ...own] = made
    await fake.admin.ask({ method: 'DELETE', path: `/network/v2.0/floatingips/${spare!.id}` })
    const external_gateway_info = { network_id: floating_network_id }
    const router = await course.make('router', { name: 'r', external_gateway_info }, fake.admin)
    const path = `/network/v2.0/routers/${router.id}/add_router_interface`
    await fake.admin.ask({ method: 'PUT', path, body: { subnet_id: port.fixed_ips[0]!.subnet_id } })
    const raced = await race(own.length, (racer) => {
      const path = `/network/v2.0/floatingips/${own[racer]!.id}`
      return fake.admin.ask({ method: 'PUT', path, body: { floatingip: { port_id: port.id } } })
    })
    assertEnds(raced, 1, 8, [409, /as that fixed IP already has a floating IP on external network/])
  })
})

describe('racing for a place on a host', () => {
  it('a hundred servers leave the last one to one of them', async () => {
    const config = `[compute]\ncpu_allocation_ratio = 1.0\n${ENDLESS}\n[fake]\nvcpus = 2\n`
    const fake = await startFakeCloud({ config })
    try {
      const course = new Racecourse(fake)
      await course.settled([await course.server()])
      const raced = await race(100, () => course.server())
      const why =
        /^No valid host was found\. No host that suits it has room: of 1, (resources|claim) removed 1 \(fake-1: 1 VCPU short \(asks for 1 VCPU, free are 0/
      await course.assertOneLives(100, raced, why)
      await course.clear()
    } finally {
      await fake.stop()
    }
  })

  describe('of a kind', () => {
    let fake: FakeCloud
    let course: Racecourse
    before(async () => {
      fake = await startFakeCloud({ hosts: 2, config: `[compute]\n${ENDLESS}\n[fake]\nisolated_disks = ["20"]\n` })
      course = new Racecourse(fake)
    })
    after(() => fake?.stop())

    it('thirty servers leave the last whole disk to one of them', async () => {
      const flavorRef = await course.flavor('whole', { 'resources:CUSTOM_DISK_ISOLATED': '1' })
      await course.settled([await course.server({ flavorRef })])
      const raced = await race(30, () => course.server({ flavorRef }))
      await course.assertOneLives(
        30,
        raced,
        /fake-\d: 1 CUSTOM_DISK_ISOLATED short \(asks for 1 CUSTOM_DISK_ISOLATED, free are 0\)/,
      )
      await course.clear()
    })

    it('thirty servers of an anti-affinity group leave the last host without a member to one of them', async () => {
      const asked = { method: 'POST' as const, path: '/compute/v2.1/os-server-groups' }
      const body = { server_group: { name: 'apart', policy: 'anti-affinity' } }
      const reply = await fake.demo.ask<{ server_group: { id: string } }>({ ...asked, body })
      const inGroup = () => course.server({}, { group: reply.server_group.id })
      await course.settled([await inGroup()])
      const raced = await race(30, inGroup)
      await course.assertOneLives(30, raced, /fake-\d: it has 1 of the server group already/)
      await course.clear()
    })
  })
})

describe('racing for a quota', () => {
  let fake: FakeCloud
  let course: Racecourse
  before(async () => {
    fake = await startFakeCloud()
    course = new Racecourse(fake)
  })
  after(() => fake?.stop())

  const ALL = { instances: -1, cores: -1, ram: -1 }
  for (const [what, limit] of [
    ['instances', 3],
    ['cores', 3],
    ['ram', 3 * 64],
  ] as const) {
    it(`a hundred servers for the last of the ${what} are exactly as many as it allows`, async () => {
      const flavorRef = await course.flavor(what, {})
      await course.setQuota(ALL)
      await course.server({ flavorRef })
      await course.setQuota({ ...ALL, [what]: limit })
      const raced = await race(100, () => course.server({ flavorRef }))
      assertEnds(raced, 2, 98, [403, new RegExp(`^Quota exceeded for ${what}: Requested .*, but already used`)])
      const settled = await course.settled(raced.won)
      assert.deepEqual(
        settled.map(({ status }) => status),
        ['ACTIVE', 'ACTIVE'],
      )
      await course.clear()
    })
  }
})
