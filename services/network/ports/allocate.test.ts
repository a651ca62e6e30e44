import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import { networkSchema } from '../schema/network-schema.ts'
import type { Caller, Reply, TestCloud } from '../testing.ts'
import { ADMIN, MEMBER, makeNetwork, makeRouter, OTHER, testCloud } from '../testing.ts'

const typeOf = (reply: Reply): string => reply.body.NeutronError?.type

async function portOn(
  { ask }: TestCloud,
  network_id: string,
  port: object = {},
  caller: Caller = MEMBER,
): Promise<Reply> {
  return ask('POST', '/v2.0/ports', caller, { port: { network_id, ...port } })
}

onBothStores('addresses', (open) => {
  let store: Promise<Store> | undefined
  let projects = 0
  /** A project of its own in the one database of the suite. */
  const inProject = async (work: (cloud: TestCloud, caller: Caller) => Promise<void>, options = {}) => {
    store ??= open(networkSchema)
    const cloud = await testCloud({ store: await store, options })
    try {
      await work(cloud, `project-${++projects}:member,reader`)
    } finally {
      await cloud.close()
    }
  }

  it('go to racing ports once each, exactly as many as there are', () =>
    inProject(async (cloud, caller) => {
      const { networkId } = await makeNetwork(cloud, caller, { cidr: '10.0.0.0/26' })
      const replies = await Promise.all(Array.from({ length: 200 }, () => portOn(cloud, networkId, {}, caller)))
      const made = replies.filter(({ status }) => status === 201)
      const FREE = 64 - 2 - 2 // network, broadcast, gateway, DHCP server
      assert.equal(made.length, FREE)
      const addresses = made.map(({ body }) => body.port.fixed_ips[0].ip_address)
      assert.equal(new Set(addresses).size, FREE)
      const refused = replies.filter(({ status }) => status !== 201)
      assert.deepEqual(
        new Set(refused.map((reply) => `${reply.status} ${typeOf(reply)}`)),
        new Set(['409 IpAddressGenerationFailure']),
      )
      const { ports } = await cloud.must('GET', `/v2.0/ports?network_id=${networkId}`, caller)
      assert.equal(ports.length, FREE + 1)
    }))

  it('go to one of those who race for the same', () =>
    inProject(async (cloud, caller) => {
      const { networkId } = await makeNetwork(cloud, caller, { cidr: '10.0.0.0/28', subnet: { enable_dhcp: false } })
      const wanted = { fixed_ips: [{ ip_address: '10.0.0.9' }] }
      const replies = await Promise.all(Array.from({ length: 10 }, () => portOn(cloud, networkId, wanted, caller)))
      assert.deepEqual(replies.map(({ status }) => status).sort(), [201, ...Array(9).fill(409)])
      const { NeutronError } = replies.find(({ status }) => status === 409)!.body
      assert.equal(NeutronError.type, 'IpAddressAlreadyAllocated')
      assert.match(NeutronError.message, /^IP address 10\.0\.0\.9 already allocated in subnet [0-9a-f-]{36}$/)
    }))

  it('of one MAC go to one port', () =>
    inProject(async (cloud, caller) => {
      const { networkId } = await makeNetwork(cloud, caller)
      const mac_address = 'fa:16:3e:00:00:01'
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => portOn(cloud, networkId, { mac_address }, caller)),
      )
      assert.deepEqual(replies.map(({ status }) => status).sort(), [201, ...Array(7).fill(409)])
      assert.equal(typeOf(replies.find(({ status }) => status === 409)!), 'MacAddressInUse')
    }))

  it('are counted by quotas that no race can pass', () =>
    inProject(
      async (cloud, caller) => {
        const { networkId } = await makeNetwork(cloud, caller, { subnet: { enable_dhcp: false } })
        const replies = await Promise.all(Array.from({ length: 20 }, () => portOn(cloud, networkId, {}, caller)))
        assert.equal(replies.filter(({ status }) => status === 201).length, 5)
        const refused = replies.find(({ status }) => status === 409)!
        assert.equal(refused.body.NeutronError.message, "Quota exceeded for resources: ['port'].")
        assert.equal(typeOf(refused), 'OverQuota')
      },
      { quota_port: 5 },
    ))

  it('come free when ports, of which some are removed meanwhile, go', () =>
    inProject(async (cloud, caller) => {
      const { networkId } = await makeNetwork(cloud, caller, { cidr: '10.0.0.0/29', subnet: { enable_dhcp: false } })
      const ids = await Promise.all(
        Array.from({ length: 5 }, async () => (await portOn(cloud, networkId, {}, caller)).body.port.id as string),
      )
      assert.equal((await portOn(cloud, networkId, {}, caller)).status, 409)
      const gone = await Promise.all(ids.map((id) => cloud.ask('DELETE', `/v2.0/ports/${id}`, caller)))
      assert.ok(gone.every(({ status }) => status === 204))
      const again = await Promise.all(ids.map(() => portOn(cloud, networkId, {}, caller)))
      assert.ok(again.every(({ status }) => status === 201))
    }))

  it('survive the race of a subnet that goes with a port that comes', () =>
    inProject(async (cloud, caller) => {
      for (let round = 0; round < 5; round++) {
        const { networkId, subnetId } = await makeNetwork(cloud, caller)
        const [gone, port] = await Promise.all([
          cloud.ask('DELETE', `/v2.0/subnets/${subnetId}`, caller),
          portOn(cloud, networkId, { fixed_ips: [{ subnet_id: subnetId }] }, caller),
        ])
        const outcome = `${gone.status} ${port.status}`
        assert.ok(['204 400', '204 404', '409 201'].includes(outcome), outcome)
      }
    }))
})

