// What every network backend must do, seen through the agent: the same suite for the real driver and the fake.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { HostThing, NetworkBackend } from './backend.ts'
import { NetworkAgent } from './network-agent.ts'
import type { PortReport, WantedState } from './protocol.ts'
import { aGroup, aNetwork, aPort, aRouter, aRule, aSubnet, newId, newMac, nothing, outsideNet } from './test-bed.ts'

/** A backend of one and the same host at each call, as if the cloud's process had been started again. */
export type MakeBackend = (directory: string) => NetworkBackend

export function backendContract(name: string, hostOf: () => MakeBackend): void {
  suite(`network backend ${name}`, () => {
    let directory: string
    let make: MakeBackend
    let backend: NetworkBackend
    let agent: NetworkAgent
    let reports: PortReport[]
    let generation: number

    const start = async (): Promise<void> => {
      await agent?.close()
      backend = make(directory)
      agent = await NetworkAgent.start({ directory, backend, report: (report) => reports.push(report) })
    }
    const reconcile = async (wanted: Omit<WantedState, 'generation'>) => {
      const result = await agent.reconcile({ ...wanted, generation: ++generation })
      assert.deepEqual(result.failures, [])
    }
    const names = async (): Promise<string[]> => listed(await agent.inventory())

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kn-contract-'))
      make = hostOf()
      reports = []
      generation = 0
      await start()
    })
    beforeEach(async () => {
      await reconcile(nothing)
      reports.length = 0
    })
    after(async () => {
      await agent.tearDown()
      await agent.close()
      await rm(directory, { recursive: true, force: true })
    })

    test('starts from an empty host', async () => {
      assert.deepEqual(await names(), [])
    })

    test('makes all that is wanted, and nothing more when asked again', async () => {
      const wanted = aCloud()
      await reconcile(wanted)
      const made = await agent.inventory()
      const kinds = new Set(made.map(({ kind }) => kind))
      for (const kind of ['tap', 'bridge', 'namespace', 'dnsmasq', 'nft-chain', 'veth', 'lease-file'] as const)
        assert.ok(kinds.has(kind), `no ${kind}`)
      assert.deepEqual(await agent.leftovers({ ...wanted, generation }), [])
      await reconcile(wanted)
      assert.deepEqual(await names(), listed(made))
    })

    test('reports each port at each reconcile', async () => {
      const wanted = aSmallCloud()
      await reconcile(wanted)
      await reconcile(wanted)
      const [port] = wanted.ports
      assert.deepEqual(reports, [
        { portId: port!.id, status: 'ACTIVE' },
        { portId: port!.id, status: 'ACTIVE' },
      ])
    })

    test('takes single changes, repeated or not, and leaves nothing of what is gone', async () => {
      const { networks, ports, securityGroups } = aSmallCloud()
      const [network] = networks
      const [port] = ports
      for (let round = 0; round < 2; round++) {
        await agent.apply({ generation, kind: 'network', network: network! })
        await agent.apply({ generation, kind: 'port', port: port!, securityGroups })
      }
      assert.ok((await agent.inventory()).some(({ kind, owner }) => kind === 'tap' && owner === port!.id))
      for (let round = 0; round < 2; round++) {
        await agent.apply({ generation, kind: 'port-gone', id: port!.id })
        await agent.apply({ generation, kind: 'security-group-gone', id: securityGroups[0]!.id })
        await agent.apply({ generation, kind: 'network-gone', id: network!.id })
      }
      assert.deepEqual(await names(), [])
      assert.deepEqual(
        reports.map(({ status }) => status),
        ['ACTIVE', 'ACTIVE', 'DOWN'],
      )
    })

    test('a port that is bound elsewhere has a reservation and no device', async () => {
      const wanted = aSmallCloud()
      const [port] = wanted.ports
      await reconcile({ ...wanted, ports: [{ ...port!, bound: false }] })
      const owned = (await agent.inventory()).filter(({ owner }) => owner === port!.id)
      assert.deepEqual(owned, [])
      assert.deepEqual(reports, [])
    })

    test('restores what was removed behind its back', async () => {
      const wanted = aCloud()
      await reconcile(wanted)
      const made = await agent.inventory()
      for (const kind of ['dnsmasq', 'tap', 'namespace', 'veth', 'bridge'] as const)
        for (const thing of made.filter((other) => other.kind === kind)) await backend.remove(thing)
      assert.notDeepEqual(await names(), listed(made))
      await reconcile(wanted)
      assert.deepEqual(await names(), listed(made))
    })

    test('takes up after a restart what stood before, and removes what is unwanted by then', async () => {
      const wanted = aCloud()
      await reconcile(wanted)
      const made = await names()
      await start()
      assert.deepEqual(await names(), made)
      await reconcile(nothing)
      assert.deepEqual(await names(), [])
    })

    test('an older state changes nothing', async () => {
      const wanted = aSmallCloud()
      await reconcile(wanted)
      const made = await names()
      await agent.reconcile({ ...nothing, generation: generation - 1 })
      assert.deepEqual(await names(), made)
    })

    test('a state that is older than a change neither undoes it nor brings back what went', async () => {
      const { networks, ports, securityGroups } = aSmallCloud()
      const [network] = networks
      const late = generation + 5
      await agent.apply({ generation: late, kind: 'network', network: network! })
      await agent.apply({ generation: late, kind: 'port', port: ports[0]!, securityGroups })
      const made = await names()
      await reconcile(nothing)
      assert.deepEqual(await names(), made)
      await agent.apply({ generation: late, kind: 'port-gone', id: ports[0]!.id })
      await reconcile({ ...nothing, networks, ports, securityGroups })
      assert.ok(!(await agent.inventory()).some(({ owner }) => owner === ports[0]!.id))
      generation = late
    })

    test('a port of an unknown network fails alone', async () => {
      const wanted = aSmallCloud()
      const stray = aPort(aNetwork([aSubnet('10.9.0.0/24')], []), ['10.9.0.5'])
      await assert.rejects(agent.plug({ generation, port: stray }), (error) => isFault(error, 'NetworkNotWired'))
      const state = { ...wanted, ports: [stray, ...wanted.ports], generation: ++generation }
      const { failures } = await agent.reconcile(state)
      assert.deepEqual(
        failures.map(({ kind, id }) => ({ kind, id })),
        [{ kind: 'port', id: stray.id }],
      )
      assert.ok((await agent.inventory()).some(({ kind, owner }) => kind === 'tap' && owner === wanted.ports[0]!.id))
    })

    test('a change of a router moves its legs', async () => {
      const wanted = aCloud()
      await reconcile(wanted)
      const [router] = wanted.routers
      const leg = router!.interfaces[0]!
      const moved = { ...router!, interfaces: [{ ...leg, portId: newId(), macAddress: newMac() }] }
      await reconcile({ ...wanted, routers: [moved] })
      const ids = (await agent.inventory()).filter(({ owner }) => owner === router!.id).map(({ id }) => id)
      assert.ok(!ids.includes(`knr${leg.portId.slice(0, 11)}`))
      assert.ok(ids.includes(`knr${moved.interfaces[0]!.portId.slice(0, 11)}`))
    })

    test('text that could reach a shell-like tool is refused', async () => {
      const network = aNetwork([aSubnet('10.9.0.0/24')], [])
      const bad = { ...network, id: 'x"; flush ruleset' }
      await assert.rejects(agent.ensureNetwork({ generation, network: bad }), (error) =>
        isFault(error, 'WiredStateInvalid'),
      )
    })
  })
}

