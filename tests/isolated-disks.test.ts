// Servers on whole devices, through the APIs of a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import { act } from './asked-server.ts'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import { ServerWorld } from './server-world.ts'

const GB = 1024 ** 3

describe('isolated disks', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ config: '[fake]\nisolated_disks = ["20", "50-ssd"]\n' })
  })
  after(() => fake?.stop())

  const flavor = async (name: string, gb: number, extra_specs: Record<string, string>): Promise<string> => {
    const headers = { 'openstack-api-version': 'compute 2.90' }
    const post = <T>(path: string, body: object): Promise<T> =>
      fake.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/${path}`, body, headers })
    const made = await post<{ flavor: { id: string } }>('flavors', { flavor: { name, ram: 64, vcpus: 1, disk: gb } })
    await post(`flavors/${made.flavor.id}/os-extra_specs`, { extra_specs })
    return made.flavor.id
  }
  const deleted = async (id: string): Promise<void> => {
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  }
  const ONE = { 'resources:CUSTOM_DISK_ISOLATED': '1' }

  it('seed-8.5.16-1: a host with two free disks has none for the third server; a delete frees one', async () => {
    const flavorRef = await flavor('whole', 10, ONE)
    const first = await createServer(fake, { flavorRef })
    const second = await createServer(fake, { flavorRef })
    for (const id of [first, second]) assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const third = await settledServer(fake, await createServer(fake, { flavorRef }))
    assert.equal(third.status, 'ERROR')
    assert.match(third.fault!.message, /^No valid host was found/)
    assert.deepEqual((await audit(fake.cloud.parts)).orphans, [])
    await deleted(first)
    const fourth = await createServer(fake, { flavorRef })
    assert.equal((await settledServer(fake, fourth)).status, 'ACTIVE')
    for (const id of [second, third.id, fourth]) await deleted(id)
  })

  it('seed-8.5.16-3: a flavor larger than any disk, or of a kind that is not there, is refused', async () => {
    const wishes = [
      await flavor('huge', 100, ONE),
      await flavor('slow', 30, { ...ONE, 'trait:STORAGE_DISK_HDD': 'required' }),
    ]
    for (const flavorRef of wishes) {
      const server = await settledServer(fake, await createServer(fake, { flavorRef }))
      assert.match(server.fault!.message, /no free isolated disk is as large/)
    }
    const fast = await flavor('fast', 30, { ...ONE, 'trait:STORAGE_DISK_SSD': 'required' })
    assert.equal((await settledServer(fake, await createServer(fake, { flavorRef: fast }))).status, 'ACTIVE')
  })

  it('a server is rebuilt on the device that it has', async () => {
    const flavorRef = await flavor('rebuilt', 10, ONE)
    const id = await createServer(fake, { flavorRef })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const waits = await settledServer(fake, await createServer(fake, { flavorRef }))
    assert.equal(waits.status, 'ERROR')
    await act(fake.demo, id, { rebuild: { imageRef: fake.image } })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual((await audit(fake.cloud.parts)).orphans, [])
    for (const server of [id, waits.id]) await deleted(server)
  })

  it('the extra spec names a disk that flavors have', async () => {
    await assert.rejects(flavor('odd', 1, { 'kilonova:isolated_disk': 'swap' }), /is not one of: root, ephemeral/)
  })
})

it('a server that comes back from its image gets a device as large as the one that it left', async () => {
  const host = { name: 'fake-1', vcpus: 64, memoryMb: 65_536, isolatedDisks: ['50', '20'] }
  const world = await ServerWorld.open({ hosts: [host] })
  try {
    await world.startTasks()
    const { commands, hosts } = world
    const flavorRef = await commands.deviceFlavor()
    const id = await world.build({ flavorRef })
    const device = () => hosts[0]!.storage.disks(id).find(({ role }) => role === 'root')?.size
    assert.equal(device(), 20 * GB)
    await commands.act(id, 'shelve')
    await world.run(world.settled(id))
    assert.equal((await commands.show(id)).status, 'SHELVED_OFFLOADED')
    assert.equal(device(), undefined)
    await world.store
      .as<{ images: { name: string | null; virtual_size: number } }>()
      .updateTable('images')
      .set({ virtual_size: 30 * GB })
      .where('name', '=', 'test-shelved')
      .execute()
    await commands.act(id, 'unshelve')
    await world.run(world.settled(id))
    assert.equal((await commands.show(id)).status, 'ACTIVE')
    assert.equal(device(), 50 * GB)
  } finally {
    await world.close()
  }
})