async function inCloud(work: (cloud: TestCloud) => Promise<void>, options = {}): Promise<void> {
  const cloud = await testCloud({ options })
  try {
    await work(cloud)
  } finally {
    await cloud.close()
  }
}

it('refuses addresses that a host cannot have', () =>
  inCloud(async (cloud) => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const asked = async (ip: object) => {
      const reply = await portOn(cloud, networkId, { fixed_ips: [ip] })
      return `${reply.status} ${typeOf(reply) ?? ''}`
    }
    assert.equal(await asked({ ip_address: '10.9.9.9' }), '400 InvalidIpForNetwork')
    assert.equal(await asked({ subnet_id: subnetId, ip_address: '10.9.9.9' }), '400 InvalidIpForSubnet')
    assert.equal(await asked({ subnet_id: subnetId, ip_address: '10.0.0.255' }), '400 InvalidIpForSubnet')
    assert.equal(await asked({ subnet_id: subnetId, ip_address: '10.0.0.0' }), '400 InvalidIpForSubnet')
    assert.equal(await asked({ ip_address: 'nonsense' }), '400 HTTPBadRequest')
    assert.equal(await asked({}), '400 InvalidInput')
    assert.equal(await asked({ subnet_id: networkId }), '404 SubnetNotFound')
    assert.equal(await asked({ ip_address: '10.0.0.1' }), '201 ', 'the gateway is free until a router takes it')
  }))

describe('addresses outside the pools of their subnet', () => {
  const subnet = {
    enable_dhcp: false,
    allocation_pools: [
      { start: '10.0.0.100', end: '10.0.0.150' },
      { start: '10.0.0.180', end: '10.0.0.200' },
    ],
  }
  const enforced = (work: (cloud: TestCloud, made: { networkId: string; subnetId: string }) => Promise<void>) =>
    inCloud(async (cloud) => work(cloud, await makeNetwork(cloud, MEMBER, { subnet })), {
      allocation_pools_enforced: true,
    })
  const at = (cloud: TestCloud, networkId: string, ip_address: string) =>
    portOn(cloud, networkId, { fixed_ips: [{ ip_address }] })

  it('seed-8.5.9-1: are refused by name where pools are enforced', () =>
    enforced(async (cloud, { networkId, subnetId }) => {
      const refused = await at(cloud, networkId, '10.0.0.64')
      assert.equal(`${refused.status} ${typeOf(refused)}`, '400 InvalidIpForAllocationPools')
      const { message } = refused.body.NeutronError
      for (const part of ['10.0.0.64', subnetId, '10.0.0.100-10.0.0.150', '10.0.0.180-10.0.0.200'])
        assert.ok(message.includes(part), message)
      assert.equal((await at(cloud, networkId, '10.0.0.120')).status, 201)
    }))

  it('seed-8.5.9-2: begin before the first and after the last address of a pool', () =>
    enforced(async (cloud, { networkId }) => {
      const asked = ['10.0.0.99', '10.0.0.100', '10.0.0.150', '10.0.0.151']
      const statuses: number[] = []
      for (const address of asked) statuses.push((await at(cloud, networkId, address)).status)
      assert.deepEqual(statuses, [400, 201, 201, 400])
    }))

  it('seed-8.5.9-3: are not those of another pool of the subnet', () =>
    enforced(async (cloud, { networkId }) => {
      assert.equal((await at(cloud, networkId, '10.0.0.190')).status, 201)
      assert.equal((await at(cloud, networkId, '10.0.0.160')).status, 400)
    }))

  it('seed-8.5.9-4: are what a router may have', () =>
    enforced(async (cloud, { subnetId }) => {
      await makeRouter(cloud, MEMBER, subnetId)
      const { ports } = await cloud.must('GET', '/v2.0/ports?device_owner=network:router_interface', ADMIN)
      assert.equal(ports[0].fixed_ips[0].ip_address, '10.0.0.1')
    }))

  it('seed-8.5.9-5: are as good as others where pools are not enforced', () =>
    inCloud(async (cloud) => {
      const { networkId } = await makeNetwork(cloud, MEMBER, { subnet })
      assert.equal((await at(cloud, networkId, '10.0.0.64')).status, 201)
    }))
})

