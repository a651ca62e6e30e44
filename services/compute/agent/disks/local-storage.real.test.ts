// Guests' disks on logical volumes, on whole devices, and on hosts that have no room left.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { mkdir, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { GuestImage, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { makeGuest } from '../testing.ts'
import { GB, MB } from './disk-mapping.ts'
import { ImageCache } from './image-cache.ts'
import { IsolatedDisks } from './isolated.ts'
import type { LocalStorageOptions } from './local-storage.ts'
import { LocalStorage } from './local-storage.ts'
import { LvmDisks } from './lvm.ts'
import { LvmQcow2Disks } from './lvm-qcow2.ts'
import { imageInfo } from './qemu-img.ts'
import { type LoopDevice, loopDevice, TestVolumeGroup } from './testing.ts'
import { TestImages } from './testing-images.ts'
import { VolumeGroup } from './volume-group.ts'

const CLEARING = { how: 'zero', mb: 1 } as const
const CONTENT = Buffer.alloc(MB, 'content of the image ')

const root = mkdtempSync(join(tmpdir(), 'kilonova-storage-'))
const images = new TestImages(root)
const noted = async () => new Map([['a', Buffer.from('b')]])
let volumes: TestVolumeGroup
let device: LoopDevice
let image: GuestImage
let rescue: GuestImage
let count = 0
before(async () => {
  volumes = await TestVolumeGroup.make(8 * GB)
  device = await loopDevice(join(root, 'device'), 1.25 * GB)
  image = await images.add(CONTENT, 'qcow2')
  rescue = await images.add(Buffer.alloc(MB, 'rescue'), 'raw')
})
after(async () => {
  await volumes?.close()
  await device?.detach()
  await rm(root, { recursive: true })
})

type Parts = Partial<LocalStorageOptions> & { at?: string }

function storageAt(paths: InstancePaths, parts: Partial<LocalStorageOptions>): LocalStorage {
  const cache = new ImageCache({ paths, source: images, inspect: async () => undefined })
  return new LocalStorage({ paths, images: cache, imagesType: 'qcow2', ...parts })
}

async function make({ at = join(root, `instances${count++}`), ...parts }: Parts = {}) {
  const paths = new InstancePaths(at)
  const group = volumes.group()
  const backends = [new LvmDisks(group, CLEARING), new LvmQcow2Disks(paths, group, CLEARING)]
  const isolated = new IsolatedDisks({ devices: [device.path], directory: paths.isolated, clearing: CLEARING })
  const storage = storageAt(paths, { backends, isolated, ...parts })
  await storage.open()
  for (const each of [image, rescue]) await storage.prepareImage(each)
  return { storage, paths, backends, isolated }
}

function guestOf(flavor: Partial<GuestSpec['flavor']>, parts: Partial<GuestSpec> = {}): GuestSpec {
  return makeGuest({ image, flavor: { ...makeGuest().flavor, rootGb: 1, ...flavor }, ...parts })
}

