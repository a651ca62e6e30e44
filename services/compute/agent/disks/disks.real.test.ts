import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { GuestBlockDevice, GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { makeGuest } from '../testing.ts'
import { GB } from './disk-mapping.ts'
import { ImageCache } from './image-cache.ts'
import { LocalStorage } from './local-storage.ts'
import { imageInfo, virtualSize } from './qemu-img.ts'
import { TestImages } from './testing-images.ts'

const MB = 1024 ** 2
const CONTENT = Buffer.alloc(MB, 'content of the image ')

let directory: string
let count = 0
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-disks-'))
})
after(() => rm(directory, { recursive: true }))

async function make(imagesType: 'raw' | 'qcow2' = 'qcow2', inspect: (path: string) => Promise<void> = async () => {}) {
  const paths = new InstancePaths(join(directory, `instances${count++}`))
  const images = new TestImages(directory)
  const clock = new VirtualClock(Date.UTC(2026, 0, 1))
  const cache = new ImageCache({ paths, source: images, inspect, clock })
  const storage = new LocalStorage({ paths, images: cache, imagesType })
  await storage.open()
  return { paths, images, cache, storage, clock }
}

/** The first megabyte that a guest would read. */
const content = (disk: GuestDisk): Promise<Buffer> => new TestImages(directory).read(disk, MB)

const withRoot = (image: GuestImage, rootGb: number): GuestSpec =>
  makeGuest({ image, flavor: { ...makeGuest().flavor, rootGb } })

/** Twice, as after a crash. */
async function moved(storage: LocalStorage, guest: GuestSpec, generation: string): Promise<GuestDisk[]> {
  const disks = await storage.planMove(guest, generation)
  for (let i = 0; i < 2; i++) await storage.copyDisks(guest, disks)
  return disks
}

const wish = (parts: Partial<GuestBlockDevice>): GuestBlockDevice => ({
  ...{ role: 'ephemeral', size: null, guestFormat: null, device: null, bus: null, imagesType: null, tag: null },
  ...parts,
})
const ephemeral = (size: number, guestFormat: string | null, tag: string | null = null): GuestBlockDevice =>
  wish({ size, guestFormat, tag })
const swap = (size: number): GuestBlockDevice => wish({ role: 'swap', size })

const SUBMERGED = (name: string) => /\.part/.test(name)

