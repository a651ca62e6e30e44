// Real packets between namespaces that stand for guests.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '@kilonova/base/command'
import type { WiredNetwork, WiredPort, WiredSecurityGroup } from '../../protocol.ts'
import {
  aGroup,
  aNetwork,
  aPort,
  aRule,
  aSubnet,
  type Guest,
  IN_VAIN,
  newMac,
  outsideNet,
  TestHost,
} from '../../test-bed.ts'
import { linkLocalOf } from './addresses.ts'

let host: TestHost
let network: WiredNetwork
let generation = 1
const ssh = aRule({ protocol: 'tcp', portRangeMin: 8080, portRangeMax: 8080 })
const icmp = aRule({ protocol: 'icmp' })

async function plug(port: WiredPort, securityGroups: WiredSecurityGroup[] = []): Promise<void> {
  await host.agent.plug({ generation: generation++, port, securityGroups })
}

/** A guest with addresses set by hand. */
async function guest(port: WiredPort, securityGroups: WiredSecurityGroup[] = []): Promise<Guest> {
  await plug(port, securityGroups)
  const made = await host.guest(port)
  await made.configure(port.fixedIps.map(({ ipAddress }) => `${ipAddress}/${ipAddress.includes(':') ? 64 : 24}`))
  return made
}

before(async () => {
  host = await TestHost.start()
  const subnets = [aSubnet('10.79.0.0/24', { enableDhcp: false }), aSubnet('fd79::/64', { enableDhcp: false })]
  network = aNetwork(subnets, [])
  await host.agent.ensureNetwork({ generation, network })
})
after(() => host.end())

test('lets in what a rule allows and drops the rest', async () => {
  const group = aGroup([ssh, icmp])
  const server = await guest(aPort(network, ['10.79.0.11'], { securityGroupIds: [group.id] }), [group])
  const client = await guest(aPort(network, ['10.79.0.12'], { securityGroupIds: [group.id] }))
  await server.echo(8080)
  await server.echo(9090)
  assert.equal(await client.pings('10.79.0.11'), true)
  assert.equal(await client.reaches('10.79.0.11', 8080), true)
  assert.equal(await client.reaches('10.79.0.11', 9090, IN_VAIN), false)

  await host.agent.updateGroups([{ ...group, rules: [icmp, ssh] }], generation++)
  assert.equal(await client.pingsInVain('10.79.0.11'), true, 'without an egress rule nothing leaves')
})

test('an established connection ends with its rule, others go on', async () => {
  const other = aRule({ protocol: 'tcp', portRangeMin: 9090, portRangeMax: 9090 })
  const group = aGroup([ssh, other])
  const server = await guest(aPort(network, ['10.79.0.13'], { securityGroupIds: [group.id] }), [group])
  const client = await guest(aPort(network, ['10.79.0.14'], { securityGroupIds: [group.id] }))
  await server.echo(8080)
  await server.echo(9090)
  const losing = client.call('10.79.0.13', 8080)
  const staying = client.call('10.79.0.13', 9090)
  assert.equal(await losing.echoes('one'), true)
  assert.equal(await staying.echoes('one'), true)
  await host.agent.updateGroups([{ ...group, rules: group.rules.filter(({ id }) => id !== ssh.id) }], generation++)
  assert.equal(await losing.echoes('two', IN_VAIN), false)
  assert.equal(await staying.echoes('two'), true)
})