for (const imagesType of ['lvm', 'lvm_qcow2'] as const) {
  describe(`a guest on ${imagesType}`, () => {
    it('has all its disks there but the config drive, grows, is copied, rescued, and leaves nothing', async () => {
      const { storage, paths, backends, isolated } = await make({ imagesType })
      const before = await storage.space()
      const guest = guestOf({ ephemeralGb: 1, swapMb: 8 }, { configDrive: true })
      guest.disks = await storage.createDisks(guest)
      assert.deepEqual(await storage.createDisks(guest), guest.disks)
      const format = imagesType === 'lvm' ? 'raw' : 'qcow2'
      assert.deepEqual(
        guest.disks.map((disk) => [disk.role, disk.backend, disk.format, disk.target]),
        [
          ['root', imagesType, format, 'vda'],
          ['ephemeral', imagesType, format, 'vdb'],
          ['swap', imagesType, format, 'vdc'],
          ['config', 'raw', 'raw', 'hda'],
        ],
      )
      await storage.makeConfigDrive(guest, noted)
      assert.ok((await readdir(paths.directory(guest.id))).includes('disk.config'))
      const [disk, ephemeral, swap] = guest.disks
      assert.deepEqual(await images.read(disk!, MB), CONTENT)
      assert.equal((await images.read(ephemeral!, 4096)).readUInt16LE(1024 + 56), 0xef53, 'ext4 magic')
      assert.equal((await images.read(swap!, 4096)).subarray(4086).toString(), 'SWAPSPACE2')
      const { used, promised } = await storage.space()
      assert.ok(used >= before.used + 2 * GB)
      assert.equal(promised, 0)

      const restarted = storageAt(paths, { imagesType: 'raw', backends, isolated })
      await restarted.open()
      const copy = await restarted.extract(guest, disk!, { id: systemRandom.uuid(), format: 'qcow2' })
      assert.deepEqual(await imageInfo(copy.path, 'qcow2'), { virtualSize: GB, backingFile: null })
      assert.deepEqual(await images.read({ source: { kind: 'file', path: copy.path }, format: 'qcow2' }, MB), CONTENT)
      assert.equal((await restarted.extract(guest, disk!, { id: systemRandom.uuid() })).format, format)

      const larger = { ...guest, flavor: { ...guest.flavor, rootGb: 2 } }
      const planned = await restarted.planMove(larger, 'a')
      for (let i = 0; i < 2; i++) await restarted.copyDisks(larger, planned)
      assert.equal((await restarted.facts(disk!)).virtualSize, GB)
      await restarted.removeDisks(
        guest.id,
        guest.disks.filter(({ role }) => role !== 'config'),
      )
      guest.disks = planned
      assert.equal((await restarted.facts(guest.disks[0]!)).virtualSize, 2 * GB)
      assert.equal(guest.disks[0]!.backend, imagesType)
      assert.deepEqual(await images.read(guest.disks[0]!, MB), CONTENT)

      const how = { generation: '0badcafe', keepsEphemeral: false }
      const beside = await restarted.planRebuild({ ...larger, disks: guest.disks, image: rescue }, how)
      assert.deepEqual(new Set(beside.map(({ backend }) => backend)), new Set([imagesType, 'raw']))
      const anew = await restarted.createDisks({ ...larger, disks: beside, image: rescue })
      assert.match((await images.read(anew[0]!, 6)).toString(), /rescue/)
      assert.deepEqual(await images.read(guest.disks[0]!, MB), CONTENT)
      await restarted.removeDisks(guest.id, anew)

      const rescued = await restarted.createRescueDisks(guest, rescue)
      assert.deepEqual(rescued[1]?.source, guest.disks[0]!.source)
      assert.match((await images.read(rescued[0]!, 6)).toString(), /rescue/)
      await restarted.removeRescueDisks(guest.id)
      for (let i = 0; i < 2; i++) await restarted.deleteFiles(guest.id)
      assert.deepEqual(await restarted.holdings(), [])
      assert.deepEqual(await restarted.guests(), [])
      assert.deepEqual(await backends[0]!.space(), { total: before.total, used: before.used })
    })

    it('a build that finds no room leaves nothing, and works when there is room again', async () => {
      const { storage, backends } = await make({ imagesType })
      const filler = volumes.group('filler')
      const { total, used } = await backends[0]!.space()
      await filler.create('filler', total - used - 256 * MB)
      const guest = guestOf({})
      await assert.rejects(storage.createDisks(guest), (error) => isFault(error, 'HostOutOfRoom'))
      assert.deepEqual(await storage.holdings(), [])
      await filler.remove('filler')
      const [disk] = await storage.createDisks(guest)
      assert.deepEqual(await images.read(disk!, MB), CONTENT)
      await storage.deleteFiles(guest.id)
    })
  })
}

