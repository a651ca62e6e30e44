import assert from 'node:assert/strict'
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import type { GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { makeGuest, makeImage } from '../testing.ts'
import { GB } from './disk-mapping.ts'
import { ImageCache, type ImageSource } from './image-cache.ts'
import { LocalStorage } from './local-storage.ts'
import { virtualSize } from './qemu-img.ts'

const MB = 1024 ** 2
const CONTENT = Buffer.alloc(MB, 'content of the image ')

let directory: string
let count = 0
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-disks-'))
})
after(() => rm(directory, { recursive: true }))

class Images implements ImageSource {
  opened = 0
  streams = false
  #files = new Map<string, string>()

  async add(content: Buffer, format: string): Promise<GuestImage> {
    const image = makeImage({ diskFormat: format })
    const raw = join(directory, `${image.id}.raw`)
    await writeFile(raw, content)
    const path = join(directory, image.id)
    const qemuFormat = format === 'iso' ? 'raw' : format
    await run('qemu-img', ['convert', '-f', 'raw', '-O', qemuFormat, raw, path])
    this.#files.set(image.id, path)
    return image
  }

  async open(imageId: string): Promise<{ path: string } | { stream: Readable }> {
    this.opened += 1
    const path = this.#files.get(imageId)!
    return this.streams ? { stream: Readable.from([await readFile(path)]) } : { path }
  }
}

async function make(imagesType: 'raw' | 'qcow2' = 'qcow2', inspect: (path: string) => Promise<void> = async () => {}) {
  const paths = new InstancePaths(join(directory, `instances${count++}`))
  const images = new Images()
  const clock = new VirtualClock(Date.UTC(2026, 0, 1))
  const cache = new ImageCache({ paths, source: images, inspect, clock })
  const storage = new LocalStorage({ paths, images: cache, imagesType })
  await storage.open()
  return { paths, images, cache, storage, clock }
}

/** The first megabyte that a guest would read. */
async function content(disk: GuestDisk): Promise<Buffer> {
  const { path } = disk.source
  const raw = disk.format === 'raw' ? path : join(directory, 'out')
  if (raw !== path) await run('qemu-img', ['convert', '-f', disk.format, '-O', 'raw', path, raw])
  const file = await open(raw)
  try {
    return (await file.read(Buffer.alloc(MB), 0, MB, 0)).buffer
  } finally {
    await file.close()
  }
}

const withRoot = (image: GuestImage, rootGb: number): GuestSpec =>
  makeGuest({ image, flavor: { ...makeGuest().flavor, rootGb } })

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
