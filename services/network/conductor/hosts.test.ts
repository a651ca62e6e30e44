// The service with hosts in memory: what is asked for is made, what is gone leaves nothing, whatever is lost on the way.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { makeContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { FakeOperation } from '../agent/drivers/fake/fake-backend.ts'
import { FakeBackend, FakeHost } from '../agent/drivers/fake/fake-backend.ts'
import type { WiredPort, WiredRouter, WiredSecurityGroup } from '../agent/protocol.ts'
import type { NewPort } from '../client.ts'
import type { NetworkHost } from '../host/network-host.ts'
import { startNetworkHost } from '../host/network-host.ts'
import type { HostMethods, NetworkMethods } from '../host-protocol.ts'
import { NETWORK_TOPIC, networkTopic } from '../host-protocol.ts'
import type { TestCloud } from '../testing.ts'
import { ADMIN, eventually, MEMBER, makeNetwork, makeRouter, testCloud } from '../testing.ts'

const SELDOM = { report_interval: 3600, reconcile_interval: 3600 }
const context = makeContext({ projectId: 'demo', userId: 'u', roles: ['member', 'reader'] })

class TestHost {
  readonly name: string
  readonly machine = new FakeHost()
  directory = ''
  process!: NetworkHost
  before: (operation: FakeOperation) => void = () => undefined
  #cloud: TestCloud

  constructor(cloud: TestCloud, name: string) {
    this.#cloud = cloud
    this.name = name
  }

  async start(): Promise<void> {
    this.directory ||= await mkdtemp(join(tmpdir(), 'kn-host-'))
    const before = async (operation: FakeOperation) => this.before(operation)
    const backend = new FakeBackend({ directory: this.directory, host: this.machine, before })
    const { bus } = this.#cloud
    const parts = { host: this.name, bus, clock: systemClock, directory: this.directory, backend, options: SELDOM }
    this.process = await startNetworkHost(parts)
    await this.process.ready
  }

  get agent() {
    return this.#cloud.bus.remote<HostMethods>(networkTopic(this.name))
  }

  owners(): Set<string> {
    return new Set([...this.machine.things.values()].map(({ owner }) => owner))
  }

  async record<T>(kind: 'ports' | 'groups' | 'routers', id: string): Promise<T> {
    const text = await readFile(join(this.directory, kind, `${id}.json`), 'utf8')
    return Object.values(JSON.parse(text) as Record<string, T>).find((value) => typeof value === 'object') as T
  }

  async end(): Promise<void> {
    await this.process.stop()
    await rm(this.directory, { recursive: true, force: true })
  }
}