const listed = (things: readonly HostThing[]): string[] =>
  things.map(({ kind, id, owner }) => `${kind} ${id} ${owner}`).sort()

/** One network without DHCP and one port in one group: quick to make. */
function aSmallCloud(): Omit<WantedState, 'generation'> {
  const network = aNetwork([aSubnet('10.78.0.0/24', { enableDhcp: false })], [])
  const group = aGroup()
  const ports = [aPort(network, ['10.78.0.11'], { securityGroupIds: [group.id] })]
  return { ...nothing, networks: [network], ports, securityGroups: [group] }
}

/** One network with DHCP, one port in one group, and a router to an external network whose gateway is the host. */
function aCloud(): Omit<WantedState, 'generation'> {
  const subnet = aSubnet('10.78.0.0/24', { gatewayIp: '10.78.0.1' })
  const network = aNetwork([subnet], ['10.78.0.2'])
  const net = outsideNet(18)
  const outer = aSubnet(`${net}.0/24`, { gatewayIp: `${net}.1`, enableDhcp: false })
  const outside = aNetwork([outer], [])
  const group = aGroup([aRule({ protocol: 'icmp' })])
  const leg = (networkId: string, subnetId: string, ipAddress: string) => ({
    portId: newId(),
    networkId,
    macAddress: newMac(),
    fixedIps: [{ subnetId, ipAddress }],
  })
  const router = aRouter({
    interfaces: [leg(network.id, subnet.id, '10.78.0.1')],
    gateway: { ...leg(outside.id, outer.id, `${net}.20`), enableSnat: true },
  })
  return {
    networks: [network, outside],
    ports: [aPort(network, ['10.78.0.11'], { securityGroupIds: [group.id] })],
    securityGroups: [group],
    routers: [router],
    external: [{ id: outside.id, gatewayCidrs: [`${net}.1/24`] }],
  }
}
