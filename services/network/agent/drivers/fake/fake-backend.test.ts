import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
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
