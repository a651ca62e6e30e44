// The way out and in: routers, address translation, and a namespace that stands for the world outside.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import type { MetadataSource, RouterPort, WiredNetwork, WiredRouter } from '../../protocol.ts'
import {
  aGroup,
  aNetwork,
  aPort,
  aRouter,
  aRule,
  aSubnet,
  type Guest,
  hostPings,
  hostPingsInVain,
  IN_VAIN,
  newId,
  newMac,
  outsideNet,
  TestHost,
} from '../../test-bed.ts'

let host: TestHost
let generation = 1
let inner: WiredNetwork
let other: WiredNetwork
let outside: WiredNetwork
let router: WiredRouter
let client: Guest
let server: Guest
const sources: MetadataSource[] = []
const group = aGroup([aRule({ protocol: 'icmp' }), aRule({ protocol: 'tcp', portRangeMin: 8080, portRangeMax: 8080 })])
const inGroup = { securityGroupIds: [group.id] }
const world = `kn-test-${systemRandom.bytes(4).toString('hex')}`
const worldLink = `knw${world.slice(-8)}`
const [net, worldNet] = [outsideNet(18), outsideNet(19)]

/** A namespace behind the host that knows no way back to any of the cloud's networks. */
async function makeWorld(): Promise<void> {
  await run('ip', ['netns', 'add', world])
  const lines = [
    `link add name ${worldLink} type veth peer name eth0 netns ${world}`,
    `address add ${worldNet}.1/30 dev ${worldLink}`,
    `link set dev ${worldLink} up`,
  ]
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
  const inside = [`address add ${worldNet}.2/30 dev eth0`, 'link set dev eth0 up']
  await run('ip', ['-n', world, '-batch', '-'], { input: `${inside.join('\n')}\n` })
}

const leg = (network: WiredNetwork, ipAddress: string): RouterPort => ({
  portId: newId(),
  networkId: network.id,
  macAddress: newMac(),
  fixedIps: [{ subnetId: network.subnets[0]!.id, ipAddress }],
})

async function guest(network: WiredNetwork, address: string, gateway: string): Promise<Guest> {
  const port = aPort(network, [address], inGroup)
  await host.agent.plug({ generation: generation++, port, securityGroups: [group] })
  const made = await host.guest(port)
  await made.configure([`${address}/24`], [`default via ${gateway}`])
  return made
}

async function setRouter(parts: Partial<WiredRouter>): Promise<void> {
  router = { ...router, ...parts }
  await host.agent.ensureRouter({ generation: generation++, router })
}

before(async () => {
  await makeWorld()
  host = await TestHost.start((socket, where) => {
    sources.push(where)
    socket.end(`HTTP/1.0 200 OK\r\n\r\n${where.port?.deviceId ?? 'stranger'}`)
  })
  inner = aNetwork([aSubnet('10.82.0.0/24', { gatewayIp: '10.82.0.1', enableDhcp: false })], [])
  other = aNetwork([aSubnet('10.83.0.0/24', { gatewayIp: '10.83.0.1', enableDhcp: false })], [])
  outside = aNetwork([aSubnet(`${net}.0/24`, { gatewayIp: `${net}.1`, enableDhcp: false })], [])
  const external = { id: outside.id, gatewayCidrs: [`${net}.1/24`] }
  for (const network of [inner, other]) await host.agent.ensureNetwork({ generation, network })
  await host.agent.ensureNetwork({ generation, network: outside, external })
  router = aRouter({ interfaces: [leg(inner, '10.82.0.1'), leg(other, '10.83.0.1')] })
  await setRouter({ gateway: { ...leg(outside, `${net}.20`), enableSnat: true } })
  client = await guest(inner, '10.82.0.11', '10.82.0.1')
  server = await guest(other, '10.83.0.12', '10.83.0.1')
  await server.echo(8080)
  await server.echo(9090)
})
after(async () => {
  await host.end()
  await run('ip', ['netns', 'delete', world], { accept: [0, 1] })
  await run('ip', ['link', 'del', 'dev', worldLink], { accept: [0, 1] })
})

test('routes between its networks, under the security groups of the receiver', async () => {
  assert.equal(await client.pings('10.83.0.12'), true)
  assert.equal(await client.reaches('10.83.0.12', 8080), true)
  assert.equal(await client.reaches('10.83.0.12', 9090, IN_VAIN), false)
})

test('guests reach the world behind the gateway and the host', async () => {
  assert.equal(await client.pings(`${worldNet}.2`), true)
  await setRouter({ gateway: { ...router.gateway!, enableSnat: false } })
  assert.equal(await client.pingsInVain(`${worldNet}.2`), true, 'without SNAT no answer finds back')
  await setRouter({ gateway: { ...router.gateway!, enableSnat: true } })
})

