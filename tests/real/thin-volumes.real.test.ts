// Logical volumes with a real device-mapper: thin ones, their room, and what a start of the host activates.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { VolumeGroupOptions } from '@kilonova/compute/agent/disks/volume-group'
import { VolumeGroup } from '@kilonova/compute/agent/disks/volume-group'
import { DeviceMapperGuest } from './device-mapper-guest.ts'

const MB = 2 ** 20

describe('logical volumes in a kernel with device-mapper', () => {
  let directory: string
  let guest: DeviceMapperGuest
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kn-dm-'))
    guest = await DeviceMapperGuest.start(directory, 512 * MB)
    await guest.run('pvcreate', ['/dev/vda'])
    await guest.run('vgcreate', ['nova', '/dev/vda'])
  })
  after(async () => {
    await guest?.stop()
    await rm(directory, { recursive: true, force: true })
  })
  const group = (parts: Partial<VolumeGroupOptions> = {}): VolumeGroup =>
    new VolumeGroup({ name: 'nova', cloudTag: 'test', runs: guest.run, ...parts })
  const exists = async (path: string): Promise<boolean> =>
    (await guest.run('test', ['-b', path], { accept: [0, 1] })).code === 0

  it('have a device from the moment they are made, under their new name too, until they are removed', async () => {
    const thick = group()
    await thick.open()
    await thick.create('a_disk.part', 8 * MB)
    assert.equal(await exists(thick.path('a_disk.part')), true)
    await thick.rename('a_disk.part', 'a_disk')
    assert.deepEqual([await exists(thick.path('a_disk.part')), await exists(thick.path('a_disk'))], [false, true])
    await thick.extend('a_disk', 16 * MB)
    const { stdout } = await guest.run('blockdev', ['--getsize64', thick.path('a_disk')])
    assert.equal(Number(stdout), 16 * MB)
    assert.deepEqual(await thick.list(), [{ name: 'a_disk', size: 16 * MB, mayGrow: 0, zeroed: false }])
    await guest.run('lvchange', ['-an', 'nova/a_disk'])
    assert.equal(await exists(thick.path('a_disk')), false)
    await thick.open()
    assert.equal(await exists(thick.path('a_disk')), true)
    await thick.remove('a_disk')
    assert.equal(await exists(thick.path('a_disk')), false)
    assert.equal((await thick.space()).used, 0)
  })

  it('are thin in the only thin pool, take room when they are written, and give zeros to the next', async () => {
    const thin = group({ sparse: true })
    await assert.rejects(thin.open(), (error) => isFault(error, 'BackendUnavailable') && /thin-pool/.test(error.mend!))
    await guest.run('lvcreate', ['--type', 'thin-pool', '-L', '128M', '-n', 'pool', 'nova'])
    await thin.open()
    await thin.create('a_disk', 256 * MB)
    assert.deepEqual(await thin.list(), [{ name: 'a_disk', size: 256 * MB, mayGrow: 256 * MB, zeroed: true }])
    assert.deepEqual(await thin.space(), { total: 128 * MB, used: 0 })
    await guest.run('dd', ['if=/dev/urandom', `of=${thin.path('a_disk')}`, 'bs=1M', 'count=16', 'conv=fsync'])
    const [written] = await thin.list()
    assert.ok(Math.abs(written!.mayGrow - 240 * MB) < MB, `may grow by ${written!.mayGrow}`)
    assert.ok(Math.abs((await thin.space()).used - 16 * MB) < MB)
    await thin.remove('a_disk')
    assert.equal((await thin.space()).used, 0)
    await thin.create('b_disk', 256 * MB)
    await guest.run('dd', ['if=/dev/zero', `of=${thin.path('b_disk')}`, 'bs=512', 'count=1', 'conv=fsync'])
    const { stdout } = await guest.run('sh', ['-c', `head -c 65536 ${thin.path('b_disk')} | tr -d '\\0' | wc -c`])
    assert.equal(Number(stdout), 0)
    await thin.extend('b_disk', 300 * MB)
    assert.equal((await thin.find('b_disk'))!.size, 300 * MB)
    await thin.remove('b_disk')
  })

  it('need clearing when the pool hands blocks on as they are', async () => {
    await guest.run('lvchange', ['--zero', 'n', 'nova/pool'])
    const thin = group({ sparse: true })
    await thin.create('c_disk', 8 * MB)
    assert.equal((await thin.list())[0]!.zeroed, false)
    await thin.remove('c_disk')
  })
})