it('gives a port one address of each version, and its own where hosts make theirs', () =>
  inCloud(async (cloud) => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const v6 = (cidr: string, mode: string | undefined) =>
      cloud.must('POST', '/v2.0/subnets', MEMBER, {
        subnet: {
          network_id: networkId,
          ip_version: 6,
          cidr,
          ...(mode ? { ipv6_address_mode: mode, ipv6_ra_mode: mode } : {}),
        },
      })
    await v6('fd00:1::/64', 'dhcpv6-stateful')
    await v6('fd00:2::/64', 'slaac')
    const { body } = await portOn(cloud, networkId, { mac_address: 'fa:16:3e:33:44:55' })
    const addresses = body.port.fixed_ips.map(({ ip_address }: { ip_address: string }) => ip_address)
    assert.equal(addresses.length, 3)
    assert.match(addresses[0], /^10\.0\.0\./)
    assert.match(addresses[1], /^fd00:1::/)
    assert.equal(addresses[2], 'fd00:2::f816:3eff:fe33:4455')
  }))

it('gives ports that are there the address of a subnet where hosts make theirs', () =>
  inCloud(async (cloud) => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const { body } = await portOn(cloud, networkId, { mac_address: 'fa:16:3e:33:44:55' })
    const slaac = { ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' }
    const subnet = { network_id: networkId, ip_version: 6, cidr: 'fd00:2::/64', ...slaac }
    const made = await cloud.must('POST', '/v2.0/subnets', MEMBER, { subnet })
    const { port } = await cloud.must('GET', `/v2.0/ports/${body.port.id}`, MEMBER)
    assert.equal(port.fixed_ips[1].ip_address, 'fd00:2::f816:3eff:fe33:4455')
    assert.equal((await cloud.ask('DELETE', `/v2.0/subnets/${made.subnet.id}`, MEMBER)).status, 204)
    const after = await cloud.must('GET', `/v2.0/ports/${body.port.id}`, MEMBER)
    assert.equal(after.port.fixed_ips.length, 1)
  }))