for (const backend of ['raw', 'qcow2'] as const) {
  describe(`disks as ${backend}`, () => {
    test('root, ephemeral and swap are made whole; a second call leaves them as they are', async () => {
      const { storage, images, paths } = await make(backend)
      const image = await images.add(CONTENT, 'qcow2')
      const guest = withRoot(image, 1)
      guest.flavor = { ...guest.flavor, ephemeralGb: 1, swapMb: 8 }
      assert.deepEqual(await storage.prepareImage(image), { size: MB })
      const disks = await storage.createDisks(guest)
      assert.deepEqual(
        disks.map(({ role, backend: name, format, target, size }) => [role, name, format, target, size]),
        [
          ['root', backend, backend, 'vda', GB],
          ['ephemeral', backend, backend, 'vdb', GB],
          ['swap', backend, backend, 'vdc', 8 * MB],
        ],
      )
      for (const disk of disks) assert.equal(await virtualSize(disk.source.path, backend), disk.size)
      assert.deepEqual(await content(disks[0]!), CONTENT)
      assert.equal((await content(disks[1]!)).readUInt16LE(1024 + 56), 0xef53, 'ext4 magic')
      assert.equal((await content(disks[2]!)).subarray(4086, 4096).toString(), 'SWAPSPACE2')
      const inodes = await Promise.all(disks.map(async (disk) => (await stat(disk.source.path)).ino))
      assert.deepEqual(await storage.createDisks({ ...guest, disks }), disks)
      assert.deepEqual(await Promise.all(disks.map(async (disk) => (await stat(disk.source.path)).ino)), inodes)
      assert.deepEqual((await readdir(paths.directory(guest.id))).filter(SUBMERGED), [])
      assert.ok((await storage.guests()).includes(guest.id))
      await storage.deleteFiles(guest.id)
      await storage.deleteFiles(guest.id)
      assert.ok(!(await storage.guests()).some((name) => name === guest.id || name === '_base'))
      assert.equal((await readdir(paths.root)).includes(guest.id), false)
    })

    test('several ephemeral disks are formatted as asked for, keep their labels, and go over to another flavor', async () => {
      const { storage, images } = await make(backend)
      const image = await images.add(CONTENT, 'raw')
      await storage.prepareImage(image)
      const guest = {
        ...withRoot(image, 1),
        blockDevices: [ephemeral(1, 'ext3'), ephemeral(2, null, 'scratch'), swap(8)],
      }
      guest.flavor = { ...guest.flavor, ephemeralGb: 4, swapMb: 64 }
      const disks = await storage.createDisks(guest)
      const shown = (some: readonly GuestDisk[]) =>
        some.slice(1).map(({ role, target, size, tag = '' }) => [role, target, size, tag])
      const expected = [
        ['ephemeral', 'vdb', GB, ''],
        ['ephemeral', 'vdc', 2 * GB, 'scratch'],
        ['swap', 'vdd', 8 * MB, ''],
      ]
      assert.deepEqual(shown(disks), expected)
      const fileSystems = async (some: readonly GuestDisk[]) => {
        const found: unknown[] = []
        for (const disk of some.slice(1, 3)) {
          const head = await images.read(disk, 4096)
          found.push([head.toString('latin1', 1144, 1154), (head.readUInt32LE(1120) & 0x40) === 0x40])
        }
        return found
      }
      // ext4 has extents, ext3 has not.
      const made = [
        ['ephemeral0', false],
        ['ephemeral1', true],
      ]
      assert.deepEqual(await fileSystems(disks), made)
      const [, first, second] = disks
      const kept = ['-f', backend, '-c', 'write -P 0x6b 512k 512', second!.source.path]
      await run('qemu-io', kept)
      const larger = { ...guest, disks, flavor: { ...guest.flavor, rootGb: 2, swapMb: 4 } }
      const copies = await moved(storage, larger, '0badcafe')
      assert.deepEqual(shown(copies), [...expected.slice(0, 2), ['swap', 'vdd', 4 * MB, '']])
      assert.deepEqual(await fileSystems(copies), made)
      assert.equal((await images.read(copies[2]!, 512 * 1024 + 4)).toString('latin1', 512 * 1024), 'kkkk')
      await assert.rejects(storage.planMove({ ...larger, blockDevices: [ephemeral(1, 'ext3')] }, 'g'), (error) =>
        isFault(error, 'ResizeError'),
      )
      const rebuilt = await storage.planRebuild({ ...guest, disks }, { generation: '0badcafe', keepsEphemeral: true })
      assert.deepEqual([rebuilt[1]?.source, rebuilt[2]?.source], [first?.source, second?.source])
      await storage.deleteFiles(guest.id)
    })

    test('a disk is what its user asked for, else what the flavor says, else what the host has', async () => {
      const { storage, images } = await make(backend)
      const [host, other] = backend === 'raw' ? (['raw', 'qcow2'] as const) : (['qcow2', 'raw'] as const)
      assert.deepEqual((await storage.imagesTypes()).toSorted(), ['qcow2', 'raw'])
      const image = await images.add(CONTENT, 'raw')
      await storage.prepareImage(image)
      const plain = withRoot(image, 1)
      plain.flavor = { ...plain.flavor, ephemeralGb: 1 }
      const types = async (guest: GuestSpec) => {
        const disks = await storage.createDisks(guest)
        await storage.deleteFiles(guest.id)
        return disks.map(({ backend: type, format }) => [type, format])
      }
      assert.deepEqual(await types(plain), [
        [host, host],
        [host, host],
      ])
      const flavor = { ...plain.flavor, extraSpecs: { 'kilonova:images_type': other } }
      const blockDevices = [{ ...ephemeral(1, null), imagesType: host }]
      assert.deepEqual(await types({ ...plain, flavor, blockDevices }), [
        [other, other],
        [host, host],
      ])
      const none = { ...plain, flavor: { ...flavor, extraSpecs: { 'kilonova:images_type': 'lvm' } } }
      await assert.rejects(storage.createDisks(none), /no disk backend lvm/)
    })

    test('with no root size the disk is as large as the image', async () => {
      const { storage, images } = await make(backend)
      const image = await images.add(CONTENT, 'raw')
      await storage.prepareImage(image)
      const [root] = await storage.createDisks(withRoot(image, 0))
      assert.equal(root?.size, MB)
      assert.equal(await virtualSize(root!.source.path, backend), MB)
    })

    test('an image larger than the flavor is refused', async () => {
      const { storage, images, paths } = await make(backend)
      const image = await images.add(CONTENT, 'raw')
      await storage.prepareImage(image)
      await truncate(paths.baseImage(image.id), 2 * GB)
      await assert.rejects(storage.createDisks(withRoot(image, 1)), (error) =>
        isFault(error, 'FlavorDiskSmallerThanImage'),
      )
    })

    test('the space that thin disks may still grow by is known', async () => {
      const { storage, images } = await make(backend)
      const image = await images.add(CONTENT, 'raw')
      await storage.prepareImage(image)
      assert.equal((await storage.space()).promised, 0)
      await storage.createDisks(withRoot(image, 3))
      const { total, used, promised } = await storage.space()
      assert.ok(promised > 2.9 * GB && promised <= 3 * GB, `promised ${promised}`)
      assert.ok(total > used)
    })
  })
}

