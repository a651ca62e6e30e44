import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { backendContract } from '../../backend-contract.ts'
import { NetworkAgent } from '../../network-agent.ts'
import type { PortReport } from '../../protocol.ts'
import { aGroup, aNetwork, aPort, aSubnet } from '../../test-bed.ts'
import { FakeBackend, FakeHost, type FakeOperation } from './fake-backend.ts'

backendContract('fake', () => {
  const host = new FakeHost()
  return (directory) => new FakeBackend({ directory, host })
})

test('after a failure at any operation, an agent that starts again makes the host as wanted', async () => {
  const operations: FakeOperation[] = ['ensureNetwork', 'updateReservations', 'plug', 'updateGroups']
  for (const failing of operations) {
    const directory = await mkdtemp(join(tmpdir(), 'kn-fake-'))
    try {
      const host = new FakeHost()
      const reports: PortReport[] = []
      let broken = true
      const before = async (operation: FakeOperation): Promise<void> => {
        if (broken && operation === failing) throw new Error('out of order')
      }
      const report = (sent: PortReport) => reports.push(sent)
      const network = aNetwork([aSubnet('10.9.0.0/24')], ['10.9.0.2'])
      const group = aGroup()
      const port = aPort(network, ['10.9.0.5'], { securityGroupIds: [group.id] })
      const first = await NetworkAgent.start({
        directory,
        backend: new FakeBackend({ directory, host, before }),
        report,
      })
      const request = { generation: 1, port, network, securityGroups: [group] }
      await assert.rejects(first.plug(request), /out of order/)
      broken = false
      const second = await NetworkAgent.start({
        directory,
        backend: new FakeBackend({ directory, host, before }),
        report,
      })
      await second.plug(request)
      assert.deepEqual(reports.at(-1), { portId: port.id, status: 'ACTIVE' }, failing)
      assert.deepEqual([...host.reservations.get(network.id)!], [`${port.macAddress} 10.9.0.5`])
      await second.tearDown()
      assert.deepEqual(await second.inventory(), [])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
})

test('a port whose plug fails is reported with the reason', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kn-fake-'))
  try {
    const reports: PortReport[] = []
    const before = async (operation: FakeOperation): Promise<void> => {
      if (operation === 'plug') throw new Error('no more devices')
    }
    const backend = new FakeBackend({ directory, before })
    const agent = await NetworkAgent.start({ directory, backend, report: (report) => reports.push(report) })
    const network = aNetwork([aSubnet('10.9.0.0/24')], [])
    const port = aPort(network, ['10.9.0.5'])
    await assert.rejects(agent.plug({ generation: 1, port, network }), /no more devices/)
    assert.deepEqual(reports, [{ portId: port.id, status: 'DOWN', reason: 'no more devices' }])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('whoever asks for a port that is being made waits with the others; one that was told to go is made anew', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kn-fake-'))
  try {
    const plugs: PromiseWithResolvers<void>[] = []
    const before = async (operation: FakeOperation): Promise<void> => {
      if (operation !== 'plug') return
      plugs.push(Promise.withResolvers<void>())
      await plugs.at(-1)!.promise
    }
    const plugging = async (count: number): Promise<void> => {
      while (plugs.length < count) await setImmediate()
    }
    const agent = await NetworkAgent.start({
      directory,
      backend: new FakeBackend({ directory, before }),
      report: () => undefined,
    })
    const network = aNetwork([aSubnet('10.9.0.0/24')], [])
    const port = aPort(network, ['10.9.0.5'])
    await agent.ensureNetwork({ generation: 1, network })
    const taps = async () => (await agent.inventory()).filter(({ kind }) => kind === 'tap').length

    const first = agent.plug({ generation: 1, port })
    await plugging(1)
    const second = agent.plug({ generation: 1, port: structuredClone(port) })
    plugs[0]!.resolve()
    await Promise.all([first, second])
    assert.equal(plugs.length, 1)

    const changed = { ...port, fixedIps: [] }
    const third = agent.plug({ generation: 2, port: changed })
    await plugging(2)
    const other = agent.plug({ generation: 2, port })
    const newer = agent.plug({ generation: 3, port: changed })
    for (const turn of [1, 2, 3]) {
      await plugging(turn + 1)
      plugs[turn]!.resolve()
    }
    await Promise.all([third, other, newer])
    assert.equal(plugs.length, 4)

    const last = agent.plug({ generation: 4, port })
    await plugging(5)
    const gone = agent.unplug(port.id, 4)
    const again = agent.plug({ generation: 4, port })
    plugs[4]!.resolve()
    await gone
    await plugging(6)
    plugs[5]!.resolve()
    await Promise.all([last, again])
    assert.equal(await taps(), 1)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