describe('logical volumes', () => {
  it('seed-8.5.16-5: what servers have is what of the host’s disk is used', async () => {
    const { storage } = await make({ imagesType: 'lvm' })
    const guests = [guestOf({}), guestOf({ rootGb: 2 }), guestOf({ ephemeralGb: 1 })]
    const before = (await storage.space()).used
    for (const guest of guests) guest.disks = await storage.createDisks(guest)
    const named = guests.flatMap(({ id, disks }) => disks.map(({ source }) => source.path.includes(id)))
    assert.deepEqual(named, [true, true, true, true])
    assert.equal((await storage.space()).used - before, 5 * GB)
    await storage.deleteFiles(guests[1]!.id)
    assert.equal((await storage.space()).used - before, 3 * GB)
    for (const { id } of guests) await storage.deleteFiles(id)
    assert.equal((await storage.space()).used, before)
  })

  it('of another cloud in the same group are not seen and not removed', async () => {
    const { storage } = await make({ imagesType: 'lvm' })
    const id = systemRandom.uuid()
    const theirs = volumes.group('theirs')
    await theirs.create(`${id}_disk`, 4 * MB)
    assert.deepEqual(await storage.holdings(), [])
    await storage.deleteFiles(id)
    await storage.open()
    assert.equal((await theirs.list()).length, 1)
    await theirs.remove(`${id}_disk`)
  })

  it('that a crash left half-written go at the next start', async () => {
    const { storage, backends } = await make({ imagesType: 'lvm' })
    const group = volumes.group()
    const names = [`${systemRandom.uuid()}_disk.part`, `${systemRandom.uuid()}_files.part`]
    for (const name of names) await group.create(name, 4 * MB)
    await storage.open()
    assert.deepEqual(await group.list(), [])
    assert.equal((await backends[0]!.space()).used, 0)
  })

  it('of a group that is not there are refused, when the host starts or when a guest has them', async () => {
    const { paths, storage } = await make({ imagesType: 'lvm' })
    const guest = guestOf({})
    guest.disks = await storage.createDisks(guest)
    const missing = new VolumeGroup({ name: 'kn-none', cloudTag: 'test', env: volumes.env })
    const backends = [new LvmDisks(missing, CLEARING)]
    const unavailable = (error: unknown) => isFault(error, 'BackendUnavailable') && /vgcreate kn-none/.test(error.mend!)
    await assert.rejects(storageAt(paths, { imagesType: 'lvm', backends }).open(), unavailable)
    const without = storageAt(paths, { backends })
    await without.open()
    await assert.rejects(without.deleteFiles(guest.id), /no disk backend lvm/)
    const other = guestOf({})
    await without.createDisks(other)
    await without.deleteFiles(other.id)
    await storage.deleteFiles(guest.id)
    const unnamed = new LvmDisks(new VolumeGroup({ name: '', cloudTag: 'test' }), CLEARING)
    await assert.rejects(
      unnamed.open(),
      (error) => isFault(error, 'BackendUnavailable') && /is not set/.test(error.message),
    )
  })
})

describe('a guest on a whole device', () => {
  const ISOLATED = { extraSpecs: { 'resources:CUSTOM_DISK_ISOLATED': '1' } }

  it('has its root there; the rest is where other guests have it', async () => {
    const { storage, paths } = await make()
    const guest = guestOf({ ...ISOLATED, swapMb: 8 }, { configDrive: true })
    guest.disks = await storage.createDisks(guest)
    assert.deepEqual(
      guest.disks.map(({ role, backend, source, format }) => [role, backend, source.kind, format]),
      [
        ['root', 'isolated', 'block', 'raw'],
        ['swap', 'qcow2', 'file', 'qcow2'],
        ['config', 'raw', 'file', 'raw'],
      ],
    )
    const [disk] = guest.disks
    assert.deepEqual([disk!.source.path, disk!.size], [device.path, 1.25 * GB])
    assert.deepEqual(await images.read(disk!, MB), CONTENT)
    assert.equal((await storage.isolatedDisks())[0]!.guest, guest.id)
    assert.deepEqual(await storage.holdings(), [{ kind: 'isolated-disk', id: device.path, guest: guest.id }])
    assert.deepEqual(await storage.guests(), [guest.id])

    const copy = await storage.extract(guest, disk!, { id: systemRandom.uuid() })
    assert.equal(copy.format, 'raw')
    assert.deepEqual(await images.read({ source: { kind: 'file', path: copy.path }, format: 'raw' }, MB), CONTENT)
    await assert.rejects(
      storage.createDisks(guestOf(ISOLATED)),
      (error) => isFault(error, 'IsolatedDiskRefused') && error.message.includes(guest.id),
    )

    for (const flavor of [guest.flavor, { ...guest.flavor, extraSpecs: {} }]) {
      await assert.rejects(storage.planMove({ ...guest, flavor }, 'a'), (error) => isFault(error, 'GuestInvalid'))
    }

    for (let i = 0; i < 2; i++) await storage.deleteFiles(guest.id)
    assert.deepEqual(await images.read(disk!, MB), Buffer.alloc(MB))
    assert.deepEqual(await readdir(paths.isolated), [])
  })

  it('may have its ephemeral disk there', async () => {
    const { storage } = await make()
    const guest = guestOf({ ephemeralGb: 1, extraSpecs: { 'kilonova:isolated_disk': 'ephemeral' } })
    guest.disks = await storage.createDisks(guest)
    assert.deepEqual(
      guest.disks.map(({ role, backend, target }) => [role, backend, target]),
      [
        ['root', 'qcow2', 'vda'],
        ['ephemeral', 'isolated', 'vdb'],
      ],
    )
    assert.equal((await images.read(guest.disks[1]!, 4096)).readUInt16LE(1024 + 56), 0xef53, 'ext4 magic')
    await storage.deleteFiles(guest.id)
  })

  it('takes an image that is larger than the flavor, as that of another such disk is', async () => {
    const { storage, paths } = await make()
    const size = (await storage.isolatedDisks())[0]!.size
    await truncate(paths.baseImage(image.id), size)
    const guest = guestOf(ISOLATED)
    const [disk] = await storage.createDisks(guest)
    assert.equal(disk!.size, size)
    assert.deepEqual(await images.read(disk!, MB), CONTENT)
    await storage.deleteFiles(guest.id)
    await truncate(paths.baseImage(image.id), size + MB)
    await assert.rejects(storage.createDisks(guestOf(ISOLATED)), /has 1280 MB, asked are 1281/)
  })

  it('that was claimed for it by name, or none', async () => {
    const { storage } = await make()
    const wrong = { isolatedDisks: ['/dev/disk/by-id/other'] }
    await assert.rejects(storage.createDisks(guestOf(ISOLATED, wrong)), /there is none/)
    const guest = guestOf(ISOLATED, { isolatedDisks: [device.path] })
    assert.equal((await storage.createDisks(guest))[0]!.backend, 'isolated')
    await storage.deleteFiles(guest.id)
  })
})