for (const backend of ['raw', 'qcow2'] as const) {
  test(`${backend}: a disk of an image that goes needs no cached image any more`, async () => {
    const { storage, images, paths, cache, clock } = await make(backend)
    const image = { ...(await images.add(CONTENT, 'qcow2')), standsAlone: true }
    await storage.prepareImage(image)
    const guest = withRoot(image, 1)
    const disks = await storage.createDisks(guest)
    assert.deepEqual(await storage.createDisks(guest), disks) // its host died before it was recorded
    await clock.advance(1000)
    assert.deepEqual(await cache.removeUnused(0), [paths.baseImage(image.id)])
    const other = await images.add(Buffer.from('another'), 'raw')
    guest.disks = disks
    assert.deepEqual(await storage.createDisks({ ...guest, image: other }), disks)
    const { backingFile, virtualSize: size } = await storage.facts(disks[0]!)
    assert.deepEqual([backingFile, size, disks[0]!.standsAlone], [null, GB, true])
    assert.deepEqual(await content(disks[0]!), CONTENT)
  })

  test(`${backend}: a copy is flat, of the format asked for, and goes when told or at the next start`, async () => {
    const { storage, images, paths } = await make(backend)
    const image = await images.add(CONTENT, 'raw')
    await storage.prepareImage(image)
    const guest = withRoot(image, 0)
    const [root] = await storage.createDisks(guest)
    for (const format of ['raw', 'qcow2', 'vmdk', undefined] as const) {
      const id = systemRandom.uuid()
      const copy = await storage.extract(guest, root!, { id, ...(format ? { format } : {}) })
      assert.deepEqual(await storage.extract(guest, root!, { id, ...(format ? { format } : {}) }), copy)
      assert.equal(copy.format, format ?? backend)
      const { virtualSize, backingFile } = await imageInfo(copy.path, copy.format)
      assert.deepEqual([virtualSize, backingFile], [MB, null])
      const raw = join(directory, `${id}.raw`)
      await run('qemu-img', ['convert', '-f', copy.format, '-O', 'raw', copy.path, raw])
      assert.deepEqual((await readFile(raw)).subarray(0, MB), CONTENT)
      let read = 0
      for await (const chunk of storage.readExtracted(copy)) read += chunk.length
      assert.equal(read, copy.size)
      if (format) await storage.removeExtracted(id)
    }
    assert.equal((await readdir(paths.snapshots)).length, 1)
    assert.deepEqual(await storage.guests(), [guest.id])
    await storage.open()
    await assert.rejects(readdir(paths.snapshots), { code: 'ENOENT' })
  })

  test(`${backend}: disks grow with the flavor, never shrink; swap is made anew`, async () => {
    const { storage, images } = await make(backend)
    const image = await images.add(CONTENT, 'raw')
    await storage.prepareImage(image)
    const guest = withRoot(image, 1)
    guest.flavor = { ...guest.flavor, swapMb: 8 }
    guest.disks = await storage.createDisks(guest)
    const larger = { ...guest, flavor: { ...guest.flavor, rootGb: 2, ephemeralGb: 1, swapMb: 16 } }
    const disks = await moved(storage, larger, 'a')
    assert.deepEqual(
      disks.map(({ role, target, size }) => [role, target, size]),
      [
        ['root', 'vda', 2 * GB],
        ['ephemeral', 'vdb', GB],
        ['swap', 'vdc', 16 * MB],
      ],
    )
    for (const disk of disks) assert.equal((await storage.facts(disk)).virtualSize, disk.size)
    assert.deepEqual(await content(disks[0]!), CONTENT)
    for (const disk of guest.disks) assert.equal((await storage.facts(disk)).virtualSize, disk.size)
    await storage.removeDisks(guest.id, guest.disks)
    await assert.rejects(stat(guest.disks[0]!.source.path), { code: 'ENOENT' })
    assert.equal((await content(disks[2]!)).subarray(4086, 4096).toString(), 'SWAPSPACE2')
    for (const smaller of [{ rootGb: 1 }, { ephemeralGb: 0 }]) {
      const wish = { ...larger, disks, flavor: { ...larger.flavor, ...smaller } }
      await assert.rejects(storage.planMove(wish, 'b'), (error) => isFault(error, 'ResizeError'))
    }
    const same = { ...larger, disks, flavor: { ...larger.flavor, rootGb: 0, swapMb: 0 } }
    const kept = await moved(storage, same, 'b')
    assert.deepEqual(
      kept.map(({ role, size }) => [role, size]),
      [
        ['root', 2 * GB],
        ['ephemeral', GB],
      ],
    )
    assert.deepEqual(await content(kept[0]!), CONTENT)
  })

  test(`${backend}: a guest is rescued from another image, and then has its own disks again`, async () => {
    const { storage, images, paths } = await make(backend)
    const [image, rescue] = [await images.add(CONTENT, 'raw'), await images.add(Buffer.alloc(MB, 'rescue'), 'raw')]
    for (const each of [image, rescue]) await storage.prepareImage(each)
    const guest = { ...withRoot(image, 1), configDrive: true }
    guest.disks = await storage.createDisks(guest)
    const before = await readdir(paths.directory(guest.id))
    const disks = await storage.createRescueDisks(guest, rescue)
    assert.deepEqual(await storage.createRescueDisks(guest, rescue), disks)
    assert.deepEqual(
      disks.map(({ role, target, source }) => [role, target, basename(source.path)]),
      [
        ['rescue', 'vda', 'disk.rescue'],
        ['root', 'vdb', 'disk'],
        ['config', 'hda', 'disk.config.rescue'],
      ],
    )
    assert.deepEqual(await content(disks[0]!), Buffer.alloc(MB, 'rescue'))
    await storage.makeConfigDrive({ ...guest, disks }, async () => new Map([['a', Buffer.from('b')]]))
    for (let i = 0; i < 2; i++) await storage.removeRescueDisks(guest.id)
    assert.deepEqual((await readdir(paths.directory(guest.id))).sort(), before.sort())
    assert.deepEqual(await content(guest.disks[0]!), CONTENT)
  })
}