describe('hosts', () => {
  let cloud: TestCloud
  let one: TestHost
  let two: TestHost

  beforeEach(async () => {
    cloud = await testCloud()
    one = new TestHost(cloud, 'one')
    two = new TestHost(cloud, 'two')
    await one.start()
    await two.start()
  })
  afterEach(async () => {
    await one.end()
    await two.end()
    await cloud.close()
  })

  const serverPort = async (networkId: string, host: string, more: Partial<NewPort> = {}): Promise<NewPort> => {
    const device = { deviceId: systemRandom.uuid(), deviceOwner: 'compute:nova', host, hostname: 'vm' }
    const wish = { id: systemRandom.uuid(), networkId, fixedIp: null, subnetId: null, securityGroupIds: [], ...device }
    const port = { ...wish, ...more }
    await cloud.service.client.createPort(context, port)
    return port
  }
  const statusOf = async (id: string) => (await cloud.service.client.portStatuses([id]))[id]
  const wantedBy = async (host: TestHost) =>
    cloud.bus.remote<NetworkMethods>(NETWORK_TOPIC).wantedState({ host: host.name })
  /** The host has nothing that it should not have. */
  const clean = async (host: TestHost): Promise<void> => assert.deepEqual(await host.agent.leftovers(undefined), [])

  it('plug a port, tell compute, and leave nothing of it', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const { id, deviceId } = await serverPort(networkId, 'two')
    await two.agent.plug({ portId: id })
    assert.equal(await statusOf(id), 'ACTIVE')
    assert.deepEqual(cloud.events, [
      { name: 'network-vif-plugged', serverId: deviceId, portId: id, status: 'completed' },
    ])
    assert.ok(two.owners().has(id) && two.owners().has(networkId))
    const wired = await eventually(() => one.record<WiredPort>('ports', id))
    assert.equal(wired.bound, false, 'the host of DHCP hands out its address')
    assert.equal(wired.hostname, 'vm')
    await two.agent.plug({ portId: id })
    assert.equal(cloud.events.length, 1, 'a repetition is no news')

    await two.agent.unplug({ portId: id })
    await two.agent.unplug({ portId: id })
    assert.equal(await statusOf(id), 'DOWN')
    await cloud.service.client.deletePort(context, { portId: id })
    await cloud.service.client.deletePort(context, { portId: id })
    assert.equal(await statusOf(id), 'missing')
    assert.equal(cloud.events.at(-1)!.name, 'network-vif-deleted')
    await eventually(() => assert.deepEqual(two.owners(), new Set()))
    await eventually(() => assert.rejects(one.record('ports', id)))
    await clean(one)
  })

  it('make the DHCP server of a network with its first subnet, and remove it with the last', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    await eventually(() => assert.ok([...one.machine.things.values()].some(({ kind }) => kind === 'dnsmasq')))
    const dhcp = async () => (await cloud.must('GET', '/v2.0/ports?device_owner=network:dhcp', ADMIN)).ports
    await eventually(async () => assert.equal((await dhcp())[0].status, 'ACTIVE'))
    assert.equal((await dhcp())[0]['binding:host_id'], 'one')
    assert.deepEqual(two.owners(), new Set())
    await cloud.must('PUT', `/v2.0/subnets/${subnetId}`, MEMBER, { subnet: { enable_dhcp: false } })
    assert.deepEqual(await dhcp(), [])
    await eventually(() => assert.deepEqual(one.owners(), new Set()))
    await cloud.must('PUT', `/v2.0/subnets/${subnetId}`, MEMBER, { subnet: { enable_dhcp: true } })
    await eventually(() => assert.ok(one.owners().has(networkId)))
    await cloud.must('DELETE', `/v2.0/networks/${networkId}`, MEMBER)
    await eventually(() => assert.deepEqual(one.owners(), new Set()))
    await clean(one)
  })

  it('hear of rules and of the members of groups that rules name', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const make = async (name: string) =>
      (await cloud.must('POST', '/v2.0/security-groups', MEMBER, { security_group: { name } })).security_group
        .id as string
    const [web, db] = [await make('web'), await make('db')]
    const port = await serverPort(networkId, 'two', { securityGroupIds: [db] })
    await two.agent.plug({ portId: port.id })
    const rule = {
      security_group_id: db,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 5432,
      port_range_max: 5432,
      remote_group_id: web,
    }
    const made = await cloud.must('POST', '/v2.0/security-group-rules', MEMBER, { security_group_rule: rule })
    const groupOf = (id: string) => two.record<WiredSecurityGroup>('groups', id)
    await eventually(async () => assert.equal((await groupOf(db)).rules.length, 3))
    await eventually(async () => assert.deepEqual((await groupOf(web)).memberAddresses, []))
    assert.deepEqual((await groupOf(web)).rules, [], 'it has no port here')

    const client = await serverPort(networkId, 'one', { securityGroupIds: [web] })
    const [vif] = await cloud.service.client.vifs([client.id])
    const address = vif!.network.subnets[0]!.ips[0]!.address
    await eventually(async () => assert.deepEqual((await groupOf(web)).memberAddresses, [address]))
    const pairs = { port: { allowed_address_pairs: [{ ip_address: '10.0.0.250' }] } }
    await cloud.must('PUT', `/v2.0/ports/${client.id}`, MEMBER, pairs)
    await eventually(async () => assert.ok((await groupOf(web)).memberAddresses.includes('10.0.0.250')))
    await cloud.service.client.deletePort(context, { portId: client.id })
    await eventually(async () => assert.deepEqual((await groupOf(web)).memberAddresses, []))
    await cloud.must('DELETE', `/v2.0/security-group-rules/${made.security_group_rule.id}`, MEMBER)
    await eventually(async () => assert.equal((await groupOf(db)).rules.length, 2))
    await two.agent.reconcile(undefined)
    await clean(two)
  })

  it('make routers and floating addresses, and say when these lead somewhere', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const { externalId, routerId } = await makeRouter(cloud, MEMBER, subnetId)
    const { id } = await serverPort(networkId, 'two')
    const floating = { floating_network_id: externalId, port_id: id }
    const { floatingip } = await cloud.must('POST', '/v2.0/floatingips', MEMBER, { floatingip: floating })
    const statusNow = async () =>
      (await cloud.must('GET', `/v2.0/floatingips/${floatingip.id}`, MEMBER)).floatingip.status
    await eventually(async () => assert.equal(await statusNow(), 'ACTIVE'))
    const wired = await one.record<WiredRouter>('routers', routerId)
    assert.equal(wired.interfaces[0]!.fixedIps[0]!.ipAddress, '10.0.0.1')
    assert.deepEqual(
      wired.floatingIps.map(({ floatingIp }) => floatingIp),
      [floatingip.floating_ip_address],
    )
    assert.equal(wired.gateway!.enableSnat, true)
    const { external } = await wantedBy(one)
    assert.deepEqual(external, [{ id: externalId, gatewayCidrs: ['172.24.4.1/24'] }])
    assert.deepEqual((await wantedBy(two)).routers, [])
    assert.ok(cloud.events.some(({ name, portId }) => name === 'network-changed' && portId === id))
    const [vif] = await cloud.service.client.vifs([id])
    assert.deepEqual(vif!.network.subnets[0]!.ips[0]!.floatingIps, [floatingip.floating_ip_address])

    await cloud.service.client.deletePort(context, { portId: id })
    assert.equal(await statusNow(), 'DOWN')
    await eventually(async () => assert.deepEqual((await one.record<WiredRouter>('routers', routerId)).floatingIps, []))
    const inUse = await cloud.ask('DELETE', `/v2.0/routers/${routerId}`, MEMBER)
    assert.equal(inUse.body.NeutronError.type, 'RouterInUse')
    await cloud.must('PUT', `/v2.0/routers/${routerId}/remove_router_interface`, MEMBER, { subnet_id: subnetId })
    await cloud.must('DELETE', `/v2.0/routers/${routerId}`, MEMBER)
    await cloud.must('DELETE', `/v2.0/floatingips/${floatingip.id}`, MEMBER)
    await cloud.must('DELETE', `/v2.0/networks/${externalId}`, ADMIN)
    await cloud.must('DELETE', `/v2.0/networks/${networkId}`, MEMBER)
    await eventually(() => assert.deepEqual(one.owners(), new Set()))
    await clean(one)
  })

  it('find out at their start what they missed', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const gone = await serverPort(networkId, 'two')
    await two.agent.plug({ portId: gone.id })
    await two.process.stop()
    await cloud.service.client.deletePort(context, { portId: gone.id })
    const kept = await serverPort(networkId, 'two')
    await two.start()
    assert.equal(await statusOf(kept.id), 'ACTIVE')
    assert.ok(two.owners().has(kept.id) && !two.owners().has(gone.id))
    await clean(two)
  })

  it('move a port from one to the other', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const port = await serverPort(networkId, 'two')
    await two.agent.plug({ portId: port.id })
    const { deviceId, deviceOwner, hostname } = port
    await cloud.service.client.bindPort(context, { portId: port.id, deviceId, deviceOwner, hostname, host: 'one' })
    await eventually(() => assert.deepEqual(two.owners(), new Set()))
    await one.agent.plug({ portId: port.id })
    assert.equal(await statusOf(port.id), 'ACTIVE')
    await assert.rejects(two.agent.plug({ portId: port.id }), (error) => isFault(error, 'PortNotFound'))
    const late = { host: 'two', reports: [{ portId: port.id, status: 'DOWN' as const }] }
    await cloud.bus.remote<NetworkMethods>(NETWORK_TOPIC).portReport(late)
    assert.equal(await statusOf(port.id), 'ACTIVE', 'who lost a port has no say in it')
  })

  it('say why a port could not be made', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    two.before = (operation) => {
      if (operation === 'plug') throw new Error('no more devices')
    }
    const { id } = await serverPort(networkId, 'two')
    await assert.rejects(two.agent.plug({ portId: id }), /no more devices/)
    assert.equal(await statusOf(id), 'DOWN')
    two.before = () => undefined
    await two.agent.plug({ portId: id })
    assert.equal(await statusOf(id), 'ACTIVE')
  })

  it('are the agents that admins see', async () => {
    const { agents } = await cloud.must('GET', '/v2.0/agents', ADMIN)
    assert.deepEqual(
      agents.map(({ host, alive }: { host: string; alive: boolean }) => `${host} ${alive}`),
      ['one true', 'two true'],
    )
    const { agents: found } = await cloud.must('GET', '/v2.0/agents?host=two&alive=true', ADMIN)
    assert.equal(found.length, 1)
    const bound = { port: { network_id: (await makeNetwork(cloud, ADMIN)).networkId, 'binding:host_id': 'nowhere' } }
    const { port } = await cloud.must('POST', '/v2.0/ports', ADMIN, bound)
    assert.equal(port['binding:vif_type'], 'binding_failed')
    await assert.rejects(serverPort(port.network_id, 'nowhere'), (error) => isFault(error, 'PortBindingFailed'))
  })
})