test('a remote group stands for its members, and a member that leaves is cut off', async () => {
  const friends = aGroup([], { memberAddresses: ['10.79.0.16'] })
  const group = aGroup([aRule({ protocol: 'tcp', portRangeMin: 1, portRangeMax: 65535, remoteGroupId: friends.id })])
  const server = await guest(aPort(network, ['10.79.0.15'], { securityGroupIds: [group.id] }), [friends, group])
  const friend = await guest(aPort(network, ['10.79.0.16'], { securityGroupIds: [friends.id] }))
  const stranger = await guest(aPort(network, ['10.79.0.17'], { securityGroupIds: [group.id] }))
  await server.echo(8080)
  const call = friend.call('10.79.0.15', 8080)
  assert.equal(await call.echoes('one'), true)
  assert.equal(await stranger.reaches('10.79.0.15', 8080, IN_VAIN), false)
  await host.agent.updateGroups([{ ...friends, memberAddresses: ['10.79.0.17'] }], generation++)
  assert.equal(await call.echoes('two', IN_VAIN), false)
  assert.equal(await stranger.reaches('10.79.0.15', 8080), true)
})

test('a stateless group needs a rule for the answers too', async () => {
  const answers = aRule({ protocol: 'tcp' })
  const group = aGroup([], { stateful: false })
  const open = aGroup([aRule()])
  const server = await guest(aPort(network, ['10.79.0.18'], { securityGroupIds: [open.id] }), [open])
  const client = await guest(aPort(network, ['10.79.0.19'], { securityGroupIds: [group.id] }), [group])
  await server.echo(8080)
  assert.equal(await client.reaches('10.79.0.18', 8080, IN_VAIN), false)
  await host.agent.updateGroups([{ ...group, rules: [...group.rules, answers] }], generation++)
  assert.equal(await client.reaches('10.79.0.18', 8080), true)
})

test('a port may only send from its own addresses', async () => {
  const group = aGroup([aRule()])
  const victim = await guest(aPort(network, ['10.79.0.21'], { securityGroupIds: [group.id] }), [group])
  const port = aPort(network, ['10.79.0.22'], { securityGroupIds: [group.id] })
  const liar = await guest(port)
  await liar.configure(['10.79.0.99/24'])
  const neighbour = ['neigh', 'replace', '10.79.0.99', 'lladdr', port.macAddress, 'dev', 'eth0']
  await victim.run('ip', neighbour)
  const lie = ['-I', '10.79.0.99']

  assert.equal(await liar.pings('10.79.0.21'), true)
  assert.equal(await liar.pingsInVain('10.79.0.21', lie), true)
  await plug({ ...port, allowedAddressPairs: [{ ipAddress: '10.79.0.96/28', macAddress: null }] })
  assert.equal(await liar.pings('10.79.0.21', lie), true, 'an allowed address pair covers it')
  await plug({ ...port, portSecurity: false, securityGroupIds: [] })
  assert.equal(await liar.pings('10.79.0.21', lie), true, 'without port security anything goes')
  await plug(port)
  assert.equal(await liar.pingsInVain('10.79.0.21', lie), true)

  await liar.run('ip', ['link', 'set', 'dev', 'eth0', 'address', newMac()])
  assert.equal(await liar.pingsInVain('10.79.0.21'), true, 'another MAC')
})

test('a port cannot answer ARP for its neighbour', async () => {
  const group = aGroup([aRule()])
  const port = aPort(network, ['10.79.0.23'], { securityGroupIds: [group.id] })
  const liar = await guest(port, [group])
  const victim = await guest(aPort(network, ['10.79.0.24'], { securityGroupIds: [group.id] }))
  const owner = aPort(network, ['10.79.0.25'], { securityGroupIds: [group.id] })
  await guest(owner)
  const learned = async () => (await victim.run('ip', ['neigh', 'show', '10.79.0.25'])).stdout
  const claim = async () => {
    await liar.configure(['10.79.0.25/32'])
    await liar.run('busybox', ['arping', '-c', '2', '-A', '-I', 'eth0', '-s', '10.79.0.25', '10.79.0.25'])
    await liar.run('ip', ['address', 'del', '10.79.0.25/32', 'dev', 'eth0'])
  }
  assert.equal(await victim.pings('10.79.0.25'), true)
  await claim()
  assert.match(await learned(), new RegExp(owner.macAddress))
  await plug({ ...port, portSecurity: false, securityGroupIds: [] })
  await claim()
  assert.match(await learned(), new RegExp(port.macAddress), 'the claim itself works where nothing stops it')
})

