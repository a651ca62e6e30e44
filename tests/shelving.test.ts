// Servers that are shelved and come back, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import { act, images, newestAction, refused } from './asked-server.ts'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { ServerWorld } from './server-world.ts'

interface Shelved extends ShownServer {
  image: { id: string }
  'OS-EXT-SRV-ATTR:host'?: string
}

const LIMIT_SECONDS = 300

describe('a server that is shelved', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud({ hosts: 2 })
    id = await createServer(fake, { name: 'vault' })
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  const settled = async (): Promise<Shelved> => {
    await settledServer(fake, id)
    return (await fake.admin.ask<{ server: Shelved }>({ path: `/compute/v2.1/servers/${id}` })).server
  }
  const shelvedImages = () => images(fake.demo, '&name=vault-shelved')
  const withoutImages = async (): Promise<void> => {
    assert.ok(await until(LIMIT_SECONDS, async () => ((await shelvedImages()).length === 0 ? true : undefined), 20))
  }
  const port = async () => {
    const path = `/network/v2.0/ports?device_id=${id}`
    const { ports } = await fake.admin.ask<{ ports: { id: string; 'binding:host_id': string }[] }>({ path })
    return ports
  }

  it('leaves its host at once, and keeps its port, its address and an image of its disk', async () => {
    const [before] = await port()
    const { addresses } = await showServer(fake, id)
    await act(fake.demo, id, { shelve: null })
    const server = await settled()
    assert.deepEqual([server.status, server['OS-EXT-STS:vm_state']], ['SHELVED_OFFLOADED', 'shelved_offloaded'])
    assert.equal(server['OS-EXT-SRV-ATTR:host'], null)
    assert.deepEqual(server.addresses, addresses)
    const [after, ...others] = await port()
    assert.deepEqual([after?.id, after?.['binding:host_id'], others], [before?.id, '', []])
    const [image] = await shelvedImages()
    assert.deepEqual(
      [image?.status, image?.['image_type'], image?.['base_image_ref']],
      ['active', 'snapshot', fake.image],
    )
    assert.deepEqual(await newestAction(fake, id), ['shelve', null, 'compute_shelve_instance Success'])
    const path = '/compute/v2.1/os-hypervisors/detail?with_servers=true'
    const { hypervisors } = await fake.admin.ask<{ hypervisors: { servers?: unknown[] }[] }>({ path })
    assert.deepEqual(
      hypervisors.flatMap(({ servers = [] }) => servers),
      [],
    )
  })

  it('shows the floating address that its port is given meanwhile, and no more when that is taken away', async () => {
    const path = '/network/v2.0/floatingips'
    const { networks } = await fake.demo.ask<{ networks: { id: string }[] }>({
      path: '/network/v2.0/networks?name=public',
    })
    const floatingip = { floating_network_id: networks[0]!.id, port_id: (await port())[0]!.id }
    const made = await fake.demo.ask<{ floatingip: { id: string; floating_ip_address: string } }>({
      ...{ method: 'POST', path, body: { floatingip } },
    })
    const { id: floating, floating_ip_address: address } = made.floatingip
    const shows = async (wanted: boolean) => {
      const { addresses } = await showServer(fake, id)
      const has = Object.values(addresses)
        .flat()
        .some(({ addr }) => addr === address)
      return has === wanted ? true : undefined
    }
    assert.ok(await until(LIMIT_SECONDS, () => shows(true), 20), `${address} is not shown`)
    await fake.demo.ask({ method: 'DELETE', path: `${path}/${floating}` })
    assert.ok(await until(LIMIT_SECONDS, () => shows(false), 20), `${address} is still shown`)
  })

  it('comes back with the image that it was made from, on a host that the scheduler chooses', async () => {
    await act(fake.demo, id, { unshelve: null })
    const server = await settled()
    assert.deepEqual([server.status, server['OS-EXT-STS:power_state']], ['ACTIVE', 1])
    assert.equal(server.image.id, fake.image)
    assert.equal((await port())[0]?.['binding:host_id'], server['OS-EXT-SRV-ATTR:host'])
    const events = ['compute_unshelve_instance Success', 'get_image_info Success', 'schedule_instances Success']
    assert.deepEqual(await newestAction(fake, id), ['unshelve', null, ...events])
    await withoutImages()
  })

  it('goes where it is wanted, by zone from 2.77 and by host from 2.91 for admins', async () => {
    const unshelve = (client: FakeCloud['demo'], wanted: unknown, version = '2.96') =>
      act(client, id, { unshelve: wanted }, version)
    await assert.rejects(unshelve(fake.demo, null), refused(409, /in vm_state active/))
    await act(fake.demo, id, { shelve: null })
    const away = await settled()
    assert.equal(away.status, 'SHELVED_OFFLOADED')
    await assert.rejects(
      unshelve(fake.demo, { availability_zone: 'nova', host: 'x' }, '2.90'),
      refused(400, /unshelve/),
    )
    await assert.rejects(unshelve(fake.demo, {}, '2.90'), refused(400, /unshelve/))
    const nowhere = { availability_zone: 'nowhere' }
    await assert.rejects(unshelve(fake.demo, nowhere), refused(400, /availability zone is not available/))
    await assert.rejects(unshelve(fake.demo, { host: 'fake-2' }), refused(403, /unshelve_to_host/))
    await assert.rejects(unshelve(fake.admin, { host: 'fake-9' }), refused(400, /fake-9 could not be found/))
    const { hypervisors } = await fake.admin.ask<{ hypervisors: { hypervisor_hostname: string }[] }>({
      path: '/compute/v2.1/os-hypervisors',
    })
    for (const { hypervisor_hostname: host } of hypervisors) {
      await unshelve(fake.admin, { host })
      assert.equal((await settled())['OS-EXT-SRV-ATTR:host'], host)
      await act(fake.demo, id, { shelve: null })
      await settled()
    }
    await unshelve(fake.demo, { availability_zone: 'nova' })
    const pinned = (await settled()) as Shelved & { pinned_availability_zone: string | null }
    assert.deepEqual([pinned.status, pinned.pinned_availability_zone], ['ACTIVE', 'nova'])
    await act(fake.demo, id, { shelve: null })
    await settled()
    await unshelve(fake.demo, { availability_zone: null })
    assert.equal(((await settled()) as typeof pinned).pinned_availability_zone, null)
  })

  it('stays shelved, with the reason, when its image is gone', async () => {
    const other = await createServer(fake, { name: 'lost' })
    await settledServer(fake, other)
    await act(fake.demo, other, { shelve: null })
    await settledServer(fake, other)
    const [image] = await images(fake.demo, '&name=lost-shelved')
    await fake.demo.ask({ method: 'DELETE', path: `/image/v2/images/${image!.id}` })
    await act(fake.demo, other, { unshelve: null })
    assert.equal((await settledServer(fake, other)).status, 'SHELVED_OFFLOADED')
    assert.deepEqual(await newestAction(fake, other), ['unshelve', 'Error', 'get_image_info Error'])
  })

  it('takes its image with it when it is deleted', async () => {
    await act(fake.demo, id, { shelve: null })
    assert.equal((await settled()).status, 'SHELVED_OFFLOADED')
    assert.equal((await shelvedImages()).length, 1)
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    await withoutImages()
    assert.deepEqual(await port(), [])
  })
})

