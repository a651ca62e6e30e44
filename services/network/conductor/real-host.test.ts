// What the API is asked for, as guests see it: a real bridge, DHCP server, filters, router and floating address.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { makeContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import { BridgeBackend } from '../agent/drivers/bridge/bridge-backend.ts'
import type { WiredPort } from '../agent/protocol.ts'
import { Guest, hostPings, hostPingsInVain } from '../agent/test-bed.ts'
import type { NetworkHost } from '../host/network-host.ts'
import { startNetworkHost } from '../host/network-host.ts'
import type { HostMethods, NetworkMethods } from '../host-protocol.ts'
import { NETWORK_TOPIC, networkTopic } from '../host-protocol.ts'
import type { TestCloud } from '../testing.ts'
import { ADMIN, eventually, MEMBER, makeNetwork, testCloud } from '../testing.ts'

const HOST = 'here'
const context = makeContext({ projectId: 'demo', userId: 'u', roles: ['member', 'reader'] })

/** An external prefix that no other test on this machine has. */
function outsideCidr(): { cidr: string; gateway: string } {
  const [a = 0, b = 0] = systemRandom.bytes(2)
  const prefix = `10.${200 + (a % 50)}.${b}`
  return { cidr: `${prefix}.0/24`, gateway: `${prefix}.1` }
}

async function startHost(cloud: TestCloud, directory: string): Promise<NetworkHost> {
  const cloudTag = systemRandom.bytes(4).toString('hex')
  const backend = new BridgeBackend({ directory, cloudTag, metadataServer: (socket) => socket.end(), device: 'veth' })
  const options = { report_interval: 3600, reconcile_interval: 3600 }
  const host = await startNetworkHost({ host: HOST, bus: cloud.bus, clock: systemClock, directory, backend, options })
  await host.ready
  return host
}

async function guestOn(cloud: TestCloud, networkId: string): Promise<Guest> {
  const id = systemRandom.uuid()
  const device = { deviceId: systemRandom.uuid(), deviceOwner: 'compute:nova', host: HOST, hostname: 'guest' }
  const port = { id, networkId, fixedIp: null, subnetId: null, securityGroupIds: [], ...device }
  await cloud.service.client.createPort(context, port)
  await cloud.bus.remote<HostMethods>(networkTopic(HOST)).plug({ portId: id })
  const { ports } = await cloud.bus.remote<NetworkMethods>(NETWORK_TOPIC).wantedState({ host: HOST })
  return Guest.make(ports.find((wired: WiredPort) => wired.id === id)!)
}

async function reachesGuests(cloud: TestCloud, directory: string, guests: Guest[]): Promise<void> {
  const { networkId, subnetId } = await makeNetwork(cloud, MEMBER, { cidr: '10.83.0.0/24' })
  const outside = outsideCidr()
  const { networkId: externalId } = await makeNetwork(cloud, ADMIN, {
    cidr: outside.cidr,
    network: { 'router:external': true },
    subnet: { enable_dhcp: false },
  })
  const external_gateway_info = { network_id: externalId }
  const { router } = await cloud.must('POST', '/v2.0/routers', MEMBER, { router: { external_gateway_info } })
  await cloud.must('PUT', `/v2.0/routers/${router.id}/add_router_interface`, MEMBER, { subnet_id: subnetId })

  const [one, two] = [await guestOn(cloud, networkId), await guestOn(cloud, networkId)]
  guests.push(one, two)
  const address = two.port.fixedIps[0]!.ipAddress
  for (const guest of [one, two]) {
    const lease = await guest.dhcp(directory)
    assert.match(lease, new RegExp(`lease ${RegExp.escape(guest.port.fixedIps[0]!.ipAddress)} mtu=1500`))
  }
  assert.equal(await one.pings(address), true, 'members of one group reach each other')
  assert.equal(await one.pings(outside.gateway), true)

  const floating = { floating_network_id: externalId, port_id: two.port.id }
  const { floatingip } = await cloud.must('POST', '/v2.0/floatingips', MEMBER, { floatingip: floating })
  await eventually(async () => {
    const { floatingip: now } = await cloud.must('GET', `/v2.0/floatingips/${floatingip.id}`, MEMBER)
    assert.equal(now.status, 'ACTIVE')
  })
  const outsideAddress = floatingip.floating_ip_address
  assert.equal(await hostPingsInVain(outsideAddress), true, 'no rule lets it in')
  const [group] = (await cloud.must('GET', '/v2.0/security-groups', MEMBER)).security_groups
  const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'icmp' }
  await cloud.must('POST', '/v2.0/security-group-rules', MEMBER, { security_group_rule: rule })
  assert.equal(await hostPings(outsideAddress), true)

  for (const { port } of guests) await cloud.service.client.deletePort(context, { portId: port.id })
  await cloud.must('DELETE', `/v2.0/floatingips/${floatingip.id}`, MEMBER)
  await cloud.must('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, MEMBER, { subnet_id: subnetId })
  await cloud.must('DELETE', `/v2.0/routers/${router.id}`, MEMBER)
  for (const id of [networkId, externalId]) await cloud.must('DELETE', `/v2.0/networks/${id}`, ADMIN)
  const agent = cloud.bus.remote<HostMethods>(networkTopic(HOST))
  await eventually(async () => assert.deepEqual(await agent.inventory(undefined), []))
}

it('guests have what was asked for, and the host has nothing left of it', async () => {
  const cloud = await testCloud()
  const directory = await mkdtemp(join(tmpdir(), 'kn-real-host-'))
  const guests: Guest[] = []
  const host = await startHost(cloud, directory)
  try {
    await reachesGuests(cloud, directory, guests)
  } finally {
    for (const guest of guests) await guest.end()
    await host.agent.tearDown()
    await host.stop()
    await cloud.close()
    await rm(directory, { recursive: true, force: true })
  }
})
