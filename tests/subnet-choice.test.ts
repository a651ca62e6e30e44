// The plug-in subnet-choice: the subnet of each NIC as the request names it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

interface Subnet {
  id: string
  cidr: string
}

const refused = (sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, 400)
  return true
}

describe('a server that names its subnet', () => {
  let fake: FakeCloud
  let network: string
  let a: Subnet
  let b: Subnet

  const make = async <Kind extends string, Made = { id: string }>(kind: Kind, parts: object): Promise<Made> => {
    const reply = await fake.demo.ask<Record<Kind, Made>>({
      method: 'POST',
      path: `/network/v2.0/${kind}s`,
      body: { [kind]: parts },
    })
    return reply[kind]
  }
  /** With a pool that has none of the addresses named below. */
  const subnetOf = (network_id: string, cidr: string) => {
    const [start, end] = ['100', '200'].map((last) => cidr.replace('0/24', last))
    return make<'subnet', Subnet>('subnet', { network_id, cidr, ip_version: 4, allocation_pools: [{ start, end }] })
  }
  const addresses = async (id: string): Promise<string[]> => {
    const { addresses } = await settledServer(fake, id)
    return Object.values(addresses).flatMap((listed) => listed.map(({ addr }) => addr))
  }
  const servers = async (): Promise<number> =>
    (await fake.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })).servers.length

  before(async () => {
    fake = await startFakeCloud({ config: '[plugins]\nmodules = ["subnet-choice"]\n' })
    network = (await make('network', { name: 'two' })).id
    a = await subnetOf(network, '10.11.0.0/24')
    b = await subnetOf(network, '10.12.0.0/24')
  })
  after(() => fake?.stop())

  it('seed-8.5.13-1: of two subnets, the address comes from the one that is named', async () => {
    for (const [{ id: subnet_id }, form] of [
      [b, /^10\.12\.0\.\d+$/],
      [a, /^10\.11\.0\.\d+$/],
    ] as const) {
      const [address = '', ...more] = await addresses(
        await createServer(fake, { networks: [{ uuid: network, subnet_id }] }),
      )
      assert.match(address, form)
      assert.deepEqual(more, [])
    }
  })

  it('has the address that it names in its subnet, and each NIC its own subnet', async () => {
    const networks = [
      { uuid: network, subnet_id: b.id, fixed_ip: '10.12.0.77' },
      { uuid: network, subnet_id: a.id },
    ]
    const [first, second = ''] = await addresses(await createServer(fake, { networks }))
    assert.equal(first, '10.12.0.77')
    assert.match(second, /^10\.11\./)
  })

  it('seed-8.5.13-2: an address of another subnet is refused, and no server is made', async () => {
    const count = await servers()
    const networks = [{ uuid: network, subnet_id: b.id, fixed_ip: '10.11.0.77' }]
    await assert.rejects(createServer(fake, { networks }), refused(/10\.11\.0\.77/))
    assert.equal(await servers(), count)
  })

  it('seed-8.5.13-3: a subnet of another network is refused', async () => {
    const other = (await make('network', { name: 'other' })).id
    const { id: subnet_id } = await subnetOf(other, '10.13.0.0/24')
    await assert.rejects(
      createServer(fake, { networks: [{ uuid: network, subnet_id }] }),
      refused(new RegExp(subnet_id)),
    )
  })

  it('seed-8.5.13-4: of an address alone, the subnet is found', async () => {
    const networks = [{ uuid: network, fixed_ip: '10.12.0.99' }]
    assert.deepEqual(await addresses(await createServer(fake, { networks })), ['10.12.0.99'])
  })

  it('is refused with a port, which has its own addresses', async () => {
    const { id: port } = await make('port', { network_id: network })
    await assert.rejects(
      createServer(fake, { networks: [{ port, subnet_id: b.id }] }),
      refused(/cannot be used with port/),
    )
  })

  it('seed-8.5.13-6: several servers cannot have one address', async () => {
    const networks = [{ uuid: network, subnet_id: b.id, fixed_ip: '10.12.0.78' }]
    await assert.rejects(createServer(fake, { networks, min_count: 2 }), refused(/fixed_ip/))
    assert.ok(await createServer(fake, { networks: [{ uuid: network, subnet_id: b.id }], min_count: 2 }))
  })
})

describe('a server that names its subnet to a cloud without the plug-in', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud()
  })
  after(() => fake?.stop())

  it('seed-8.5.13-5: is refused for the unknown key', async () => {
    const networks = [{ uuid: fake.network, subnet_id: '70a599e0-31e7-49b7-b260-868f441e862b' }]
    await assert.rejects(
      createServer(fake, { networks }),
      refused(/Additional properties are not allowed \('subnet_id' was unexpected\)/),
    )
  })
})
