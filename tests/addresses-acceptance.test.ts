// The addresses that servers get: networks, ports and subnets as requests name them, and what network refuses.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Fault } from '@kilonova/base/fault'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { tables } from '@kilonova/compute/compute'
import { sql } from 'kysely'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

interface Port {
  id: string
  status: string
  project_id: string
  network_id: string
  device_id: string
  device_owner: string
  mac_address: string
  fixed_ips: { subnet_id: string; ip_address: string }[]
}

const is = (status: number, sentence: RegExp) => (error: Fault) => {
  assert.deepEqual([error.status, sentence.test(error.message)], [status, true], error.message)
  return true
}

describe('the addresses of a server', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ config: '[network]\nallocation_pools_enforced = true\n' })
  })
  after(() => fake?.stop())

  const make = async <T>(kind: string, parts: object, client: ApiClient = fake.demo): Promise<T> => {
    const path = `/network/v2.0/${kind}s`
    return (await client.ask<Record<string, T>>({ method: 'POST', path, body: { [kind]: parts } }))[kind]!
  }
  const ports = async (query: string, client = fake.demo) =>
    (await client.ask<{ ports: Port[] }>({ path: `/network/v2.0/ports?${query}` })).ports
  const remove = (path: string) => fake.demo.ask({ method: 'DELETE', path })
  const removeServer = async (id: string): Promise<void> => {
    await remove(`/compute/v2.1/servers/${id}`)
    await goneServer(fake, id)
  }
  const networkWith = async (parts: object): Promise<string> => {
    const { id: network_id } = await make<{ id: string }>('network', { name: 'made' })
    await make('subnet', { network_id, ip_version: 4, ...parts })
    return network_id
  }
  /** POSTs a server without the network that tests have else. */
  const create = async (server: object, version = '2.96', client = fake.demo): Promise<string> => {
    const parts = { name: 'test', imageRef: fake.image, flavorRef: fake.flavor, ...server }
    const headers = { 'openstack-api-version': `compute ${version}` }
    const asked = { method: 'POST' as const, path: '/compute/v2.1/servers', body: { server: parts }, headers }
    return (await client.ask<{ server: { id: string } }>(asked)).server.id
  }
  const faultOf = async (id: string): Promise<string> => {
    const { status, fault } = await settledServer(fake, id)
    assert.equal(status, 'ERROR')
    return fault!.message
  }

  it('seed-8.5.7-1: are those of the one new port on its network', async () => {
    const id = await createServer(fake)
    const { addresses } = await settledServer(fake, id)
    const [port, ...others] = await ports(`device_id=${id}`)
    assert.deepEqual(others, [])
    assert.deepEqual([port?.device_owner, port?.network_id], ['compute:nova', fake.network])
    assert.deepEqual(Object.keys(addresses), ['private'])
    const shown = addresses['private'] as unknown as { addr: string; 'OS-EXT-IPS-MAC:mac_addr': string }[]
    assert.deepEqual(
      shown.map((one) => [one.addr, one['OS-EXT-IPS-MAC:mac_addr']]),
      port?.fixed_ips.map(({ ip_address }) => [ip_address, port.mac_address]),
    )
    await removeServer(id)
    assert.deepEqual(await ports(`id=${port?.id}`), [])
  })

  it('seed-8.5.7-2: are those of the port that it is given, which outlives it', async () => {
    const given = await make<Port>('port', { network_id: fake.network })
    const id = await createServer(fake, { networks: [{ port: given.id }] })
    await settledServer(fake, id)
    const own = await ports(`device_id=${id}`)
    assert.deepEqual(
      own.map((port) => [port.id, port.fixed_ips]),
      [[given.id, given.fixed_ips]],
    )
    await removeServer(id)
    const [left] = await ports(`id=${given.id}`)
    assert.deepEqual([left?.device_id, left?.device_owner], ['', ''])
    await remove(`/network/v2.0/ports/${given.id}`)
  })

  it('seed-8.5.7-3: are on the network that is meant where none is named', async () => {
    const [one] = await ports(`device_id=${await settled(await create({}, '2.36'))}`)
    assert.equal(one?.network_id, fake.network)
    const second = await networkWith({ cidr: '10.21.0.0/24' })
    await assert.rejects(create({}, '2.36'), is(409, /Multiple possible networks found/))
    await assert.rejects(create({ networks: 'auto' }), is(409, /Multiple possible networks found/))
    await assert.rejects(create({}, '2.37'), is(400, /networks/))
    const none = await create({ networks: 'none' })
    assert.deepEqual((await settledServer(fake, none)).addresses, {})
    await removeServer(none)
    await remove(`/network/v2.0/networks/${second}`)
  })

  const settled = async (id: string): Promise<string> => {
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    return id
  }

  it('seed-8.5.7-4: are asked for in vain where none is left, and no port stays', async () => {
    const network = await networkWith({ cidr: '10.22.0.0/30', enable_dhcp: false })
    await make('port', { network_id: network })
    const before = await ports(`network_id=${network}`)
    const id = await createServer(fake, { networks: [{ uuid: fake.network }, { uuid: network }] })
    assert.match(await faultOf(id), /No fixed IP addresses available for network/)
    assert.deepEqual(await ports(`network_id=${network}`), before)
    assert.deepEqual(await ports(`device_id=${id}`), [])
    await removeServer(id)
  })

  it('seed-8.5.7-6: are not those of another project’s port, nor of one that is named twice', async () => {
    const { id: own } = await make<Port>('port', { network_id: fake.network })
    const { id: foreign } = await make<Port>('port', { network_id: fake.network }, fake.admin)
    const count = async () => (await fake.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })).servers
    const before = await count()
    await assert.rejects(create({ networks: [{ port: foreign }] }), is(400, /not usable/))
    await assert.rejects(create({ networks: [{ port: own }, { port: own }] }), is(400, /named more than once/))
    assert.deepEqual(await count(), before)
    assert.equal((await ports(`id=${own}`))[0]?.device_id, '')
  })

  it('seed-8.5.9-6: fail a server that names one outside the pools, with that reason', async () => {
    const allocation_pools = [{ start: '172.20.22.100', end: '172.20.22.200' }]
    const network = await networkWith({ cidr: '172.20.22.0/24', allocation_pools })
    const id = await createServer(fake, { networks: [{ uuid: network, fixed_ip: '172.20.22.64' }] })
    assert.match(await faultOf(id), /172\.20\.22\.64 is outside the allocation pools 172\.20\.22\.100-172\.20\.22\.200/)
    assert.deepEqual(await ports(`device_id=${id}`), [])
    await removeServer(id)
  })

  it('go from the guest with a port that its owner removes', async () => {
    const id = await createServer(fake, { networks: [{ uuid: fake.network }, { uuid: fake.network }] })
    await settled(id)
    const [first, second] = await ports(`device_id=${id}`)
    await remove(`/network/v2.0/ports/${first!.id}`)
    const left = async () => {
      const { addresses } = await showServer(fake, id)
      return addresses['private']?.length === 1 ? addresses['private'] : undefined
    }
    assert.deepEqual(
      (await until(300, left, 20))?.map(({ addr }) => addr),
      [second!.fixed_ips[0]!.ip_address],
    )
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.demo.ask<{ instanceActions: { action: string }[] }>({ path })
    assert.equal(instanceActions[0]?.action, 'detach_interface')
    await settledServer(fake, id)
    await removeServer(id)
  })
})