describe('a server that is shelved and stays on its host', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud({ config: '[compute]\nshelved_offload_time = -1\n' })
    id = await createServer(fake)
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  it('goes on there', async () => {
    const host = async () =>
      (await fake.admin.ask<{ server: Shelved }>({ path: `/compute/v2.1/servers/${id}` })).server[
        'OS-EXT-SRV-ATTR:host'
      ]
    const before = await host()
    await act(fake.demo, id, { shelve: null })
    const { status, 'OS-EXT-STS:power_state': power } = await settledServer(fake, id)
    assert.deepEqual([status, power, await host()], ['SHELVED', 4, before])
    await assert.rejects(
      act(fake.demo, id, { unshelve: { availability_zone: 'nova' } }),
      refused(409, /with status "shelved" is not supported. The server status must be SHELVED_OFFLOADED/),
    )
    await act(fake.demo, id, { unshelve: null }, '2.1')
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual(await newestAction(fake, id), ['unshelve', null, 'compute_unshelve_instance Success'])
  })

  it('leaves it when an admin says so', async () => {
    await assert.rejects(act(fake.admin, id, { shelveOffload: null }), refused(409, /in vm_state active/))
    await act(fake.demo, id, { shelve: null })
    await settledServer(fake, id)
    await assert.rejects(act(fake.demo, id, { shelveOffload: null }), refused(403, /os-shelve:shelve_offload/))
    await act(fake.admin, id, { shelveOffload: null })
    assert.equal((await settledServer(fake, id)).status, 'SHELVED_OFFLOADED')
    assert.deepEqual(await newestAction(fake, id), ['shelveOffload', null, 'compute_shelve_offload_instance Success'])
  })
})

describe('shelved servers whose time comes', () => {
  let world: ServerWorld
  before(async () => {
    world = await ServerWorld.open({ config: '[compute]\nshelved_offload_time = 1000\nshelved_poll_interval = 60\n' })
    await world.startTasks()
  })
  after(() => world?.close())

  it('leave their host', async () => {
    const id = await world.build()
    await world.commands.act(id, 'shelve')
    await world.run(world.settled(id))
    await world.clock.advance(900_000)
    assert.equal((await world.row(id)).vm_state, 'shelved')
    await world.run(world.clock.sleep(300_000))
    await world.run(world.settled(id))
    const { vm_state: state, host } = await world.row(id)
    assert.deepEqual([state, host], ['shelved_offloaded', null])
  })
})