describe('a host whose file system is full', () => {
  let mounted: string
  let loop: LoopDevice
  before(async () => {
    loop = await loopDevice(join(root, 'small'), 48 * MB)
    await run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', loop.path])
    mounted = join(root, 'small-host')
    await mkdir(mounted)
    await run('mount', [loop.path, mounted])
  })
  after(async () => {
    await run('umount', [mounted])
    await loop.detach()
  })

  for (const imagesType of ['raw', 'qcow2'] as const) {
    it(`says so for each kind of work, leaves nothing half-made, and goes on when there is room (${imagesType})`, async () => {
      const at = join(mounted, imagesType)
      const { storage, paths } = await make({ imagesType, at })
      const full = Buffer.alloc(4 * MB)
      for (let i = 0; i < full.length; i += 512) full.write(systemRandom.uuid(), i)
      const large = await images.add(full, 'raw')
      const guest = guestOf({ rootGb: 0 }, { image: large, configDrive: true })
      const outOfRoom = (error: unknown) => isFault(error, 'HostOutOfRoom')
      const filled = join(mounted, 'filler')
      const fill = async (leave: number): Promise<void> => {
        await rm(filled, { force: true })
        const { stdout } = await run('stat', ['-f', '-c', '%a %S', mounted])
        const [blocks, size] = stdout.split(' ').map(Number)
        const count = Math.ceil((blocks! * size! - leave) / 65_536)
        await run('dd', ['if=/dev/zero', `of=${filled}`, 'bs=64K', `count=${count}`, 'status=none'], { accept: [0, 1] })
      }
      const parts = async () => {
        const files = await readdir(at, { recursive: true })
        return files.filter((file) => basename(file).includes('.part'))
      }
      await fill(MB)
      for (const streams of [false, true]) {
        images.streams = streams
        await assert.rejects(storage.prepareImage(large), outOfRoom)
      }
      images.streams = false
      assert.deepEqual(await parts(), [])
      await fill(8 * MB)
      await storage.prepareImage(large)
      await fill(0)
      await assert.rejects(storage.createDisks(guest), outOfRoom)
      assert.deepEqual(await parts(), [])
      await storage.deleteFiles(guest.id)
      await fill(6 * MB)
      guest.disks = await storage.createDisks(guest)
      await fill(0)
      await assert.rejects(
        storage.makeConfigDrive(guest, async () => new Map([['a', full]])),
        outOfRoom,
      )
      const id = systemRandom.uuid()
      await assert.rejects(storage.extract(guest, guest.disks[0]!, { id }), outOfRoom)
      assert.deepEqual(await parts(), [])
      await rm(filled)
      await storage.makeConfigDrive(guest, async () => new Map([['a', full]]))
      assert.equal((await storage.extract(guest, guest.disks[0]!, { id, format: 'raw' })).size, full.length)
      await storage.removeExtracted(id)
      await storage.deleteFiles(guest.id)
      assert.deepEqual(await readdir(paths.root), ['_base', 'snapshots'])
      await rm(at, { recursive: true })
    })
  }
})
