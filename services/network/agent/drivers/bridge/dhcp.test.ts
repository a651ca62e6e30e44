// Leases, names and metadata as a guest gets them.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import type { MetadataSource, WiredNetwork } from '../../protocol.ts'
import { aGroup, aNetwork, aPort, aSubnet, type Guest, newMac, nothing, TestHost } from '../../test-bed.ts'
import { dnsmasqPid } from './dnsmasq.ts'
import { dhcpNamespace, tableName } from './names.ts'

let host: TestHost
let network: WiredNetwork
let generation = 1
const sources: MetadataSource[] = []
const group = aGroup()
const inGroup = { securityGroupIds: [group.id] }
const METADATA = 'http://169.254.169.254/'

before(async () => {
  host = await TestHost.start((socket, where) => {
    sources.push(where)
    socket.end(`HTTP/1.0 200 OK\r\n\r\n${where.port?.deviceId ?? 'stranger'}`)
  })
  const ipv4 = aSubnet('10.81.0.0/24', {
    gatewayIp: '10.81.0.1',
    hostRoutes: [{ destination: '10.99.0.0/16', nexthop: '10.81.0.9' }],
  })
  const ipv6 = aSubnet('fd81::/64', { ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' })
  network = aNetwork([ipv4, ipv6], ['10.81.0.2', 'fd81::2'])
  await host.agent.ensureNetwork({ generation, network })
})
after(() => host.end())

async function guest(address: string, parts = {}): Promise<Guest> {
  const port = aPort(network, [address], { ...inGroup, ...parts })
  await host.agent.plug({ generation: generation++, port, securityGroups: [group] })
  return host.guest(port)
}

const directory = () => `${host.directory}/dhcp/${network.id}`

test('a port gets its own address with MTU, routes, name server and name', async () => {
  const client = await guest('10.81.0.11', {
    hostname: 'alpha',
    extraDhcpOpts: [{ optName: 'domain-name', optValue: 'example.org\nevil', ipVersion: 4 }],
  })
  assert.match(await client.dhcp(host.directory), /lease 10\.81\.0\.11 mtu=1400 dns=10\.81\.0\.2 hostname=alpha/)
  const { stdout } = await client.run('ip', ['route'])
  assert.match(stdout, /default via 10\.81\.0\.1 /)
  assert.match(stdout, /169\.254\.169\.254 via 10\.81\.0\.2 /)
  assert.match(stdout, /10\.99\.0\.0\/16 via 10\.81\.0\.9 /)
  const { stdout: answer } = await client.run('busybox', ['nslookup', 'alpha.openstacklocal', '10.81.0.2'])
  assert.match(answer, /10\.81\.0\.11/)
  assert.match(await readFile(`${directory()}/opts`, 'utf8'), /option:domain-name,example\.org\n/)
})

test('a MAC that is no port of the network gets nothing', async () => {
  const client = await guest('10.81.0.12', { portSecurity: false, securityGroupIds: [] })
  await client.run('ip', ['link', 'set', 'dev', 'eth0', 'address', newMac()])
  assert.doesNotMatch(await client.dhcp(host.directory, 3), /^lease /m)
})

test('a new holder of an address gets it though the old one never gave it back, without a restart', async () => {
  const old = await guest('10.81.0.13')
  assert.match(await old.dhcp(host.directory), /lease 10\.81\.0\.13/)
  const pid = await dnsmasqPid(directory())
  await host.agent.unplug(old.port.id, generation++)
  const heir = await guest('10.81.0.13')
  assert.match(await heir.dhcp(host.directory), /lease 10\.81\.0\.13/)
  assert.ok(pid)
  assert.equal(await dnsmasqPid(directory()), pid)
})

test('metadata knows a guest by the address that it cannot forge', async () => {
  const client = await guest('10.81.0.14')
  const neighbour = await guest('10.81.0.15')
  for (const each of [client, neighbour]) await each.dhcp(host.directory)
  assert.equal(await client.fetch(METADATA), client.port.deviceId)
  assert.equal(await neighbour.fetch(METADATA), neighbour.port.deviceId)
  const { networkId, routerId, address } = sources.at(-1)!
  assert.deepEqual({ networkId, routerId, address }, { networkId: network.id, routerId: null, address: '10.81.0.15' })
})

test('a port without port security cannot pose as another before the metadata service', async () => {
  const poser = await guest('10.81.0.16', { portSecurity: false, securityGroupIds: [] })
  await guest('10.81.0.17')
  await poser.dhcp(host.directory)
  assert.equal(await poser.fetch(METADATA), poser.port.deviceId)
  await poser.configure(['10.81.0.17/24'], [`169.254.169.254/32 via 10.81.0.2 dev eth0 src 10.81.0.17`])
  assert.equal(await poser.pings('10.81.0.2', ['-I', '10.81.0.17']), true, 'elsewhere it may')
  assert.equal(await poser.fetch(METADATA, 2), undefined)
})

test('a port with address pairs cannot either', async () => {
  const pairs = [{ ipAddress: '10.81.0.0/24', macAddress: null }]
  const poser = await guest('10.81.0.22', { allowedAddressPairs: pairs })
  await guest('10.81.0.23')
  await poser.dhcp(host.directory)
  assert.equal(await poser.fetch(METADATA), poser.port.deviceId)
  await poser.configure(['10.81.0.23/24'], [`169.254.169.254/32 via 10.81.0.2 dev eth0 src 10.81.0.23`])
  assert.equal(await poser.pings('10.81.0.2', ['-I', '10.81.0.23']), true, 'elsewhere it may')
  assert.equal(await poser.fetch(METADATA, 2), undefined)
})

test('IPv6 addresses come by router advertisement, metadata answers at its link-local address', async () => {
  const client = await guest('10.81.0.18')
  const addresses = async () => (await client.run('ip', ['-6', 'address', 'show', 'dev', 'eth0'])).stdout
  for (let tries = 0; tries < 600 && !(await addresses()).includes('inet6 fd81:'); tries++) await systemClock.sleep(100)
  assert.match(await addresses(), /inet6 fd81::/)
  const { stdout } = await client.run('ip', ['-6', 'route', 'show', 'default'])
  assert.equal(stdout, '', 'the DHCP server is no router')
  const request = 'GET / HTTP/1.0\r\n\r\n'
  const answer = await client.run('busybox', ['nc', '-w', '60', 'fe80::a9fe:a9fe%eth0', '80'], request)
  assert.match(answer.stdout, new RegExp(client.port.deviceId))
})

test('the metadata listener and the leases outlive the cloud', async () => {
  const client = await guest('10.81.0.19')
  assert.match(await client.dhcp(host.directory), /lease/)
  const pid = await dnsmasqPid(directory())
  await host.restart()
  assert.equal(await dnsmasqPid(directory()), pid)
  assert.equal(await client.fetch(METADATA), client.port.deviceId)
})

test('a reconcile heals whatever was killed, deleted or flushed by hand', async () => {
  const client = await guest('10.81.0.20')
  const wanted = { ...nothing, networks: [network], ports: [client.port], securityGroups: [group] }
  await host.agent.reconcile({ ...wanted, generation: ++generation })
  const before = await dnsmasqPid(directory())
  process.kill(before!, 'SIGKILL')
  await run('ip', ['netns', 'delete', dhcpNamespace(network.id)])
  for (const family of ['bridge', 'inet']) await run('nft', ['delete', 'table', family, tableName(host.cloudTag)])
  await run('ip', ['link', 'del', 'dev', `brq${network.id.slice(0, 11)}`])
  assert.deepEqual(await host.agent.reconcile({ ...wanted, generation: ++generation }), { generation, failures: [] })
  assert.match(await client.dhcp(host.directory), /lease 10\.81\.0\.20/)
  assert.equal(await client.fetch(METADATA), client.port.deviceId)
  const after = await dnsmasqPid(directory())
  assert.ok(after && after !== before)
  assert.deepEqual(await host.agent.leftovers({ ...wanted, generation }), [])
})