describe('subnets where hosts make their addresses', () => {
  const SLAAC = { ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' }
  const mac_address = 'fa:16:3e:33:44:55'
  const own = 'fd00:2::f816:3eff:fe33:4455'
  const dual = (
    work: (cloud: TestCloud, made: { networkId: string; subnetId: string; slaac: string }) => Promise<void>,
  ) =>
    inCloud(async (cloud) => {
      const made = await makeNetwork(cloud, MEMBER)
      const subnet = { network_id: made.networkId, ip_version: 6, cidr: 'fd00:2::/64', ...SLAAC }
      const v6 = await cloud.must('POST', '/v2.0/subnets', MEMBER, { subnet })
      await work(cloud, { ...made, slaac: v6.subnet.id })
    })
  const addresses = (port: { fixed_ips: { ip_address: string }[] }) =>
    port.fixed_ips.map(({ ip_address }) => ip_address)

  it('give one to a port that asks for other addresses only', () =>
    dual(async (cloud, { networkId, subnetId, slaac }) => {
      const asked = [{ subnet_id: subnetId, ip_address: '10.0.0.9' }]
      const { port } = (await portOn(cloud, networkId, { mac_address, fixed_ips: asked })).body
      assert.deepEqual(addresses(port), ['10.0.0.9', own])
      const named = await portOn(cloud, networkId, { fixed_ips: [{ subnet_id: slaac }] })
      assert.equal(addresses(named.body.port).length, 1)
      assert.deepEqual(addresses((await portOn(cloud, networkId, { fixed_ips: [] })).body.port), [])
    }))

  it('keep it for a port whose other addresses change', () =>
    dual(async (cloud, { networkId, slaac }) => {
      const { id } = (await portOn(cloud, networkId, { mac_address })).body.port
      const put = async (port: object) => {
        const reply = await cloud.ask('PUT', `/v2.0/ports/${id}`, MEMBER, { port })
        return reply.status === 200 ? addresses(reply.body.port) : typeOf(reply)
      }
      assert.deepEqual(await put({ fixed_ips: [{ ip_address: '10.0.0.7' }] }), ['10.0.0.7', own])
      assert.deepEqual(await put({ fixed_ips: [{ ip_address: own }, { ip_address: '10.0.0.8' }] }), ['10.0.0.8', own])
      assert.deepEqual(await put({ fixed_ips: [{ subnet_id: slaac }] }), [own])
      assert.deepEqual(await put({ fixed_ips: [] }), [own])
    }))

  it('give another one to a port whose MAC changes', () =>
    dual(async (cloud, { networkId }) => {
      const { port } = (await portOn(cloud, networkId, { mac_address, fixed_ips: [{ ip_address: '10.0.0.9' }] })).body
      const change = { port: { mac_address: 'fa:16:3e:00:00:07' } }
      const after = await cloud.must('PUT', `/v2.0/ports/${port.id}`, MEMBER, change)
      assert.deepEqual(addresses(after.port), ['10.0.0.9', 'fd00:2::f816:3eff:fe00:7'])
    }))

  it('take no other address from anybody', () =>
    dual(async (cloud, { networkId, slaac }) => {
      const asked = { fixed_ips: [{ subnet_id: slaac, ip_address: 'fd00:2::5' }] }
      const refused = await portOn(cloud, networkId, asked)
      assert.equal(`${refused.status} ${typeOf(refused)}`, '400 AllocationOnAutoAddressSubnet')
      const sentence = `IPv6 address fd00:2::5 cannot be directly assigned to a port on subnet ${slaac} as the subnet is configured for automatic addresses`
      assert.equal(refused.body.NeutronError.message, sentence)
    }))

  it('are also those that only routers speak of', () =>
    inCloud(async (cloud) => {
      const { networkId } = await makeNetwork(cloud, MEMBER)
      const subnet = { network_id: networkId, ip_version: 6, cidr: 'fd00:2::/64', ipv6_ra_mode: 'slaac' }
      await cloud.must('POST', '/v2.0/subnets', MEMBER, { subnet })
      const { port } = (await portOn(cloud, networkId, { mac_address })).body
      assert.equal(addresses(port).at(-1), own)
    }))
})

it('finds a free address in a large pool that is nearly full', () =>
  inCloud(
    async (cloud) => {
      const { networkId, subnetId } = await makeNetwork(cloud, MEMBER, {
        cidr: 'fd00::/64',
        subnet: { enable_dhcp: false, allocation_pools: [{ start: 'fd00::10', end: 'fd00::4f' }] },
      })
      const ports = Array.from({ length: 64 }, () => ({ network_id: networkId, fixed_ips: [{ subnet_id: subnetId }] }))
      const made = await cloud.ask('POST', '/v2.0/ports', MEMBER, { ports })
      assert.equal(made.status, 201)
      assert.equal((await portOn(cloud, networkId)).status, 409)
    },
    { quota_port: -1 },
  ))

it('keeps what stays when the addresses of a port change', () =>
  inCloud(async (cloud) => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER, { subnet: { enable_dhcp: false } })
    const first = { subnet_id: subnetId, ip_address: '10.0.0.10' }
    const { port } = (await portOn(cloud, networkId, { fixed_ips: [first] })).body
    const put = async (fixed_ips: object[]) => {
      const reply = await cloud.ask('PUT', `/v2.0/ports/${port.id}`, MEMBER, { port: { fixed_ips } })
      return reply.body.port?.fixed_ips ?? typeOf(reply)
    }
    assert.deepEqual(await put([{ subnet_id: subnetId }]), [first])
    const second = { subnet_id: subnetId, ip_address: '10.0.0.11' }
    assert.deepEqual(await put([first, second]), [first, second])
    assert.deepEqual(await put([second]), [second])
    assert.equal((await portOn(cloud, networkId, { fixed_ips: [first] })).status, 201)
    assert.equal(await put([first]), 'IpAddressAlreadyAllocated')
    const { port: after } = await cloud.must('GET', `/v2.0/ports/${port.id}`, MEMBER)
    assert.deepEqual(after.fixed_ips, [second], 'a refused change changes nothing')
  }))

it('lets others use a shared network, without choosing addresses', () =>
  inCloud(async (cloud) => {
    const { networkId, subnetId } = await makeNetwork(cloud, ADMIN, { network: { shared: true } })
    assert.equal((await portOn(cloud, networkId, {}, OTHER)).status, 201)
    assert.equal((await portOn(cloud, networkId, { fixed_ips: [{ subnet_id: subnetId }] }, OTHER)).status, 201)
    assert.equal((await portOn(cloud, networkId, { fixed_ips: [{ ip_address: '10.0.0.77' }] }, OTHER)).status, 403)
    const refused = await cloud.ask('PUT', `/v2.0/networks/${networkId}`, ADMIN, { network: { shared: false } })
    assert.equal(typeOf(refused), 'InvalidSharedSetting')
  }))
