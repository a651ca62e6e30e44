// Resize, cold migration, confirm and revert as users and admins see them, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { act, newestAction, refused } from './asked-server.ts'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

interface Migration {
  id: number
  uuid: string
  status: string
  migration_type: string
  instance_uuid: string
  source_compute: string | null
  dest_compute: string | null
  dest_host: string | null
  old_instance_type_id: number | null
  new_instance_type_id: number | null
  user_id: string
  project_id: string
  created_at: string
  links?: unknown
}

interface Moved extends ShownServer {
  flavor: { original_name: string; ram: number }
  hostId: string
}

const CONFIG = '[compute]\nquota_instances = 100\nquota_cores = 100\nquota_ram = 1000000\n'

describe('a server', () => {
  let fake: FakeCloud
  let id: string
  const flavors: Record<string, string> = {}

  before(async () => {
    fake = await startFakeCloud({ hosts: 3, config: CONFIG })
    const all = await fake.demo.ask<{ flavors: { id: string; name: string }[] }>({ path: '/compute/v2.1/flavors' })
    for (const flavor of all.flavors) flavors[flavor.name] = flavor.id
  })
  after(() => fake?.stop())
  beforeEach(async () => {
    id = await createServer(fake)
    await settledServer(fake, id)
  })

  const settled = async (): Promise<Moved> => {
    await settledServer(fake, id)
    return (await fake.admin.ask<{ server: Moved }>({ path: `/compute/v2.1/servers/${id}` })).server
  }
  const resize = (name: string) => act(fake.demo, id, { resize: { flavorRef: flavors[name] ?? name } })
  const migrations = async (query = '', version = '2.80'): Promise<Migration[]> => {
    const headers = { 'openstack-api-version': `compute ${version}` }
    const path = `/compute/v2.1/os-migrations${query}`
    return (await fake.admin.ask<{ migrations: Migration[] }>({ path, headers })).migrations
  }
  const own = async (): Promise<Migration> => (await migrations(`?instance_uuid=${id}`))[0]!
  const portHost = async (): Promise<string> => {
    const path = `/network/v2.0/ports?device_id=${id}`
    const { ports } = await fake.admin.ask<{ ports: { 'binding:host_id': string }[] }>({ path })
    return ports.map((port) => port['binding:host_id']).join()
  }
  const claims = (consumer: string) => fake.cloud.parts.compute.placement.allocationsOf(consumer)
  /** Of hypervisors, before 2.88: memory used, by host. */
  const memoryUsed = async (): Promise<Record<string, number>> => {
    const headers = { 'openstack-api-version': 'compute 2.87' }
    const path = '/compute/v2.1/os-hypervisors/detail'
    const { hypervisors } = await fake.admin.ask<{
      hypervisors: { hypervisor_hostname: string; memory_mb_used: number }[]
    }>({ path, headers })
    return Object.fromEntries(hypervisors.map((one) => [one.hypervisor_hostname, one.memory_mb_used]))
  }

  it('is resized onto another host, and confirmed', async () => {
    const before = await settled()
    await resize('m1.micro')
    const resized = await settled()
    assert.deepEqual([resized.status, resized['OS-EXT-STS:vm_state']], ['VERIFY_RESIZE', 'resized'])
    assert.deepEqual([resized.flavor.original_name, resized.flavor.ram], ['m1.micro', 256])
    assert.deepEqual(resized.addresses, before.addresses)
    const [from, to] = [before['OS-EXT-SRV-ATTR:host']!, resized['OS-EXT-SRV-ATTR:host']!]
    assert.notEqual(from, to)
    assert.equal(await portHost(), to)
    assert.deepEqual(await newestAction(fake, id), [
      'resize',
      null,
      'cold_migrate Success',
      'compute_finish_resize Success',
      'compute_prep_resize Success',
      'compute_resize_instance Success',
      'conductor_migrate_server Success',
    ])
    const move = await own()
    assert.deepEqual(
      [move.status, move.migration_type, move.source_compute, move.dest_compute],
      ['finished', 'resize', from, to],
    )
    assert.deepEqual([move.old_instance_type_id, move.new_instance_type_id, move.links], [42, 84, undefined])
    await act(fake.demo, id, { confirmResize: null })
    const confirmed = await settled()
    assert.deepEqual([confirmed.status, confirmed['OS-EXT-SRV-ATTR:host']], ['ACTIVE', to])
    assert.deepEqual(await newestAction(fake, id), ['confirmResize', null, 'compute_confirm_resize Success'])
    assert.deepEqual([(await own()).status, await claims(move.uuid)], ['confirmed', {}])
  })

  it('seed-8.5.6-3: counts on both hosts in VERIFY_RESIZE, the source held by the migration uuid', async () => {
    const idle = await memoryUsed()
    const from = (await settled())['OS-EXT-SRV-ATTR:host']!
    await resize('m1.tiny')
    const to = (await settled())['OS-EXT-SRV-ATTR:host']!
    const used = await memoryUsed()
    assert.equal(used[from], idle[from])
    assert.equal(used[to], idle[to]! + 512)
    const { uuid } = await own()
    assert.deepEqual(Object.values(await claims(uuid)), [{ VCPU: 1, MEMORY_MB: 192, DISK_GB: 1 }])
    assert.deepEqual(Object.values(await claims(id)), [{ VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 }])
    const services = await fake.admin.ask<{ services: { id: string }[] }>({
      path: `/compute/v2.1/os-services?host=${from}&binary=nova-compute`,
    })
    await assert.rejects(
      fake.admin.ask({ method: 'DELETE', path: `/compute/v2.1/os-services/${services.services[0]!.id}` }),
      refused(409, /is hosting instances/),
    )
    await act(fake.demo, id, { confirmResize: null })
    await settled()
    const after = await memoryUsed()
    assert.deepEqual([after[from], after[to]], [idle[from]! - 192, idle[to]! + 512])
  })

  it('goes back to its host, its flavor and its state when it is reverted', async () => {
    await act(fake.demo, id, { 'os-stop': null })
    const before = await settled()
    assert.equal(before.status, 'SHUTOFF')
    await resize('m1.small')
    const resized = await settled()
    assert.deepEqual([resized.status, resized['OS-EXT-STS:power_state']], ['VERIFY_RESIZE', 4])
    await act(fake.demo, id, { revertResize: null })
    const reverted = await settled()
    assert.deepEqual([reverted.status, reverted.flavor.original_name], ['SHUTOFF', 'm1.nano'])
    assert.equal(reverted['OS-EXT-SRV-ATTR:host'], before['OS-EXT-SRV-ATTR:host'])
    assert.equal(await portHost(), before['OS-EXT-SRV-ATTR:host'])
    assert.deepEqual(await newestAction(fake, id), [
      'revertResize',
      null,
      'compute_finish_revert_resize Success',
      'compute_revert_resize Success',
    ])
    const { uuid, status } = await own()
    assert.deepEqual([status, await claims(uuid)], ['reverted', {}])
    assert.deepEqual(Object.values(await claims(id)), [{ VCPU: 1, MEMORY_MB: 192, DISK_GB: 1 }])
  })

  it('is migrated by admins, to a host that they name from 2.56', async () => {
    await assert.rejects(act(fake.demo, id, { migrate: null }), refused(403, /os-migrate-server:migrate/))
    const from = (await settled())['OS-EXT-SRV-ATTR:host']!
    await act(fake.admin, id, { migrate: null }, '2.55')
    const moved = await settled()
    assert.notEqual(moved['OS-EXT-SRV-ATTR:host'], from)
    assert.deepEqual([(await own()).migration_type, moved.flavor.original_name], ['migration', 'm1.nano'])
    assert.equal((await newestAction(fake, id))[0], 'migrate')
    await act(fake.demo, id, { confirmResize: null })
    await settled()
    const [third] = ['fake-1', 'fake-2', 'fake-3'].filter(
      (host) => host !== from && host !== moved['OS-EXT-SRV-ATTR:host'],
    )
    await act(fake.admin, id, { migrate: { host: third } })
    assert.equal((await settled())['OS-EXT-SRV-ATTR:host'], third)
    await act(fake.demo, id, { revertResize: null })
    assert.equal((await settled())['OS-EXT-SRV-ATTR:host'], moved['OS-EXT-SRV-ATTR:host'])
  })

  it('is refused what cannot be, and stays as it was', async () => {
    const own = (await settled())['OS-EXT-SRV-ATTR:host']!
    const flavor = async (parts: object): Promise<string> => {
      const body = {
        flavor: { name: `f${fake.cloud.parts.compute.random.uuid()}`, vcpus: 1, ram: 192, disk: 1, ...parts },
      }
      const path = '/compute/v2.1/flavors'
      return (await fake.admin.ask<{ flavor: { id: string } }>({ method: 'POST', path, body })).flavor.id
    }
    await assert.rejects(resize('m1.nano'), refused(400, /^When resizing, instances must change flavor!$/))
    await assert.rejects(resize('none'), refused(400, /^Flavor none could not be found\.$/))
    await assert.rejects(
      resize(await flavor({ disk: 0 })),
      refused(400, /^Server disk was unable to be resized because: Resize to zero disk flavor is not allowed\.$/),
    )
    await assert.rejects(
      resize(await flavor({ ram: 32 })),
      refused(400, /^Flavor's memory is too small for requested image\.$/),
    )
    await assert.rejects(
      resize(await flavor({ ram: 2 * 10 ** 6 })),
      refused(403, /^Quota exceeded for ram: Requested /),
    )
    const migrate = (host: string) => act(fake.admin, id, { migrate: { host } })
    await assert.rejects(migrate(own), refused(400, /^Cannot migrate to the host where the server exists\.$/))
    await assert.rejects(migrate('nowhere'), refused(400, /^Compute host nowhere could not be found\.$/))
    for (const body of [{ resize: null }, { resize: {} }, { resize: { flavorRef: '84', x: 1 } }, { migrate: { x: 1 } }])
      await assert.rejects(act(fake.admin, id, body), refused(400, /Invalid input/))
    for (const action of ['confirmResize', 'revertResize']) {
      const sentence = new RegExp(`^Cannot '${action}' instance ${id} while it is in vm_state active$`)
      await assert.rejects(act(fake.demo, id, { [action]: null }), refused(409, sentence))
    }
    assert.deepEqual([(await settled()).status, await migrations(`?instance_uuid=${id}`)], ['ACTIVE', []])
    assert.equal((await newestAction(fake, id))[0], 'create')
  })

  it('does not shrink, nor leave for a host without room: then it is what it was, and its action says why', async () => {
    await resize('m1.small')
    await settled()
    await act(fake.demo, id, { confirmResize: null })
    const before = await settled()
    await assert.rejects(
      resize('m1.nano'),
      refused(400, /^Server disk was unable to be resized because: Unable to resize disk down\.$/),
    )
    const body = { flavor: { name: 'huge', vcpus: 65, ram: 2048, disk: 20, id: 'huge' } }
    await fake.admin.ask({ method: 'POST', path: '/compute/v2.1/flavors', body })
    await resize('huge')
    const after = await settled()
    assert.deepEqual([after.status, after['OS-EXT-SRV-ATTR:host']], ['ACTIVE', before['OS-EXT-SRV-ATTR:host']])
    assert.deepEqual(await newestAction(fake, id), [
      'resize',
      'Error',
      'cold_migrate Error',
      'conductor_migrate_server Error',
    ])
    assert.equal((await own()).status, 'error')
  })

  it('is refused while its host is down', async () => {
    const host = (await settled())['OS-EXT-SRV-ATTR:host']!
    const { services } = await fake.admin.ask<{ services: { id: string }[] }>({
      path: `/compute/v2.1/os-services?host=${host}&binary=nova-compute`,
    })
    const force = (down: boolean) =>
      fake.admin.ask({
        method: 'PUT',
        path: `/compute/v2.1/os-services/${services[0]!.id}`,
        body: { forced_down: down },
      })
    await force(true)
    try {
      const away = refused(409, /^Service is unavailable at this time\.$/)
      await assert.rejects(resize('m1.micro'), away)
      await assert.rejects(act(fake.admin, id, { migrate: null }), away)
    } finally {
      await force(false)
    }
  })

  it('is deleted in VERIFY_RESIZE, with what both hosts had of it', async () => {
    await resize('m1.micro')
    await settled()
    const { uuid } = await own()
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.deepEqual([await claims(uuid), await claims(id), await portHost()], [{}, {}, ''])
    for (const host of ['fake-1', 'fake-2', 'fake-3']) {
      const agent = fake.cloud.parts.bus.remote<{ storedGuests: (nothing: undefined) => Promise<string[]> }>(
        `compute.${host}`,
      )
      assert.equal((await agent.storedGuests(undefined)).includes(id), false, host)
    }
    assert.equal((await own()).status, 'confirmed')
  })

  it('has its moves listed as each version lists them, a page at a time', async () => {
    for (const action of ['confirmResize', 'revertResize']) {
      await act(fake.admin, id, { migrate: null })
      await settled()
      await act(fake.demo, id, { [action]: null })
      await settled()
    }
    const shown = (list: Migration[]) => list.map(({ status }) => status)
    assert.deepEqual(shown(await migrations(`?instance_uuid=${id}`)), ['reverted', 'confirmed'])
    assert.deepEqual(shown(await migrations(`?instance_uuid=${id}`, '2.58')), ['confirmed', 'reverted'])
    assert.deepEqual(shown(await migrations(`?instance_uuid=${id}&status=reverted`)), ['reverted'])
    const [newest] = await migrations(`?instance_uuid=${id}`)
    assert.deepEqual(shown(await migrations(`?instance_uuid=${id}&host=${newest!.dest_compute}`)).length > 0, true)
    const fields = async (version: string) => Object.keys((await migrations(`?instance_uuid=${id}`, version))[0]!)
    const since: [string, string[]][] = [
      ['2.23', ['migration_type']],
      ['2.59', ['uuid']],
      ['2.80', ['user_id', 'project_id']],
    ]
    for (const [version, names] of since) {
      const older = `2.${Number(version.slice(2)) - 1}`
      for (const name of names) {
        assert.ok((await fields(version)).includes(name), `${name} in ${version}`)
        assert.ok(!(await fields(older)).includes(name), `${name} in ${older}`)
      }
    }
    const page = (query: string) =>
      fake.admin.ask<{ migrations: Migration[]; migrations_links?: { href: string }[] }>({
        path: `/compute/v2.1/os-migrations?instance_uuid=${id}&limit=1${query}`,
      })
    const walked: string[] = []
    for (let next: string | undefined = ''; next !== undefined; ) {
      const { migrations: some, migrations_links: links }: Awaited<ReturnType<typeof page>> = await page(next)
      walked.push(...shown(some))
      next = links && `&marker=${new URL(links[0]!.href).searchParams.get('marker')}`
    }
    assert.deepEqual(walked, ['reverted', 'confirmed'])
    await assert.rejects(page('&marker=none'), refused(400, /^Marker none could not be found\.$/))
    await assert.rejects(migrations('?unknown=1'), refused(400, /unknown/))
    await assert.rejects(
      migrations('?changes-since=2030-01-01T00:00:00Z&changes-before=2020-01-01T00:00:00Z'),
      refused(400, /^The value of changes-since must be less than or equal to changes-before\.$/),
    )
    assert.deepEqual(await migrations(`?instance_uuid=${id}&changes-before=2020-01-01T00:00:00Z`), [])
    await assert.rejects(fake.demo.ask({ path: '/compute/v2.1/os-migrations' }), refused(403, /os-migrations:index/))
  })

  it('shows its live migrations that are under way alone', async () => {
    await act(fake.admin, id, { migrate: null })
    await settled()
    const path = `/compute/v2.1/servers/${id}/migrations`
    assert.deepEqual(await fake.admin.ask({ path }), { migrations: [] })
    const { id: number } = await own()
    const missing = (name: string, sentence: string) =>
      assert.rejects(fake.admin.ask({ path: `${path}/${name}` }), refused(404, new RegExp(`^${sentence}$`)))
    await missing(String(number), `Migration ${number} for server ${id} is not live-migration\\.`)
    await missing('99999', `In-progress live migration 99999 is not found for server ${id}\\.`)
    await act(fake.demo, id, { revertResize: null })
    await settled()
  })
})

describe('a cloud of one host', () => {
  for (const same of [false, true]) {
    it(same ? 'resizes servers there if it may' : 'has no host for a move', async () => {
      const fake = await startFakeCloud({ config: `[compute]\nallow_resize_to_same_host = ${same}\n` })
      try {
        const id = await createServer(fake)
        await settledServer(fake, id)
        await act(fake.demo, id, { resize: { flavorRef: '84' } })
        assert.equal((await settledServer(fake, id)).status, same ? 'VERIFY_RESIZE' : 'ACTIVE')
        if (same) {
          await act(fake.demo, id, { revertResize: null })
          assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
        }
        await act(fake.admin, id, { migrate: null })
        assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
        assert.equal((await newestAction(fake, id))[1], 'Error')
      } finally {
        await fake.stop()
      }
    })
  }
})
