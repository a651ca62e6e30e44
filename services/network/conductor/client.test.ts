import assert from 'node:assert/strict'
import { afterEach, beforeEach, it } from 'node:test'
import type { RequestContext } from '@kilonova/base/context'
import { makeContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import { recordReport } from '../agents/report.ts'
import { bootstrapNetwork } from '../bootstrap.ts'
import type { NetworkClient, NewPort, RequestedNetwork } from '../client.ts'
import { networkSchema } from '../schema/network-schema.ts'
import type { TestCloud } from '../testing.ts'
import { ADMIN, MEMBER, makeNetwork, OTHER, testCloud } from '../testing.ts'

const demo = makeContext({ projectId: 'demo', userId: 'u', roles: ['member', 'reader'] })
const admin = makeContext({ projectId: 'admin', userId: 'a', roles: ['admin', 'member', 'reader'], isAdmin: true })

const device = { deviceId: 'server-1', deviceOwner: 'compute:nova', host: 'h1', hostname: 'vm' }
const newPort = (networkId: string, more: Partial<NewPort> = {}): NewPort => ({
  id: systemRandom.uuid(),
  networkId,
  fixedIp: null,
  subnetId: null,
  securityGroupIds: [],
  ...device,
  ...more,
})

/** Nova's API shows these faults as they are: their kind is for Nova to say. */
const refused = (status: number, says: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.equal(`${error.status} ${error.kind}`, `${status} `)
  assert.match(error.message, says)
  return true
}

onBothStores('what compute asks of network', (open) => {
  let cloud: TestCloud
  let client: NetworkClient

  beforeEach(async () => {
    cloud = await testCloud({ store: await open(networkSchema), options: { quota_port: 20 } })
    client = cloud.service.client
    await recordReport(cloud.service.network, { host: 'h1', backend: 'bridge', isStart: true })
  })
  afterEach(() => cloud.close())

  const plan = (requested: RequestedNetwork[] | 'auto' | 'none' | null, context: RequestContext = demo, count = 1) =>
    client.validateRequested(context, requested, { count })

  it('takes the one network there is', async () => {
    assert.deepEqual(await plan(null), [])
    const { networkId } = await makeNetwork(cloud, MEMBER)
    await makeNetwork(cloud, ADMIN, { cidr: '172.24.4.0/24', network: { 'router:external': true } })
    await makeNetwork(cloud, OTHER)
    const nic = { networkId, portId: null, fixedIp: null, subnetId: null, tag: null }
    assert.deepEqual(await plan(null), [nic])
    assert.deepEqual(await plan('auto'), [nic])
    assert.deepEqual(await plan('none'), [])
    await makeNetwork(cloud, MEMBER)
    await assert.rejects(plan(null), refused(409, /Multiple possible networks/))
  })

  it('checks networks, subnets and addresses', async () => {
    const allocation_pools = [{ start: '10.0.0.100', end: '10.0.0.200' }] // none of the addresses named below
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER, { subnet: { allocation_pools } })
    const foreign = await makeNetwork(cloud, OTHER)
    const outside = await makeNetwork(cloud, ADMIN, { cidr: '172.24.4.0/24', network: { 'router:external': true } })
    const bare = (await cloud.must('POST', '/v2.0/networks', MEMBER, { network: {} })).network.id as string
    assert.deepEqual(await plan([{ networkId, fixedIp: '10.0.0.77', tag: 't' }, { subnetId }]), [
      { networkId, portId: null, fixedIp: '10.0.0.77', subnetId: null, tag: 't' },
      { networkId, portId: null, fixedIp: null, subnetId, tag: null },
    ])
    const cases: [RequestedNetwork, number, RegExp][] = [
      [{ networkId: foreign.networkId }, 400, /Network .* could not be found/],
      [{ networkId: outside.networkId }, 403, /not allowed to create an interface on external network/],
      [{ networkId: bare }, 400, /requires a subnet/],
      [{ networkId, subnetId: foreign.subnetId }, 400, /invalid subnet/],
      [{ networkId, fixedIp: '10.9.9.9' }, 400, /10\.9\.9\.9 is not a valid IP/],
      [{ networkId, fixedIp: 'x' }, 400, /'x' is not a valid IP/],
      [{ networkId, subnetId, fixedIp: '10.0.0.255' }, 400, /not a valid IP for the specified subnet/],
      [{ fixedIp: '10.0.0.5' }, 400, /must be named/],
      [{ subnetId: networkId }, 400, /Subnet .* could not be found/],
    ]
    for (const [requested, status, says] of cases) await assert.rejects(plan([requested]), refused(status, says))
    assert.equal((await plan([{ networkId: outside.networkId }], admin)).length, 1)
    await client.createPort(demo, newPort(networkId, { fixedIp: '10.0.0.77' }))
    await assert.rejects(
      plan([{ networkId, fixedIp: '10.0.0.77' }]),
      refused(400, /already in use on instance server-1/),
    )
  })

  it('checks given ports', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const portOf = async (body: object) =>
      (await cloud.must('POST', '/v2.0/ports', MEMBER, { port: { network_id: networkId, ...body } })).port.id as string
    const portId = await portOf({})
    assert.deepEqual(await plan([{ portId }]), [{ networkId, portId, fixedIp: null, subnetId: null, tag: null }])
    await assert.rejects(plan([{ portId }, { portId }]), refused(400, /named more than once/))
    await assert.rejects(plan([{ portId: systemRandom.uuid() }]), refused(400, /could not be found/))
    await assert.rejects(plan([{ portId: await portOf({ device_id: 'x' }) }]), refused(409, /in use/))
    await assert.rejects(plan([{ portId: await portOf({ fixed_ips: [] }) }]), refused(400, /requires a FixedIP/))
    const foreign = makeContext({ projectId: 'other', roles: ['member'] })
    await assert.rejects(plan([{ portId }], foreign), refused(400, /not usable/))
  })

  it('counts the ports of all servers of a request', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER, { subnet: { enable_dhcp: false } })
    assert.equal((await plan([{ networkId }, { networkId }], demo, 10)).length, 2)
    await assert.rejects(plan([{ networkId }], demo, 21), refused(403, /Maximum number of ports exceeded/))
  })

  it('finds security groups by name and id', async () => {
    const make = async (name: string) =>
      (await cloud.must('POST', '/v2.0/security-groups', MEMBER, { security_group: { name } })).security_group
        .id as string
    const [web, twin] = [await make('web'), await make('twin')]
    await make('twin')
    const [byDefault] = await client.validateSecurityGroups(demo, ['default'])
    assert.deepEqual(await client.validateSecurityGroups(demo, ['web', twin, 'default']), [web, twin, byDefault])
    await assert.rejects(client.validateSecurityGroups(demo, ['nope']), refused(400, /Security group nope not found/))
    await assert.rejects(client.validateSecurityGroups(demo, ['twin']), refused(409, /Multiple/))
    const foreign = makeContext({ projectId: 'other', roles: ['member'] })
    await assert.rejects(client.validateSecurityGroups(foreign, [web]), refused(400, /not found/))
  })

  it('makes, binds, gives back and removes ports however often it is asked', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const port = newPort(networkId, { subnetId })
    await Promise.all([client.createPort(demo, port), client.createPort(demo, port)])
    await client.createPort(demo, port)
    const [vif] = await client.vifs([port.id])
    assert.equal(vif!.type, 'bridge')
    assert.equal(vif!.network.label, 'net')
    assert.equal(vif!.tap, `tap${port.id.slice(0, 11)}`)
    assert.match(vif!.network.subnets[0]!.dhcpServer!, /^10\.0\.0\./)
    assert.deepEqual(await client.portsOfDevice('server-1'), [{ id: port.id, status: 'DOWN', host: 'h1' }])
    await assert.rejects(client.bindPort(demo, { portId: port.id, ...device, deviceId: 'server-2' }), (error) =>
      isFault(error, 'PortInUse'),
    )
    const { port: seen } = await cloud.must('GET', `/v2.0/ports/${port.id}`, ADMIN)
    assert.equal(seen.device_owner, 'compute:nova')
    assert.equal(seen.project_id, 'demo')
    assert.equal(seen.security_groups.length, 1)
    for (let i = 0; i < 2; i++) await client.takeOffHost(demo, { portId: port.id })
    assert.deepEqual(await client.portsOfDevice('server-1'), [{ id: port.id, status: 'DOWN', host: null }])
    await client.bindPort(demo, { portId: port.id, ...device })
    assert.deepEqual(await client.portsOfDevice('server-1'), [{ id: port.id, status: 'DOWN', host: 'h1' }])
    await client.unbindPort(demo, { portId: port.id })
    await client.unbindPort(demo, { portId: port.id })
    assert.deepEqual(await client.portStatuses([port.id]), { [port.id]: 'N/A' })
    assert.equal((await client.allPorts()).find(({ id }) => id === port.id)!.deviceId, '')
    await client.bindPort(demo, { portId: port.id, ...device, deviceId: 'server-2' })
    await client.deletePort(demo, { portId: port.id })
    await client.deletePort(demo, { portId: port.id })
    await client.unbindPort(demo, { portId: port.id })
    await client.takeOffHost(demo, { portId: port.id })
    assert.deepEqual(await client.portStatuses([port.id]), { [port.id]: 'missing' })
    await assert.rejects(client.bindPort(demo, { portId: port.id, ...device }), (error) =>
      isFault(error, 'PortNotFound'),
    )
  })

  it("puts groups on all of a server's ports, tells of it, and takes them off", async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const made = await cloud.must('POST', '/v2.0/security-groups', MEMBER, { security_group: { name: 'web' } })
    const web: string = made.security_group.id
    const ports = [newPort(networkId), newPort(networkId)]
    for (const port of ports) await client.createPort(demo, port)
    const change = { serverId: 'server-1', projectId: 'demo', nameOrId: 'web' }
    const told = () => cloud.events.filter(({ name }) => name === 'network-changed').map(({ portId }) => portId)
    await Promise.all([client.addServerGroup(change), client.addServerGroup({ ...change, nameOrId: web })])
    assert.deepEqual(told().toSorted(), ports.map(({ id }) => id).toSorted())
    const names = await client.serverGroupNames(demo, ['server-1', 'server-2'])
    assert.deepEqual([...names.keys()], ['server-1'])
    assert.deepEqual(names.get('server-1')!.toSorted(), ['default', 'default', 'web', 'web'])
    const stranger = makeContext({ projectId: 'other', roles: ['reader'] })
    assert.deepEqual(await client.serverGroups(stranger, 'server-1'), [])
    await client.removeServerGroup(change)
    assert.equal(told().length, 4)
    await assert.rejects(client.removeServerGroup(change), refused(404, /^Security group web not associated with/))
    await assert.rejects(
      client.addServerGroup({ ...change, serverId: 'x' }),
      refused(404, /could not be found as device/),
    )
    await assert.rejects(client.addServerGroup({ ...change, projectId: 'other' }), refused(404, /for project other$/))
  })

  it('shows ports in the order asked for', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const ports = Array.from({ length: 6 }, () => newPort(networkId))
    for (const port of ports) await client.createPort(demo, port)
    const ids = ports.map(({ id }) => id).toReversed()
    assert.deepEqual(
      (await client.vifs([...ids, 'gone'])).map(({ portId }) => portId),
      ids,
    )
  })
})

