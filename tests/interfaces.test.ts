// Interfaces that living servers get and lose, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Fault } from '@kilonova/base/fault'
import { isFault } from '@kilonova/base/fault'
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'

interface Attachment {
  port_id: string
  net_id: string
  mac_addr: string
  port_state: string
  fixed_ips: { subnet_id: string; ip_address: string }[]
  tag?: string
}

interface Port {
  id: string
  status: string
  device_id: string
  device_owner: string
  mac_address: string
  fixed_ips: { subnet_id: string; ip_address: string }[]
}

describe('interfaces of a server', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud({ config: '[network]\nallocation_pools_enforced = true\n' })
    id = await createServer(fake)
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  const path = () => `/compute/v2.1/servers/${id}/os-interface`
  const headers = { 'openstack-api-version': 'compute 2.96' }
  const attach = async (interfaceAttachment: object): Promise<Attachment> => {
    const asked = { method: 'POST' as const, path: path(), body: { interfaceAttachment }, headers }
    return (await fake.demo.ask<{ interfaceAttachment: Attachment }>(asked)).interfaceAttachment
  }
  const listed = async () =>
    (await fake.demo.ask<{ interfaceAttachments: Attachment[] }>({ path: path(), headers })).interfaceAttachments
  const network = async <T>(path: string, body?: object): Promise<T> =>
    fake.demo.ask<T>({ path: `/network/v2.0/${path}`, ...(body ? { method: 'POST' as const, body } : {}) })
  const ports = async (query = `device_id=${id}`) => (await network<{ ports: Port[] }>(`ports?${query}`)).ports
  const detach = async (port: string): Promise<void> => {
    await fake.demo.ask({ method: 'DELETE', path: `${path()}/${port}` })
    const gone = async () => ((await listed()).some(({ port_id }) => port_id === port) ? undefined : true)
    assert.ok(await until(300, gone, 20))
  }
  /** Refused so, with the server as it was. */
  const refuses = async (asked: object, status: number, sentence: RegExp): Promise<void> => {
    const before = await listed()
    await assert.rejects(attach(asked), (error: Fault) => {
      assert.ok(isFault(error), String(error))
      assert.deepEqual([error.status, sentence.test(error.message)], [status, true], error.message)
      return true
    })
    assert.deepEqual(await listed(), before)
    assert.equal((await showServer(fake, id)).status, 'ACTIVE')
  }

  it('come with a port of their own, and go with it', async () => {
    const made = await attach({ net_id: fake.network, tag: 'data' })
    const [port] = (await ports()).filter((one) => one.id === made.port_id)
    assert.deepEqual([port?.device_owner, port?.mac_address], ['compute:nova', made.mac_addr])
    assert.deepEqual(port?.fixed_ips, made.fixed_ips)
    assert.deepEqual([made.net_id, made.tag], [fake.network, 'data'])
    const { addresses } = await showServer(fake, id)
    assert.equal(addresses['private']?.length, 2)
    await detach(made.port_id)
    assert.deepEqual((await ports()).map(({ id }) => id).includes(made.port_id), false)
    assert.equal((await showServer(fake, id)).addresses['private']?.length, 1)
  })

  it('come with a given port, which outlives them', async () => {
    const { port } = await network<{ port: Port }>('ports', { port: { network_id: fake.network } })
    assert.equal((await attach({ port_id: port.id })).mac_addr, port.mac_address)
    await refuses({ port_id: port.id }, 409, /^Port .* is still in use/)
    await detach(port.id)
    const [free] = await ports(`id=${port.id}`)
    assert.deepEqual([free?.device_id, free?.device_owner], ['', ''])
  })

  it('come to a server that is off, and wait for its start', async () => {
    const action = (body: object) => fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })
    await action({ 'os-stop': null })
    await settledServer(fake, id)
    const made = await attach({})
    await action({ 'os-start': null })
    await settledServer(fake, id)
    assert.equal((await listed()).length, 2)
    await detach(made.port_id)
  })

  it('are asked for in one way', async () => {
    await refuses({ net_id: fake.network, port_id: fake.network }, 400, /both network_id and port_id/)
    await refuses({ fixed_ips: [{ ip_address: '10.0.0.9' }] }, 400, /network_id when request IP/)
    await refuses({ net_id: fake.network, colour: 'red' }, 400, /Additional properties/)
  })

  it('seed-8.5.10-1: an occupied address is refused by name', async () => {
    const [{ ip_address: address } = { ip_address: '' }] = (await ports())[0]!.fixed_ips
    await refuses({ net_id: fake.network, fixed_ips: [{ ip_address: address }] }, 409, new RegExp(address))
  })

  it('seed-8.5.10-2: network refuses it by the type IpAddressAlreadyAllocated', async () => {
    const { fixed_ips: taken } = (await ports())[0]!
    const body = { port: { network_id: fake.network, fixed_ips: taken } }
    await assert.rejects(network('ports', body), (error: Fault) => {
      assert.deepEqual([error.status, error.kind], [409, 'IpAddressAlreadyAllocated'])
      return true
    })
  })

  it('seed-8.5.10-3: an address outside the network is refused', () =>
    refuses({ net_id: fake.network, fixed_ips: [{ ip_address: '192.0.2.1' }] }, 400, /192\.0\.2\.1/))

  it('seed-8.5.9-6: an address outside the pools is refused, where they are enforced', async () => {
    const { network: made } = await network<{ network: { id: string } }>('networks', { network: { name: 'pooled' } })
    const pools = [{ start: '172.20.22.100', end: '172.20.22.200' }]
    const subnet = { network_id: made.id, ip_version: 4, cidr: '172.20.22.0/24', allocation_pools: pools }
    await network('subnets', { subnet })
    await refuses({ net_id: made.id, fixed_ips: [{ ip_address: '172.20.22.64' }] }, 400, /172\.20\.22\.64/)
    await fake.demo.ask({ method: 'DELETE', path: `/network/v2.0/networks/${made.id}` })
  })

  it('seed-8.5.10-4: an exhausted pool is refused', async () => {
    const { network: made } = await network<{ network: { id: string } }>('networks', { network: { name: 'small' } })
    const subnet = { network_id: made.id, ip_version: 4, cidr: '10.9.0.0/30', enable_dhcp: false }
    await network('subnets', { subnet })
    await network('ports', { port: { network_id: made.id } })
    await refuses({ net_id: made.id }, 400, /No more IP addresses|no fixed ip/i)
  })

  it('seed-8.5.10-5: the quota of ports is kept', async () => {
    const { project_id: project } = (
      await fake.demo.ask<{ ports: { project_id: string }[] }>({
        path: `/network/v2.0/ports?device_id=${id}`,
      })
    ).ports[0]!
    const quota = (port: number) =>
      fake.admin.ask({ method: 'PUT', path: `/network/v2.0/quotas/${project}`, body: { quota: { port } } })
    await quota(0)
    await refuses({ net_id: fake.network }, 403, /Maximum number of ports exceeded/)
    await quota(500)
  })

  it('seed-8.5.10-6: a port that is in use is refused', async () => {
    const [own] = await ports()
    await refuses({ port_id: own!.id }, 409, /in use/)
    await refuses({ port_id: id }, 404, /could not be found/)
    await refuses({ net_id: id }, 404, /could not be found/)
  })

  it('seed-8.5.10-7: no server is made with an occupied address', async () => {
    const { fixed_ips: taken } = (await ports())[0]!
    const networks = [{ uuid: fake.network, fixed_ip: taken[0]!.ip_address }]
    const count = async () => (await fake.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })).servers
    const before = await count()
    await assert.rejects(createServer(fake, { networks }), (error: Fault) => {
      assert.deepEqual([error.status, error.message.includes(taken[0]!.ip_address)], [400, true], error.message)
      return true
    })
    assert.deepEqual(await count(), before)
  })

  it('say that several networks fit when none is named', async () => {
    await refuses({}, 400, /Multiple possible networks found/)
  })

  it('are left as they are by a detach of what is not there', async () => {
    await assert.rejects(
      fake.demo.ask({ method: 'DELETE', path: `${path()}/${id}` }),
      (error: Fault) => error.status === 404,
    )
  })

  it('go with their server', async () => {
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.deepEqual(await ports(), [])
  })
})
