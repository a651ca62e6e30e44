import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { backendContract } from '../../backend-contract.ts'
import { aGroup, aNetwork, aPort, aRule, aSubnet, nothing, TestHost } from '../../test-bed.ts'
import { BridgeBackend } from './bridge-backend.ts'
import { readLink } from './links.ts'
import { bridgeName, deviceAlias, tapName } from './names.ts'

backendContract('bridge', () => {
  const cloudTag = systemRandom.bytes(4).toString('hex')
  return (directory) => new BridgeBackend({ directory, cloudTag, metadataServer: (socket) => socket.end() })
})

const hosts: TestHost[] = []
before(async () => {
  for (let count = 0; count < 2; count++) hosts.push(await TestHost.start())
})
after(async () => {
  for (const host of hosts) await host.end()
})

const plain = () => aNetwork([aSubnet('10.84.0.0/24', { enableDhcp: false })], [])

test('a device that a crash left behind is taken over', async () => {
  const [host] = hosts as [TestHost]
  const network = plain()
  const port = aPort(network, ['10.84.0.5'])
  const [tap, bridge] = [tapName(port.id), bridgeName(network.id)]
  await run('ip', ['link', 'add', 'name', bridge, 'type', 'bridge'])
  await run('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap'])
  await host.agent.plug({ generation: 1, network, port })
  const seen = await readLink(tap)
  assert.equal(seen?.master, bridge)
  assert.equal(seen?.alias, deviceAlias(host.cloudTag, 'port', port.id))
  await host.agent.reconcile({ ...nothing, generation: 2 })
  assert.equal(await readLink(tap), undefined)
  assert.equal(await readLink(bridge), undefined)
})

test('two clouds on one host: the same addresses, nothing in common, and neither touches the other', async () => {
  const [one, other] = hosts as [TestHost, TestHost]
  const group = aGroup([aRule({ protocol: 'icmp' })])
  const closed = aGroup()
  const [mine, theirs] = [plain(), plain()]
  const inGroup = { securityGroupIds: [group.id] }
  const ports = [aPort(mine, ['10.84.0.5'], inGroup), aPort(mine, ['10.84.0.6'], inGroup)]
  const shut = [aPort(theirs, ['10.84.0.5'], { securityGroupIds: [closed.id] }), aPort(theirs, ['10.84.0.6'])]
  for (const port of ports) await one.agent.plug({ generation: 3, network: mine, port, securityGroups: [group] })
  for (const port of shut) await other.agent.plug({ generation: 3, network: theirs, port, securityGroups: [closed] })
  const [caller, friend] = [await one.guest(ports[0]!), await one.guest(ports[1]!)]
  const [stranger, neighbour] = [await other.guest(shut[0]!), await other.guest(shut[1]!)]
  for (const guest of [caller, stranger]) await guest.configure(['10.84.0.5/24'])
  for (const guest of [friend, neighbour]) await guest.configure(['10.84.0.6/24'])
  assert.equal(await caller.pings('10.84.0.6'), true)
  assert.equal(await stranger.pingsInVain('10.84.0.6'), true, 'the other cloud’s rules hold for its own ports')
  const before = await one.agent.inventory()
  await other.agent.reconcile({ ...nothing, generation: 4 })
  assert.deepEqual(await other.agent.inventory(), [])
  assert.deepEqual(await one.agent.inventory(), before)
  assert.equal(await caller.pings('10.84.0.6'), true)
})

test('a device of another cloud is refused, and stays', async () => {
  const [one, other] = hosts as [TestHost, TestHost]
  const network = plain()
  await one.agent.ensureNetwork({ generation: 5, network })
  await assert.rejects(other.agent.ensureNetwork({ generation: 5, network }), (error) =>
    isFault(error, 'DeviceNameTaken'),
  )
  await other.agent.removeNetwork(network.id, 6)
  assert.ok(await readLink(bridgeName(network.id)))
})

test('the doctor finds nothing wrong where all this works', async () => {
  const [host] = hosts as [TestHost]
  const checks = await host.agent.doctorChecks()
  assert.deepEqual(
    checks.filter(({ ok, name }) => !ok && name !== 'foreign_forward_drop'),
    [],
  )
  assert.ok(checks.some(({ name }) => name === 'br_netfilter'))
})