describe('a project without networks', () => {
  let fake: FakeCloud
  let lone: ApiClient
  before(async () => {
    fake = await startFakeCloud()
    lone = await newProject(fake)
  })
  after(() => fake?.stop())

  const list = async <T = { id: string; name: string }>(kind: string): Promise<T[]> =>
    (await lone.ask<Record<string, T[]>>({ path: `/network/v2.0/${kind}?project_id=${lone.projectId}` }))[kind]!
  const names = async () =>
    (await Promise.all(['networks', 'subnets', 'routers'].map((kind) => list(kind)))).map((all) =>
      all.map(({ name }) => name),
    )
  const create = async (): Promise<string> => {
    const server = { name: 'test', imageRef: fake.image, flavorRef: fake.flavor, networks: 'auto' }
    const asked = { method: 'POST' as const, path: '/compute/v2.1/servers', body: { server } }
    return (await lone.ask<{ server: { id: string } }>(asked)).server.id
  }
  const topology = (query = '') => `/network/v2.0/auto-allocated-topology/${lone.projectId}${query}`
  interface Topology {
    auto_allocated_topology: { id: string; tenant_id: string }
  }

  it('is told whether it could have one, and nothing is made', async () => {
    const { auto_allocated_topology: told } = await lone.ask<Topology>({ path: topology('?fields=dry-run') })
    assert.deepEqual([told.id, told.tenant_id], ['dry-run=pass', lone.projectId])
    assert.deepEqual(await names(), [[], [], []])
    await assert.rejects(fake.demo.ask({ path: topology() }), ({ status }: Fault) => status === 403 || status === 404)
  })

  it('seed-8.5.7-3: gets one network, subnet and router with auto, whoever asks at once', async () => {
    const ids = await Promise.all([create(), create(), lone.ask({ path: topology() }).then(() => create())])
    for (const id of ids) {
      const { status, addresses } = await settledServer({ demo: lone }, id)
      assert.deepEqual([status, Object.keys(addresses)], ['ACTIVE', ['auto_allocated_network']])
    }
    assert.deepEqual(await names(), [
      ['auto_allocated_network'],
      ['auto_allocated_subnet_v4'],
      ['auto_allocated_router'],
    ])
    const { auto_allocated_topology: told } = await lone.ask<Topology>({ path: topology() })
    assert.equal(told.id, (await list('networks'))[0]?.id)
    await assert.rejects(lone.ask({ method: 'DELETE', path: topology() }), ({ status }: Fault) => status === 409)
    assert.equal((await list('routers')).length, 1)
    for (const id of ids) await lone.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    for (const id of ids) await goneServer({ demo: lone }, id)
    await lone.ask({ method: 'DELETE', path: topology() })
    await lone.ask({ method: 'DELETE', path: topology() })
    assert.deepEqual(await names(), [[], [], []])
  })
})

