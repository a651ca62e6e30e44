// The leak audit against a whole cloud on fake hosts: nothing where all is well, and every kind of orphan where not.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { adminContext, makeContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import type { AuditReport } from '@kilonova/cloud/operator/audit/finding'
import type { ComputeAgent } from '@kilonova/compute/agent/protocol'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import { makeGuest } from '@kilonova/compute/agent/testing'
import type { WiredNetwork, WiredPort } from '@kilonova/network/agent/protocol'
import type { HostMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'
import { taskKind } from '@kilonova/tasks/saga'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const HOST = 'fake-1'
/** Later than whatever the network service says, so that the host keeps it. */
const GENERATION = 2 ** 50

const uuid = (): string => systemRandom.uuid()

/** A network that the service knows nothing of. */
function strangeNetwork(): WiredNetwork {
  const subnet = {
    id: uuid(),
    cidr: '10.99.0.0/24',
    ipVersion: 4 as const,
    gatewayIp: '10.99.0.1',
    enableDhcp: true,
    dnsNameservers: [],
    hostRoutes: [],
    ipv6AddressMode: null,
    ipv6RaMode: null,
  }
  const fixedIps = [{ subnetId: subnet.id, ipAddress: '10.99.0.2' }]
  const dhcp = { portId: uuid(), macAddress: '02:00:00:00:00:01', fixedIps }
  return { id: uuid(), projectId: uuid(), mtu: 1500, subnets: [subnet], dhcp }
}

function strangePort(networkId: string): WiredPort {
  return {
    id: uuid(),
    networkId,
    bound: true,
    deviceId: uuid(),
    deviceOwner: 'compute:nova',
    macAddress: '02:00:00:00:00:02',
    fixedIps: [],
    hostname: null,
    portSecurity: true,
    allowedAddressPairs: [],
    securityGroupIds: [],
    adminStateUp: true,
    extraDhcpOpts: [],
  }
}

describe('the leak audit', () => {
  let fake: FakeCloud
  let server: string
  before(async () => {
    fake = await startFakeCloud({ hosts: 2 })
    server = await createServer(fake, { name: 'kept' })
    await settledServer(fake, server)
  })
  after(() => fake.stop())

  const audit = (): Promise<AuditReport> => fake.admin.ask<AuditReport>({ path: '/kilonova/v1/audit' })
  const kinds = ({ orphans }: AuditReport, id: string): string[] =>
    orphans.filter((orphan) => orphan.id === id || orphan.why.includes(id)).map(({ kind }) => kind)
  const agent = () => fake.cloud.parts.bus.remote<ComputeAgent>(computeTopic(HOST))

  it('finds nothing where all is well, and looks at everything', async () => {
    const report = await audit()
    assert.deepEqual(report.orphans, [])
    assert.deepEqual(report.unchecked, [])
    for (const kind of [
      'domain',
      'instance-files',
      'server',
      'tap',
      'bridge',
      'namespace',
      'port',
      'claim',
      'inventory',
    ])
      assert.ok(report.checked[kind]! > 0, kind)
    assert.ok(report.checked['image-file']! > 0)
  })

  it('finds nothing while servers come and go', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, (_, i) => createServer(fake, { name: `busy-${i}` })))
    const going = ids.map(async (id, i) => {
      if (i % 2 === 0) await settledServer(fake, id)
      await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
      await goneServer(fake, id)
    })
    assert.deepEqual((await audit()).orphans, [])
    await Promise.all(going)
    assert.deepEqual((await audit()).orphans, [])
  })

  it('finds guests and files of no server', async () => {
    const guest = makeGuest({ name: 'instance-ghost' })
    await agent().prepareImage(guest.image!)
    const disks = await agent().createDisks(guest)
    await agent().define({ ...guest, disks })
    assert.deepEqual(kinds(await audit(), guest.id), ['domain', 'instance-files'])
    await agent().destroyGuest(guest)
    assert.deepEqual(kinds(await audit(), guest.id), ['instance-files'])
    await agent().deleteFiles(guest)
    assert.deepEqual(kinds(await audit(), guest.id), [])
  })

  it('finds servers whose guest is gone', async () => {
    const id = await createServer(fake, { name: 'lost' })
    const shown = await settledServer(fake, id)
    assert.equal(shown.status, 'ACTIVE')
    for (const host of ['fake-1', 'fake-2']) {
      await fake.cloud.parts.bus.remote<ComputeAgent>(computeTopic(host)).destroyGuest({ id })
    }
    assert.deepEqual(kinds(await audit(), id), ['server'])
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.deepEqual(kinds(await audit(), id), [])
  })

  it('finds ports and claims of no server, and counters that are not their sum', async () => {
    const { network, placement } = fake.cloud.parts.compute
    const ghost = uuid()
    const port = { id: uuid(), networkId: fake.network, fixedIp: null, subnetId: null, securityGroupIds: [] }
    const device = { deviceId: ghost, deviceOwner: 'compute:nova', host: HOST, hostname: null }
    const context = adminContext({ projectId: fake.demo.projectId })
    await network.createPort(context, { ...port, ...device })
    const [provider] = Object.keys(await placement.allocationsOf(server))
    await placement.claim({ consumerId: ghost, projectId: 'p', userId: 'u', allocations: { [provider!]: { VCPU: 1 } } })
    const report = await audit()
    assert.deepEqual(kinds(report, port.id), ['port'])
    assert.deepEqual(kinds(report, ghost).toSorted(), ['claim', 'port'])
    await network.deletePort(context, { portId: port.id })
    await placement.release(ghost)
    const inventories = fake.cloud.parts.store
      .as<{ placement_inventories: { provider_id: string; resource_class: string; used: number } }>()
      .updateTable('placement_inventories')
      .where('provider_id', '=', provider!)
      .where('resource_class', '=', 'VCPU')
    await inventories.set((eb) => ({ used: eb('used', '+', 1) })).execute()
    assert.deepEqual(kinds(await audit(), `${provider}/VCPU`), ['inventory'])
    await inventories.set((eb) => ({ used: eb('used', '-', 1) })).execute()
    assert.deepEqual((await audit()).orphans, [])
  })

  it('finds things of networks, ports and routers that are not', async () => {
    const host = fake.cloud.parts.bus.remote<HostMethods>(networkTopic(HOST))
    const network = strangeNetwork()
    const port = strangePort(network.id)
    const router = { id: uuid(), projectId: uuid(), interfaces: [], gateway: null, routes: [], floatingIps: [] }
    const generation = GENERATION
    await host.apply({
      changes: [
        { generation, kind: 'port', port, network },
        { generation, kind: 'router', router },
      ],
    })
    const report = await audit()
    assert.deepEqual([...new Set(kinds(report, network.id))].toSorted(), [
      'bridge',
      'dnsmasq',
      'lease-file',
      'metadata-listener',
      'namespace',
      'nft-chain',
      'veth',
    ])
    assert.deepEqual([...new Set(kinds(report, port.id))].toSorted(), ['nft-chain', 'tap'])
    assert.deepEqual(kinds(report, router.id).toSorted(), ['metadata-listener', 'namespace'])
    await host.apply({
      changes: [
        { generation, kind: 'router-gone', id: router.id },
        { generation, kind: 'network-gone', id: network.id },
      ],
    })
    assert.deepEqual((await audit()).orphans, [])
  })

  it('finds files of no image and uploads that have ended', async () => {
    const { api, client } = fake.cloud.parts.image
    const { files, images } = api.deps
    const stray = `${uuid()}.0123abcd`
    await writeFile(files.path(stray), 'data')
    const image = await client.create(adminContext(), { name: 'half', disk_format: 'raw', container_format: 'bare' })
    const upload = `${image.id}.0123abcd`
    await images.beginUpload(image.id, upload, image.created_at)
    const report = await audit()
    assert.deepEqual(kinds(report, stray), ['image-file'])
    assert.deepEqual(kinds(report, image.id), ['upload'])
    await images.abandonUpload(image.id, upload, image.created_at)
    await client.delete(adminContext(), image.id)
    await files.remove(stray)
    assert.deepEqual((await audit()).orphans, [])
  })

  it('finds servers that stay in a passing state, and tasks past their deadline', async () => {
    const { store, tasks } = fake.cloud.parts
    const db = store.as<{
      compute_servers: { id: string; task_state: string | null }
      tasks: { id: string; deadline_at: number }
    }>()
    const setState = (state: string | null) =>
      db.updateTable('compute_servers').set({ task_state: state }).where('id', '=', server).execute()
    await setState('powering-off')
    const nobodys = taskKind<string>('test.nobodys')
    const task = await tasks.enqueue(nobodys, { input: '', context: makeContext() })
    await db.updateTable('tasks').set({ deadline_at: 1000 }).where('id', '=', task).execute()
    const report = await audit()
    assert.deepEqual(kinds(report, server), ['server'])
    assert.deepEqual(kinds(report, task), ['task'])
    await setState(null)
    await db.deleteFrom('tasks').where('id', '=', task).execute()
    assert.deepEqual((await audit()).orphans, [])
  })
})
