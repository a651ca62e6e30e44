// GET /servers/{id}/diagnostics in a whole cloud on fake hosts: both forms, and whom it is refused.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

let fake: FakeCloud
let id: string
before(async () => {
  fake = await startFakeCloud()
  id = await createServer(fake, { config_drive: true })
  await settledServer(fake, id)
})
after(() => fake?.stop())

const status = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

function diagnostics(version: string, { of = id, client = fake.admin } = {}) {
  return client.ask<Record<string, unknown>>({
    path: `/compute/v2.1/servers/${of}/diagnostics`,
    headers: { 'openstack-api-version': `compute ${version}` },
  })
}

async function power(action: 'os-stop' | 'os-start' | 'pause' | 'unpause'): Promise<void> {
  await fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body: { [action]: null } })
  await settledServer(fake, id)
}

it('has the standard form since 2.48', async () => {
  const figures = await diagnostics('2.48')
  const { uptime, nic_details, ...rest } = figures as { uptime: number; nic_details: { mac_address: string }[] }
  assert.ok(Number.isInteger(uptime) && uptime >= 0)
  const disk = { read_bytes: 0, read_requests: 0, write_bytes: 0, write_requests: 0, errors_count: null }
  assert.deepEqual(rest, {
    state: 'running',
    driver: 'libvirt',
    hypervisor: 'fake',
    hypervisor_os: 'linux',
    config_drive: true,
    num_cpus: 1,
    num_nics: 1,
    num_disks: 2,
    memory_details: { maximum: 192, used: 192 },
    cpu_details: [{ id: 0, time: 0, utilisation: null }],
    disk_details: [disk, disk],
  })
  const [{ mac_address, ...counts }] = nic_details as [{ mac_address: string }]
  assert.match(mac_address, /^fa:16:3e(:[0-9a-f]{2}){3}$/)
  const half = (way: string) => ['octets', 'errors', 'drop', 'packets'].map((count) => [`${way}_${count}`, 0] as const)
  const rates = { rx_rate: null, tx_rate: null }
  assert.deepEqual(counts, { ...Object.fromEntries([...half('rx'), ...half('tx')]), ...rates })
})

it("has libvirt's words before", async () => {
  const figures = await diagnostics('2.47')
  const { cpu0_time, memory, 'memory-actual': actual, vda_read_req, vda_errors, tap0_rx_packets } = figures
  assert.deepEqual(
    [cpu0_time, memory, actual, vda_read_req, vda_errors, tap0_rx_packets],
    [0, 196608, 196608, 0, -1, 0],
  )
  assert.equal('state' in figures, false)
  assert.deepEqual(await diagnostics('2.1'), figures)
})

it('is refused for a guest that does not run', async () => {
  await power('pause')
  await assert.rejects(diagnostics('2.48'), status(409, /'get_diagnostics'.* while it is in power state paused/))
  await power('unpause')
  await power('os-stop')
  for (const version of ['2.1', '2.48'])
    await assert.rejects(diagnostics(version), status(409, /'get_diagnostics'.* while it is in power state shutdown/))
  await power('os-start')
})

it('is for admins, of servers that there are', async () => {
  await assert.rejects(diagnostics('2.48', { client: fake.demo }), status(403, /os-server-diagnostics/))
  await assert.rejects(diagnostics('2.48', { of: fake.image }), status(404, /could not be found/))
})

it('is refused while its server has no host', async () => {
  const failed = await createServer(fake, { flavorRef: await tooLarge() })
  assert.equal((await settledServer(fake, failed)).status, 'ERROR')
  await assert.rejects(diagnostics('2.48', { of: failed }), status(409, /is not ready/))
})

async function tooLarge(): Promise<string> {
  const { flavor } = await fake.admin.ask<{ flavor: { id: string } }>({
    method: 'POST',
    path: '/compute/v2.1/flavors',
    body: { flavor: { name: 'giant', vcpus: 1, ram: 10 ** 7, disk: 1 } },
  })
  const quota_set = { ram: -1 }
  const path = `/compute/v2.1/os-quota-sets/${fake.demo.projectId}`
  await fake.admin.ask({ method: 'PUT', path, body: { quota_set } })
  return flavor.id
}

it('is not implemented where the driver has no figures', async () => {
  const { bus } = fake.cloud.parts
  await fake.cloud.hosts.stop()
  const end = await bus.serve(computeTopic('fake-1'), {})
  await assert.rejects(diagnostics('2.48'), status(501, /not supported/))
  const remote_console = { protocol: 'serial', type: 'serial' }
  const path = `/compute/v2.1/servers/${id}/remote-consoles`
  await assert.rejects(
    fake.demo.ask({ method: 'POST', path, body: { remote_console } }),
    status(501, /The requested functionality is not supported/),
  )
  await end()
})