test('filters IPv6 alike, neighbour discovery always passes', async () => {
  const subnet6 = network.subnets[1]!.id
  const group = aGroup([aRule({ ethertype: 'IPv6', protocol: 'tcp', portRangeMin: 8080, portRangeMax: 8080 })])
  const both = (ipAddress: string): WiredPort => ({
    ...aPort(network, [], { securityGroupIds: [group.id] }),
    fixedIps: [{ subnetId: subnet6, ipAddress }],
  })
  const server = await guest(both('fd79::31'), [group])
  const port = both('fd79::32')
  const client = await guest(port)
  await server.echo(8080)
  assert.equal(await client.reaches('fd79::31', 8080), true)
  assert.equal(await client.pingsInVain('fd79::31'), true)
  const pings = aRule({ ethertype: 'IPv6', protocol: 'icmp', portRangeMin: 128, portRangeMax: 0 })
  await host.agent.updateGroups([{ ...group, rules: [...group.rules, pings] }], generation++)
  assert.equal(await client.pings('fd79::31'), true)
  const target = `${linkLocalOf(server.port.macAddress)}%eth0`
  assert.equal(await client.pings(target), true, 'its link-local address is its own')
  await client.configure(['fd79::99/64'])
  assert.equal(await client.pingsInVain('fd79::31', ['-I', 'fd79::99']), true)
})

test('a port that is switched off has no network', async () => {
  const group = aGroup([aRule()])
  const port = aPort(network, ['10.79.0.41'], { securityGroupIds: [group.id] })
  const client = await guest(port, [group])
  await guest(aPort(network, ['10.79.0.42'], { securityGroupIds: [group.id] }))
  assert.equal(await client.pings('10.79.0.42'), true)
  await plug({ ...port, adminStateUp: false })
  assert.equal(await client.pingsInVain('10.79.0.42'), true)
  assert.deepEqual(host.reports.at(-1), { portId: port.id, status: 'DOWN' })
  await plug(port)
  assert.equal(await client.pings('10.79.0.42'), true, 'once the link is up again')
})

test('an unplugged port leaves nothing on the host', async () => {
  const group = aGroup([aRule()])
  const port = aPort(network, ['10.79.0.51'], { securityGroupIds: [group.id] })
  await plug(port, [group])
  const seen = async (): Promise<string> => {
    const outputs = await Promise.all([
      run('ip', ['-d', 'link']),
      run('nft', ['list', 'table', 'inet', `kn_${host.cloudTag}`]),
      run('nft', ['list', 'table', 'bridge', `kn_${host.cloudTag}`]),
    ])
    return outputs.map(({ stdout }) => stdout).join('\n')
  }
  assert.ok((await seen()).includes(port.id.slice(0, 11)))
  await host.agent.unplug(port.id, generation++)
  assert.ok(!(await seen()).includes(port.id.slice(0, 11)))
})

test('guests do not reach the host through their bridge', async () => {
  const group = aGroup([aRule()])
  const client = await guest(aPort(network, ['10.79.0.61'], { securityGroupIds: [group.id] }), [group])
  const bridge = `brq${network.id.slice(0, 11)}`
  const { stdout } = await run('ip', ['-json', 'link', 'show', 'dev', bridge])
  const [{ address }] = JSON.parse(stdout) as [{ address: string }]
  const target = `${outsideNet(19)}.77`
  await run('ip', ['address', 'add', `${target}/32`, 'dev', 'lo'])
  try {
    await client.run('ip', ['route', 'add', `${target}/32`, 'dev', 'eth0'])
    await client.run('ip', ['neigh', 'replace', target, 'lladdr', address, 'dev', 'eth0'])
    assert.equal(await client.pingsInVain(target), true)
  } finally {
    await run('ip', ['address', 'del', `${target}/32`, 'dev', 'lo'])
  }
})