test('a floating address leads to its guest, from the host and from inside, and is the guest outside', async () => {
  assert.equal(await hostPingsInVain(`${net}.30`), true)
  const floating = { id: newId(), floatingIp: `${net}.30`, fixedIp: '10.83.0.12' }
  await setRouter({ floatingIps: [floating] })
  assert.equal(await hostPings(`${net}.30`), true)
  assert.equal(await client.reaches(`${net}.30`, 8080), true)
  assert.equal(await client.reaches(`${net}.30`, 9090, IN_VAIN), false)
  const witness = await guest(outside, `${net}.40`, `${net}.1`)
  await witness.echo(8080)
  const call = server.call(`${net}.40`, 8080)
  assert.equal(await call.echoes('who am I'), true)
  const { stdout } = await witness.run('busybox', ['netstat', '-tn'])
  assert.ok(stdout.includes(`${net}.30:`), stdout)
  call.end()
  await setRouter({ floatingIps: [{ ...floating, fixedIp: '10.82.0.11' }] })
  assert.equal(
    await client.reaches(`${net}.30`, 8080, IN_VAIN),
    false,
    'it is at another guest now, where nothing listens',
  )
  await setRouter({ floatingIps: [] })
  assert.equal(await hostPingsInVain(`${net}.30`), true)
})

test('what was spoken through a floating address ends with it, what goes another way goes on', async () => {
  const floating = { id: newId(), floatingIp: `${net}.31`, fixedIp: '10.83.0.12' }
  await setRouter({ floatingIps: [floating] })
  const witness = await guest(outside, `${net}.41`, `${net}.1`)
  await witness.echo(8080)
  const calls = [witness.call(`${net}.31`, 8080), server.call(`${net}.41`, 8080)]
  const shared = client.call(`${net}.41`, 8080)
  for (const call of [...calls, shared]) assert.equal(await call.echoes('before'), true)
  await setRouter({ floatingIps: [floating, { id: newId(), floatingIp: `${net}.32`, fixedIp: '10.82.0.11' }] })
  for (const call of [...calls, shared]) assert.equal(await call.echoes('meanwhile'), true)
  await setRouter({ floatingIps: [] })
  for (const call of calls) assert.equal(await call.echoes('after', IN_VAIN), false)
  assert.equal(await shared.echoes('after'), true)
  for (const call of [...calls, shared]) call.end()
})

test('serves metadata through the router', async () => {
  assert.equal(await client.fetch('http://169.254.169.254/'), client.port.deviceId)
  const { networkId, routerId, address } = sources.at(-1)!
  assert.deepEqual(
    { networkId, routerId, address },
    { networkId: inner.id, routerId: router.id, address: '10.82.0.11' },
  )
})

test('routes of its own come and go; one that leads nowhere holds up no other', async () => {
  const routes = async () => (await run('ip', ['-n', `kn-router-${router.id}`, 'route'])).stdout
  const good = { destination: '10.90.0.0/16', nexthop: '10.82.0.11' }
  await setRouter({ routes: [{ destination: '10.91.0.0/16', nexthop: '192.0.2.99' }, good] })
  assert.match(await routes(), /10\.90\.0\.0\/16 via 10\.82\.0\.11/)
  await setRouter({ routes: [] })
  assert.doesNotMatch(await routes(), /10\.90\.0\.0/)
  assert.ok((await routes()).includes(`default via ${net}.1 `))
})

test('the host answers guests of an external network under their security groups', async () => {
  const direct = await guest(outside, `${net}.50`, `${net}.1`)
  assert.equal(await direct.pings(`${worldNet}.2`), true)
  assert.equal(await hostPings(`${net}.50`), true)
  const closed = { ...group, rules: group.rules.filter(({ protocol }) => protocol !== 'icmp') }
  await host.agent.updateGroups([closed], generation++)
  assert.equal(await hostPingsInVain(`${net}.50`), true)
  await host.agent.updateGroups([group], generation++)
})

test('IPv6 guests learn their way out from the router', async () => {
  const subnet = aSubnet('fd82::/64', {
    gatewayIp: 'fd82::1',
    enableDhcp: false,
    ipv6AddressMode: 'slaac',
    ipv6RaMode: 'slaac',
  })
  const network = aNetwork([subnet], [])
  const net6 = `fd83:${systemRandom.bytes(2).toString('hex')}:`
  const world6 = aNetwork([aSubnet(`${net6}:/64`, { gatewayIp: `${net6}:1`, enableDhcp: false })], [])
  const gateway = { ...leg(world6, `${net6}:20`), enableSnat: true }
  const own = aRouter({ interfaces: [leg(network, 'fd82::1')], gateway })
  await host.agent.ensureNetwork({
    generation,
    network: world6,
    external: { id: world6.id, gatewayCidrs: [`${net6}:1/64`] },
  })
  await host.agent.ensureRouter({ generation: generation++, router: own, networks: [network] })
  const port = aPort(network, [], inGroup)
  await host.agent.plug({ generation: generation++, port, securityGroups: [group] })
  const learner = await host.guest(port)
  const seen = async () => (await learner.run('ip', ['-6', 'route', 'show', 'default'])).stdout
  for (let tries = 0; tries < 100 && (await seen()) === ''; tries++) await learner.pings('fe80::1%eth0')
  assert.match(await seen(), /default via fe80::.* dev eth0 proto ra/)
  const way = await run('ip', ['-n', `kn-router-${own.id}`, '-6', 'route', 'show', 'default'])
  assert.match(way.stdout, /^default via fd83:\S+:1 dev qg-/)
  assert.equal(await hostPings(`${net6}:20`), true)
  await host.agent.removeRouter(own.id, generation++)
  assert.deepEqual(
    (await host.agent.inventory()).filter(({ owner }) => owner === own.id),
    [],
  )
})