for (const backend of ['raw', 'qcow2'] as const) {
  test(`${backend}: a guest is rebuilt beside its old disks, which go when they are told to`, async () => {
    const { storage, images, paths, cache } = await make(backend)
    const [image, other] = [await images.add(CONTENT, 'raw'), await images.add(Buffer.alloc(MB, 'other'), 'raw')]
    for (const each of [image, other]) await storage.prepareImage(each)
    const old = { ...withRoot(image, 1), configDrive: true }
    old.flavor = { ...old.flavor, ephemeralGb: 1, swapMb: 8 }
    old.disks = await storage.createDisks(old)
    await storage.makeConfigDrive(old, async () => new Map([['a', Buffer.from('old')]]))
    const before = await readdir(paths.directory(old.id))
    const how = { generation: '0badcafe', keepsEphemeral: true }
    const planned = await storage.planRebuild({ ...old, image: other }, how)
    assert.deepEqual(await readdir(paths.directory(old.id)), before)
    assert.deepEqual(
      planned.map(({ role, target, source }) => [role, target, basename(source.path)]),
      [
        ['root', 'vda', 'disk.0badcafe'],
        ['ephemeral', 'vdb', 'disk.eph0'],
        ['swap', 'vdc', 'disk.swap.0badcafe'],
        ['config', 'hda', 'disk.config.0badcafe'],
      ],
    )
    const rebuilt = { ...old, image: other, disks: planned }
    rebuilt.disks = await storage.createDisks(rebuilt)
    assert.deepEqual(await storage.createDisks(rebuilt), rebuilt.disks)
    await storage.makeConfigDrive(rebuilt, async () => new Map([['a', Buffer.from('new')]]))
    assert.deepEqual(await content(old.disks[0]!), CONTENT)
    assert.deepEqual(await content(rebuilt.disks[0]!), Buffer.alloc(MB, 'other'))
    assert.ok((await storage.space()).promised > 2.9 * GB)

    const isNew = ({ source }: GuestDisk): boolean => source.path.endsWith(how.generation)
    for (let i = 0; i < 2; i++) await storage.removeDisks(old.id, rebuilt.disks.filter(isNew))
    assert.deepEqual((await readdir(paths.directory(old.id))).sort(), before.sort())
    rebuilt.disks = await storage.createDisks(rebuilt)
    await storage.removeDisks(
      old.id,
      old.disks.filter(({ role }) => role !== 'ephemeral'),
    )
    assert.deepEqual(await content(rebuilt.disks[0]!), Buffer.alloc(MB, 'other'))
    assert.deepEqual(await cache.removeUnused(-1), [paths.baseImage(image.id)])
    assert.ok((await storage.space()).promised < 2.1 * GB)
    await storage.deleteFiles(old.id)
    assert.deepEqual(await storage.guests(), [])
  })
}

