// Evacuation as admins ask for it, version by version, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import { act, newestAction, refused } from './asked-server.ts'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

interface Migration {
  status: string
  migration_type: string
  source_compute: string
  dest_compute: string | null
}

const CONFIG = '[compute]\nreport_interval = 1\nquota_instances = 100\nquota_cores = 100\nquota_ram = 1000000\n'
const HOSTS = ['fake-1', 'fake-2', 'fake-3']

describe('a server that is evacuated', () => {
  let fake: FakeCloud
  let id: string
  let source: string

  before(async () => {
    fake = await startFakeCloud({ hosts: HOSTS.length, config: CONFIG })
  })
  after(() => fake?.stop())
  beforeEach(async () => {
    for (const host of HOSTS) await force(host, false)
    id = await createServer(fake)
    source = (await settled())['OS-EXT-SRV-ATTR:host']!
  })

  const settled = async (): Promise<ShownServer> => {
    await settledServer(fake, id)
    return (await fake.admin.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${id}` })).server
  }
  const service = (host: string, action: string, parts: object = {}): Promise<unknown> =>
    fake.admin.ask({
      ...{ method: 'PUT', path: `/compute/v2.1/os-services/${action}` },
      body: { host, binary: 'nova-compute', ...parts },
      headers: { 'openstack-api-version': 'compute 2.11' },
    })
  const force = (host: string, down = true) => service(host, 'force-down', { forced_down: down })
  const evacuate = (parts: object, version: string): Promise<unknown> =>
    act(fake.admin, id, { evacuate: parts }, version)
  const migrations = async (): Promise<Migration[]> => {
    const path = `/compute/v2.1/os-migrations?migration_type=evacuation&instance_uuid=${id}`
    const headers = { 'openstack-api-version': 'compute 2.80' }
    return (await fake.admin.ask<{ migrations: Migration[] }>({ path, headers })).migrations
  }
  /** Hosts that are said to be down hear of it with their next report. */
  const cleaned = async (): Promise<void> => {
    const all = async () => (await migrations()).every(({ status }) => status === 'completed') || undefined
    assert.equal(await until(60, all, 100), true)
  }
  const elsewhere = (): string => HOSTS.find((host) => host !== source)!

  it('lives on another host at the same address, and its user reads what was done', async () => {
    const before = await settled()
    await act(fake.demo, id, { lock: null })
    await force(source)
    assert.equal(await evacuate({}, '2.94'), undefined)
    const now = await settled()
    const host = now['OS-EXT-SRV-ATTR:host']!
    assert.notEqual(host, source)
    assert.deepEqual([now.status, now['OS-EXT-STS:power_state'], now.addresses], ['ACTIVE', 1, before.addresses])
    assert.deepEqual(await newestAction(fake, id), [
      ...['evacuate', null],
      ...['compute_rebuild_instance Success', 'rebuild_server Success'],
    ])
    const path = `/network/v2.0/ports?device_id=${id}`
    const { ports } = await fake.admin.ask<{ ports: { 'binding:host_id': string; status: string }[] }>({ path })
    assert.deepEqual(
      ports.map((port) => [port['binding:host_id'], port.status]),
      [[host, 'ACTIVE']],
    )
    await cleaned()
    const { migration_type: type, source_compute: from, dest_compute: to } = (await migrations())[0]!
    assert.deepEqual([type, from, to], ['evacuation', source, host])
  })

  it('tells its new password until 2.13, and is off in the end since 2.95', async () => {
    await force(source)
    const first = await evacuate({ onSharedStorage: 'False', adminPass: 'MySecretPass' }, '2.13')
    assert.deepEqual(first, { adminPass: 'MySecretPass' })
    assert.equal((await settled()).status, 'ACTIVE')
    const host = (await settled())['OS-EXT-SRV-ATTR:host']!
    await force(host)
    const made = (await evacuate({ onSharedStorage: false }, '2.1')) as { adminPass: string }
    assert.match(made.adminPass, /^\w{12}$/)
    await settled()
    await force((await settled())['OS-EXT-SRV-ATTR:host']!)
    await cleaned()
    await force(source, false)
    assert.equal(await evacuate({ adminPass: 'x' }, '2.95'), undefined)
    const now = await settled()
    assert.deepEqual([now.status, now['OS-EXT-SRV-ATTR:host']], ['SHUTOFF', source])
  })

  it('goes to the host that is named: through the filters, or past them', async () => {
    await force(source)
    const to = elsewhere()
    await service(to, 'disable')
    try {
      await evacuate({ host: to }, '2.68')
      const stays = await settled()
      assert.deepEqual([stays.status, stays['OS-EXT-SRV-ATTR:host']], ['ACTIVE', source])
      const [, message, ...events] = await newestAction(fake, id)
      assert.deepEqual([message, events], ['Error', ['rebuild_server Error']])
      await evacuate({ host: to, force: true }, '2.67')
      assert.equal((await settled())['OS-EXT-SRV-ATTR:host'], to)
    } finally {
      await service(to, 'enable')
    }
  })

  const rows: [what: string, parts: () => object, version: string, code: number, why: RegExp][] = [
    ['while its host is up', () => ({}), '2.95', 400, /^Compute service of fake-\d is still in use\.$/],
    ['to its own host', () => ({ host: source }), '2.95', 400, /^The target host can't be the same one\.$/],
    ['to no host', () => ({ host: 'nowhere' }), '2.95', 404, /^Compute host nowhere not found\.$/],
    ['by force to any', () => ({ force: true }), '2.29', 400, /^Can't force to a non-provided destination$/],
    ['by force since 2.68', () => ({ host: elsewhere(), force: true }), '2.68', 400, /force/],
    ['by force until 2.28', () => ({ host: elsewhere(), force: true }), '2.28', 400, /force/],
    ['without onSharedStorage until 2.13', () => ({}), '2.13', 400, /onSharedStorage/],
    ['with onSharedStorage since 2.14', () => ({ onSharedStorage: false }), '2.14', 400, /onSharedStorage/],
    [
      'with shared storage',
      () => ({ onSharedStorage: true }),
      '2.13',
      400,
      /^Invalid state of instance files on shared/,
    ],
    [
      ...(['with shared storage and a password', () => ({ onSharedStorage: true, adminPass: 'x' }), '2.13'] as const),
      ...([400, /^admin password can't be changed on existing disk$/] as const),
    ],
  ]
  for (const [what, parts, version, code, why] of rows) {
    it(`is refused ${what}`, async () => {
      await assert.rejects(evacuate(parts(), version), refused(code, why))
      const { 'OS-EXT-STS:task_state': task, 'OS-EXT-SRV-ATTR:host': host } = await settled()
      assert.deepEqual([task, host, await migrations()], [null, source, []])
    })
  }

  it('is refused to all but admins, and while it is paused', async () => {
    await force(source)
    await assert.rejects(act(fake.demo, id, { evacuate: {} }), refused(403, /os-evacuate/))
    await force(source, false)
    await act(fake.demo, id, { pause: null })
    await settled()
    await force(source)
    await assert.rejects(evacuate({}, '2.95'), refused(409, /^Cannot 'evacuate' instance \S+ while it is in vm_state/))
  })
})
