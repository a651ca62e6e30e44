// Block device mappings of new servers, through the APIs of a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import type { GuestDisk } from '@kilonova/compute/agent/guest-spec'
import { tables } from '@kilonova/compute/compute'
import type { FakeCloud } from './fake-cloud.ts'
import { addImage, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const GB = 1024 ** 3
const MB = 1024 ** 2

describe('block device mappings', () => {
  let fake: FakeCloud
  /** 4 GB of ephemeral disks and 64 MB of swap. */
  let roomy: string
  before(async () => {
    fake = await startFakeCloud({ hosts: 2, config: '[compute]\nmax_local_block_devices = 4\n' })
    roomy = await flavor('roomy', { disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 4, swap: 64 })
  })
  after(() => fake?.stop())

  const headers = { 'openstack-api-version': 'compute 2.90' }
  const post = <T>(path: string, body: object): Promise<T> =>
    fake.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/${path}`, body, headers })
  async function flavor(name: string, parts: object, extra_specs: Record<string, string> = {}): Promise<string> {
    const made = await post<{ flavor: { id: string } }>('flavors', { flavor: { name, ram: 64, vcpus: 1, ...parts } })
    if (Object.keys(extra_specs).length > 0) await post(`flavors/${made.flavor.id}/os-extra_specs`, { extra_specs })
    return made.flavor.id
  }

  const ROOT = () => ({
    ...{ boot_index: 0, uuid: fake.image, source_type: 'image', destination_type: 'local' },
    delete_on_termination: true,
  })
  const blank = (parts: object = {}) => ({
    ...{ boot_index: -1, source_type: 'blank', destination_type: 'local', delete_on_termination: true },
    ...parts,
  })
  const asked = (...devices: object[]) => ({ block_device_mapping_v2: [ROOT(), ...devices] })
  const disksOf = async (id: string): Promise<GuestDisk[]> => {
    const query = tables(fake.cloud.parts.compute).selectFrom('compute_servers').select('disks_json')
    return JSON.parse((await query.where('id', '=', id).executeTakeFirstOrThrow()).disks_json) as GuestDisk[]
  }
  const create = async (parts: object): Promise<string> => {
    const common = { name: 'test', imageRef: fake.image, flavorRef: roomy, networks: 'none' }
    const { server } = await fake.demo.ask<{ server: { id: string } }>({
      ...{ method: 'POST', path: '/compute/v2.1/servers', headers },
      body: { server: { ...common, ...parts } },
    })
    return server.id
  }
  const active = async (parts: object): Promise<string> => {
    const id = await create(parts)
    const server = await settledServer(fake, id)
    assert.equal(server.status, 'ACTIVE', `${server.fault?.message}`)
    return id
  }
  const act = async (id: string, body: object, status: string): Promise<void> => {
    await fake.admin.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body, headers })
    assert.equal((await settledServer(fake, id)).status, status)
  }
  const sizes = (disks: readonly GuestDisk[]) =>
    disks.map(({ role, target, label = '', size }): unknown[] => [role, target, label, size / MB])
  const gone = async (id: string): Promise<void> => {
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.deepEqual((await audit(fake.cloud.parts)).orphans, [])
  }

  it('make several ephemeral disks and a swap, in Nova’s order and with its names', async () => {
    const second = blank({ volume_size: 2, guest_format: 'xfs', disk_bus: 'scsi' })
    const id = await active(asked(blank({ volume_size: 8, guest_format: 'swap' }), blank({ volume_size: 1 }), second))
    const disks = await disksOf(id)
    assert.deepEqual(sizes(disks), [
      ['root', 'vda', '', GB / MB],
      ['ephemeral', 'vdb', 'ephemeral0', GB / MB],
      ['ephemeral', 'sda', 'ephemeral1', (2 * GB) / MB],
      ['swap', 'vdc', '', 8],
    ])
    assert.deepEqual(
      disks.map(({ guestFormat }) => guestFormat),
      [undefined, undefined, 'xfs', undefined],
    )
    await gone(id)
  })

  it('that are wrong are refused, and nothing is made', async () => {
    const wrong: [object, RegExp][] = [
      [
        asked(blank({ volume_size: 5 })),
        /Ephemeral disks requested are larger .* Asked for are 5 GB, the flavor has 4 GB/,
      ],
      [
        asked(blank({ volume_size: 1 }), blank({ volume_size: 1 }), blank({ volume_size: 1 })),
        /would have 5, at most 4/,
      ],
      [{ block_device_mapping_v2: [{ ...ROOT(), destination_type: 'volume' }] }, /has no volume service/],
      [{ block_device_mapping_v2: [blank()], imageRef: '' }, /Boot sequence for the instance/],
      [{ imageRef: '' }, /Missing imageRef attribute/],
      // Quota comes before what is in the devices, their form before everything.
      [{ ...asked(blank({ volume_size: 5 })), min_count: 99 }, /Quota exceeded for instances/],
      [{ ...asked(blank({ uuid: fake.image })), min_count: 99, flavorRef: 'none' }, /Invalid device UUID/],
    ]
    const counts = async (): Promise<number[]> => {
      const db = tables(fake.cloud.parts.compute)
      const [servers, devices] = ['compute_servers', 'compute_block_device_mapping'] as const
      return [
        (await db.selectFrom(servers).select('id').execute()).length,
        (await db.selectFrom(devices).select('id').execute()).length,
      ]
    }
    const before = await counts()
    for (const [parts, says] of wrong) await assert.rejects(create(parts), says)
    assert.deepEqual(await counts(), before)
  })

  it('of an image that stands for volumes are refused', async () => {
    const snapshot = { source_type: 'snapshot', destination_type: 'volume', snapshot_id: fake.image, boot_index: 0 }
    const properties = { bdm_v2: 'true', block_device_mapping: JSON.stringify([snapshot]) }
    const ofVolumes = await addImage(fake, properties)
    await assert.rejects(create({ imageRef: ofVolumes }), /stands for volumes.*no volume service/)
    const plain = await addImage(fake, { block_device_mapping: '[]' })
    await gone(await active({ imageRef: plain }))
  })

  it('leave to the flavor what they do not say', async () => {
    const id = await active(asked(blank({ guest_format: 'swap' }), blank({ guest_format: '' })))
    const plain = await active({})
    const expected = [
      ['root', 'vda', '', GB / MB],
      ['ephemeral', 'vdb', 'ephemeral0', (4 * GB) / MB],
      ['swap', 'vdc', '', 64],
    ]
    for (const server of [id, plain]) assert.deepEqual(sizes(await disksOf(server)), expected)
    const { placement } = fake.cloud.parts.compute
    const [claim] = Object.values(await placement.allocationsOf(id))
    assert.equal(claim!['DISK_GB'], 1 + 4 + 1)
    for (const server of [id, plain]) await gone(server)
  })

  it('may be of the older form', async () => {
    const device = (virtual_name: string, volume_size: number) => ({ virtual_name, volume_size, device_name: 'vdx' })
    const id = await active({
      block_device_mapping: [device('ephemeral0', 1), device('ephemeral1', 3), device('swap', 16), { no_device: true }],
    })
    assert.deepEqual(sizes(await disksOf(id)).slice(1), [
      ['ephemeral', 'vdb', 'ephemeral0', GB / MB],
      ['ephemeral', 'vdc', 'ephemeral1', (3 * GB) / MB],
      ['swap', 'vdd', '', 16],
    ])
    await gone(id)
  })

  it('hold when the server is rebuilt, moved, shelved and resized', async () => {
    const id = await active(asked(blank({ volume_size: 1 }), blank({ volume_size: 2, disk_bus: 'scsi' })))
    const before = await disksOf(id)
    const same = async (): Promise<void> => assert.deepEqual(sizes(await disksOf(id)), sizes(before))
    await act(id, { rebuild: { imageRef: fake.image, preserve_ephemeral: true } }, 'ACTIVE')
    await same()
    const paths = (disks: readonly GuestDisk[]) =>
      disks.filter(({ role }) => role === 'ephemeral').map(({ source }) => source.path)
    assert.deepEqual(paths(await disksOf(id)), paths(before))
    await act(id, { rebuild: { imageRef: fake.image } }, 'ACTIVE')
    await same()
    assert.equal(new Set([...paths(await disksOf(id)), ...paths(before)]).size, 4)
    await act(id, { migrate: null }, 'VERIFY_RESIZE')
    await act(id, { confirmResize: null }, 'ACTIVE')
    await same()
    await act(id, { shelve: null }, 'SHELVED_OFFLOADED')
    await act(id, { unshelve: null }, 'ACTIVE')
    await same()
    const larger = await flavor('larger', { disk: 2, 'OS-FLV-EXT-DATA:ephemeral': 3, swap: 32 })
    await act(id, { resize: { flavorRef: larger } }, 'VERIFY_RESIZE')
    await act(id, { confirmResize: null }, 'ACTIVE')
    assert.deepEqual(sizes(await disksOf(id)), [
      ['root', 'vda', '', (2 * GB) / MB],
      ...sizes(before).slice(1, 3),
      ['swap', 'vdc', '', 32],
    ])
    const smaller = await flavor('smaller', { disk: 2, 'OS-FLV-EXT-DATA:ephemeral': 2 })
    await assert.rejects(act(id, { resize: { flavorRef: smaller } }, 'ACTIVE'), /Unable to resize disk down/)
    await gone(id)
  })

  it('name devices to their guests by tags', async () => {
    const root = { ...ROOT(), tag: 'system' }
    const id = await active({
      block_device_mapping_v2: [root, blank({ volume_size: 1, tag: 'scratch' }), blank({ volume_size: 1 })],
    })
    const query = tables(fake.cloud.parts.compute).selectFrom('compute_servers').select('devices_json')
    const { devices_json: devices } = await query.where('id', '=', id).executeTakeFirstOrThrow()
    const told = JSON.parse(devices) as { type: string; bus: string; tags: string[] }[]
    assert.deepEqual(
      told.map(({ type, bus, tags }) => [type, bus, tags]),
      [
        ['disk', 'pci', ['system']],
        ['disk', 'pci', ['scratch']],
      ],
    )
    await gone(id)
  })

  it('and flavors choose what a disk is made as, on hosts that offer it', async () => {
    const backends = async (id: string) => (await disksOf(id)).map(({ role, backend }) => [role, backend])
    const parts = { disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 4 }
    const raw = await flavor('raw', parts, { 'kilonova:images_type': 'raw' })
    const one = await active({ flavorRef: raw })
    assert.deepEqual(await backends(one), [
      ['root', 'raw'],
      ['ephemeral', 'raw'],
    ])
    const mapped = asked(blank({ volume_size: 1, volume_type: 'qcow2' }), blank({ volume_size: 2 }))
    const two = await active({ flavorRef: raw, ...mapped })
    const expected = [
      ['root', 'raw'],
      ['ephemeral', 'qcow2'],
      ['ephemeral', 'raw'],
    ]
    assert.deepEqual(await backends(two), expected)
    await act(two, { rebuild: { imageRef: fake.image } }, 'ACTIVE')
    assert.deepEqual(await backends(two), expected)
    const lvm = await flavor('lvm', parts, { 'kilonova:images_type': 'lvm' })
    await assert.rejects(act(one, { resize: { flavorRef: lvm } }, 'ACTIVE'), /disks are raw and stay so/)
    for (const wish of [{ flavorRef: lvm }, asked(blank({ volume_size: 1, volume_type: 'lvm' }))]) {
      const server = await settledServer(fake, await create(wish))
      assert.match(server.fault!.message, /it lacks CUSTOM_IMAGES_TYPE_LVM/)
      await gone(server.id)
    }
    for (const id of [one, two]) await gone(id)
    await assert.rejects(flavor('odd', parts, { 'kilonova:images_type': 'zfs' }), /is not one of: qcow2, raw/)
  })
})