test('a rescue image that names its device leaves the other disks in their place', async () => {
  const { storage, images } = await make()
  const image = await images.add(CONTENT, 'raw')
  const rescue = await images.add(CONTENT, 'raw')
  rescue.properties = { hw_rescue_bus: 'scsi', hw_rescue_device: 'cdrom' }
  for (const each of [image, rescue]) await storage.prepareImage(each)
  const guest = { ...withRoot(image, 1), configDrive: true }
  guest.flavor = { ...guest.flavor, swapMb: 1 }
  guest.disks = await storage.createDisks(guest)
  const disks = await storage.createRescueDisks(guest, rescue)
  assert.deepEqual(disks.slice(0, 2), guest.disks.slice(0, 2))
  assert.deepEqual(
    disks.map(({ role, target, source }) => [role, target, basename(source.path)]),
    [
      ['root', 'vda', 'disk'],
      ['swap', 'vdb', 'disk.swap'],
      ['config', 'hda', 'disk.config.rescue'],
      ['rescue', 'sda', 'disk.rescue'],
    ],
  )
  const { device, bus, target, bootOrder, readonly } = disks[3]!
  assert.deepEqual([device, bus, target, bootOrder, readonly], ['cdrom', 'scsi', 'sda', 1, true])
  rescue.properties = { hw_rescue_device: 'tape' }
  await assert.rejects(storage.createRescueDisks(guest, rescue), (error) => isFault(error, 'GuestInvalid'))
})

test("qcow2 disks stand on the image's raw copy, named by the sha1 of its id", async () => {
  const { storage, images, paths } = await make()
  const image = await images.add(CONTENT, 'qcow2')
  await storage.prepareImage(image)
  const [root] = await storage.createDisks(withRoot(image, 1))
  const { stdout } = await run('qemu-img', ['info', '--output=json', '-f', 'qcow2', root!.source.path])
  const info = JSON.parse(stdout)
  assert.equal(info['backing-filename'], paths.baseImage(image.id))
  assert.equal(info['backing-filename-format'], 'raw')
  assert.match(paths.baseImage(image.id), /\/_base\/[0-9a-f]{40}$/)
  assert.deepEqual(await readFile(paths.baseImage(image.id)), CONTENT)
})

test('a raw image whose content is a qcow2 header stays raw all the way', async () => {
  const { storage, images, paths } = await make()
  const header = join(directory, 'header')
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', header, '1M'])
  const trap = await readFile(header)
  const image = await images.add(trap, 'raw')
  await storage.prepareImage(image)
  const base = await readFile(paths.baseImage(image.id))
  assert.deepEqual(base.subarray(0, trap.length), trap)
  const [root] = await storage.createDisks(withRoot(image, 1))
  assert.deepEqual((await content(root!)).subarray(0, trap.length), trap)
})