onBothStores('a new cloud', (open) => {
  it('has one network for demo and admin, a way out, and keeps what is changed', async () => {
    const cloud = await testCloud({ store: await open(networkSchema) })
    try {
      const { network, client } = cloud.service
      const wish = {
        demoProjectId: 'demo',
        adminProjectId: 'admin',
        privateCidr: '10.11.0.0/24',
        publicCidr: '172.24.9.0/24',
      }
      await Promise.all([bootstrapNetwork(network, wish), bootstrapNetwork(network, wish)])
      const { networks } = await cloud.must('GET', '/v2.0/networks?name=private', MEMBER)
      assert.equal(networks.length, 1)
      for (const context of [demo, admin]) {
        const nics = await client.validateRequested(context, null, { count: 1 })
        assert.deepEqual(
          nics.map(({ networkId }) => networkId),
          [networks[0].id],
        )
      }
      assert.equal((await cloud.must('GET', '/v2.0/networks?name=private', ADMIN)).networks[0].shared, true)
      assert.equal((await cloud.must('GET', '/v2.0/networks?name=private', OTHER)).networks.length, 0)
      const [outside] = (await cloud.must('GET', '/v2.0/networks?router:external=true', OTHER)).networks
      assert.equal(outside.name, 'public')
      await recordReport(network, { host: 'h1', backend: 'bridge', isStart: true })
      const port = newPort(networks[0].id)
      await client.createPort(admin, port)
      const floatingip = { floating_network_id: outside.id, port_id: port.id }
      assert.equal((await cloud.ask('POST', '/v2.0/floatingips', ADMIN, { floatingip })).status, 201)
      const [router] = (await cloud.must('GET', '/v2.0/routers', MEMBER)).routers
      await cloud.must('PUT', `/v2.0/routers/${router.id}`, MEMBER, { router: { name: 'mine' } })
      await bootstrapNetwork(network, wish)
      assert.deepEqual(
        (await cloud.must('GET', '/v2.0/routers', MEMBER)).routers.map(({ name }: { name: string }) => name),
        ['mine'],
      )
    } finally {
      await cloud.close()
    }
  })
})