/** A user of a project that has nothing. */
async function newProject({ admin, cloud }: FakeCloud): Promise<ApiClient> {
  const post = <T>(path: string, body: object) => admin.ask<T>({ method: 'POST', path: `/identity/v3/${path}`, body })
  const { project } = await post<{ project: { id: string } }>('projects', { project: { name: 'lone' } })
  const { user } = await post<{ user: { id: string } }>('users', { user: { name: 'lone', password: 'lonely-secret' } })
  const { roles } = await admin.ask<{ roles: { id: string }[] }>({ path: '/identity/v3/roles?name=member' })
  const path = `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0]!.id}`
  await admin.ask({ method: 'PUT', path })
  return ApiClient.logIn(cloud.url, { name: 'lone', password: 'lonely-secret', project: 'lone' })
}

describe('ports that network fails to make', () => {
  /** Network fails the first so many times. */
  const failing = (world: ServerWorld, times: number) => {
    const { network } = world.compute
    const createPort = network.createPort.bind(network)
    const asked = { times: 0 }
    network.createPort = async (context, port) => {
      asked.times += 1
      if (asked.times <= times) throw new Error('the network is out of order')
      return createPort(context, port)
    }
    return asked
  }

  for (const [retries, fails, state] of [
    [2, 2, 'active'],
    [2, 3, 'error'],
    [0, 1, 'error'],
  ] as const)
    it(`seed-8.5.7-5: with ${retries} retries and ${fails} failures leave the server ${state}`, async () => {
      const world = await ServerWorld.open({ config: `[compute]\nnetwork_allocate_retries = ${retries}` })
      try {
        await world.startTasks()
        const asked = failing(world, fails)
        const id = await world.build()
        assert.equal((await world.row(id)).vm_state, state)
        assert.equal(asked.times, Math.min(fails, retries) + 1)
        await assertWhole(world)
        await world.commands.delete(id)
        await world.run(world.settled(id))
        await world.assertEmpty()
      } finally {
        await world.close()
      }
    })
})

it('an interface whose port went unnoticed is taken from the guest by the next look', async () => {
  const world = await ServerWorld.open({ config: '[compute]\nheal_instance_info_cache_interval = 600' })
  try {
    await world.startTasks()
    const ids = [await world.build(), await world.build()]
    for (const device_id of ids) {
      await sql`delete from network_ip_allocations where port_id in (
        select id from network_ports where device_id = ${device_id})`.execute(tables(world.compute))
      await sql`delete from network_ports where device_id = ${device_id}`.execute(tables(world.compute))
    }
    await world.run(world.clock.sleep(2 * 700_000))
    for (const id of ids) {
      await world.run(world.settled(id))
      const { networks_json, network_info_json, devices_json, vm_state } = await world.row(id)
      assert.deepEqual([networks_json, network_info_json, vm_state], ['[]', '[]', 'active'])
      assert.doesNotMatch(devices_json, /"nic"/)
    }
  } finally {
    await world.close()
  }
})