for (const streams of [false, true]) {
  test(`an image is fetched once for all who ask at once (${streams ? 'streamed' : 'local'})`, async () => {
    const { storage, images, paths } = await make()
    images.streams = streams
    const image = await images.add(CONTENT, 'qcow2')
    const raw = await images.add(CONTENT, 'raw')
    await Promise.all([image, image, raw, image].map((each) => storage.prepareImage(each)))
    await storage.prepareImage(image)
    assert.equal(images.opened, 2)
    for (const each of [image, raw]) assert.deepEqual(await readFile(paths.baseImage(each.id)), CONTENT)
    assert.deepEqual((await readdir(paths.base)).filter(SUBMERGED), [])
  })
}

test('an image that the inspector refuses is not cached', async () => {
  const refuse = async () => {
    throw new Error('it has a backing file')
  }
  const { storage, images, paths } = await make('qcow2', refuse)
  for (const streams of [false, true]) {
    images.streams = streams
    const image = await images.add(CONTENT, 'qcow2')
    await assert.rejects(storage.prepareImage(image), (error: Error) => {
      return isFault(error, 'ImageUnacceptable') && /backing file/.test(error.message)
    })
    await assert.rejects(storage.createDisks(withRoot(image, 1)), (error) => isFault(error, 'ImageNotCached'))
  }
  assert.deepEqual(await readdir(paths.base), [])
})

test('an image of another format than it says fails, and so does an unknown format', async () => {
  const { storage, images } = await make()
  const image = { ...(await images.add(CONTENT, 'raw')), diskFormat: 'vmdk' }
  await assert.rejects(storage.prepareImage(image))
  await assert.rejects(storage.prepareImage({ ...image, diskFormat: 'docker' }), (error) =>
    isFault(error, 'ImageUnacceptable'),
  )
})

test('unused images go after their time, used ones never', async () => {
  const { storage, images, cache, paths, clock } = await make()
  const [used, unused] = [await images.add(CONTENT, 'raw'), await images.add(CONTENT, 'raw')]
  for (const image of [used, unused]) await storage.prepareImage(image)
  const guest = withRoot(used, 1)
  await storage.createDisks(guest)
  await clock.advance(1000)
  assert.deepEqual(await cache.removeUnused(2000), [])
  await clock.advance(1001)
  assert.deepEqual(await cache.removeUnused(2000), [paths.baseImage(unused.id)])
  await storage.deleteFiles(guest.id)
  assert.deepEqual(await cache.removeUnused(2000), [paths.baseImage(used.id)])
})

test('a server keeps the image it stands on now, not the one before', async () => {
  const { images, cache, paths, clock, storage } = await make()
  const [old, current] = [await images.add(CONTENT, 'raw'), await images.add(CONTENT, 'raw')]
  for (const image of [old, current]) await storage.prepareImage(image)
  const reference = join(directory, 'reference')
  for (const image of [old, current, current]) await cache.use(image.id, reference)
  await clock.advance(2001)
  assert.deepEqual(await cache.removeUnused(2000), [paths.baseImage(old.id)])
})

test('what a crash left half-written is removed when the storage opens', async () => {
  const { storage, paths } = await make()
  const guest = makeGuest()
  await mkdir(paths.directory(guest.id))
  const left = [`${paths.baseImage('x')}.download.part`, paths.file(guest.id, 'disk.abc.part')]
  for (const path of left) await writeFile(path, 'half')
  await mkdir(paths.file(guest.id, 'disk.config.part.Ab3'))
  await writeFile(paths.file(guest.id, 'disk'), 'whole')
  await storage.open()
  assert.deepEqual(await readdir(paths.directory(guest.id)), ['disk'])
  assert.deepEqual(await readdir(paths.base), [])
})

test('an id that is no uuid never becomes a path', async () => {
  const { storage } = await make()
  for (const id of ['../..', '', '_base', `${makeGuest().id}/..`]) {
    await assert.rejects(storage.deleteFiles(id), (error) => isFault(error, 'GuestInvalid'))
  }
})
