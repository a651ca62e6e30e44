// Disks of a guest that moves, with real files and qemu-img: from one host's folders to another's.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { makeGuest } from '../testing.ts'
import { GB } from './disk-mapping.ts'
import { ImageCache } from './image-cache.ts'
import { LocalStorage } from './local-storage.ts'
import { TestImages } from './testing-images.ts'

const MB = 1024 ** 2
const CONTENT = Buffer.alloc(MB, 'content of the image ')
const WRITTEN = Buffer.alloc(65_536, 0xab)

let directory: string
let images: TestImages
let count = 0
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-moves-'))
  images = new TestImages(directory)
})
after(() => rm(directory, { recursive: true, force: true }))

/** A host that may ask for images no more than `source` lets it. */
async function host(imagesType: string, source: Pick<TestImages, 'open'> = images) {
  const paths = new InstancePaths(join(directory, `host${count++}`))
  const cache = new ImageCache({ paths, source, inspect: async () => undefined })
  const storage = new LocalStorage({ paths, images: cache, imagesType })
  await storage.open()
  return { paths, storage }
}

const gone = { open: () => Promise.reject(new Error('the image was deleted')) }

/** As its guest does. */
async function write({ source, format }: GuestDisk): Promise<void> {
  await run('qemu-io', ['-f', format, '-c', `write -P 0xab 0 ${WRITTEN.length}`, source.path])
}

const EXPECTED = Buffer.concat([WRITTEN, CONTENT.subarray(WRITTEN.length)])

async function withGuest(storage: LocalStorage): Promise<GuestSpec> {
  const image = await images.add(CONTENT, 'raw')
  await storage.prepareImage(image)
  const guest = makeGuest({ image, configDrive: true })
  guest.flavor = { ...guest.flavor, rootGb: 1, swapMb: 8 }
  guest.disks = await storage.createDisks(guest)
  await storage.makeConfigDrive(guest, async () => new Map([['openstack/latest/meta_data.json', Buffer.from('{}')]]))
  await write(guest.disks[0]!)
  return guest
}

for (const imagesType of ['raw', 'qcow2']) {
  describe(`a guest with ${imagesType} disks`, () => {
    const larger = (guest: GuestSpec) => ({
      ...guest,
      flavor: { ...guest.flavor, rootGb: 2, ephemeralGb: 1, swapMb: 16 },
    })

    it('takes what it wrote to a host that makes others and cannot ask for its image', async () => {
      const source = await host(imagesType)
      const target = await host(imagesType === 'raw' ? 'qcow2' : 'raw', gone)
      const guest = await withGuest(source.storage)
      const planned = await target.storage.planMove(larger(guest), null)
      const offer = await source.storage.offerDisks(guest)
      for (let i = 0; i < 2; i++) await target.storage.takeDisks(larger(guest), planned, offer)
      await source.storage.withdrawDisks(guest.id)
      assert.deepEqual(
        planned.map(({ role, backend, size }) => [role, backend, size]),
        [
          ['root', imagesType, 2 * GB],
          ['ephemeral', imagesType === 'raw' ? 'qcow2' : 'raw', GB],
          ['swap', imagesType, 16 * MB],
          ['config', 'raw', 0],
        ],
      )
      assert.ok(planned.every(({ source: { path } }) => path.startsWith(target.paths.directory(guest.id))))
      const [root, , , config] = planned
      assert.deepEqual(await images.read(root!, MB), EXPECTED)
      for (const disk of planned.slice(0, 3)) assert.equal((await target.storage.facts(disk)).virtualSize, disk.size)
      assert.equal((await stat(config!.source.path)).size, (await stat(guest.disks.at(-1)!.source.path)).size)
      // Nothing on the target needs the source.
      await source.storage.deleteFiles(guest.id)
      await rm(source.paths.root, { recursive: true })
      assert.deepEqual(await images.read(root!, MB), EXPECTED)
      await target.storage.deleteFiles(guest.id)
      assert.deepEqual(await target.storage.guests(), [])
    })

    it('has copies of them beside, which go or stay without the others', async () => {
      const { storage, paths } = await host(imagesType)
      const guest = await withGuest(storage)
      const planned = await storage.planMove(larger(guest), 'a1b2c3d4')
      for (let i = 0; i < 2; i++) await storage.copyDisks(larger(guest), planned)
      await run('qemu-io', ['-f', planned[0]!.format, '-c', `write -P 0xcd 0 ${MB}`, planned[0]!.source.path])
      assert.deepEqual(await images.read(guest.disks[0]!, MB), EXPECTED)
      const others = (disks: readonly GuestDisk[], than: readonly GuestDisk[]) =>
        disks.filter(({ source }) => !than.some((other) => other.source.path === source.path))
      await storage.removeDisks(guest.id, others(guest.disks, planned))
      assert.deepEqual(await images.read(planned[0]!, MB), Buffer.alloc(MB, 0xcd))
      const files = await readdir(paths.directory(guest.id))
      assert.ok(
        files.includes('disk.config') && files.includes('disk.a1b2c3d4') && !files.includes('disk'),
        files.join(),
      )
      assert.ok(!files.some((file) => file.includes('.part')), files.join())
      await storage.deleteFiles(guest.id)
    })

    it('loses nothing when the door closes in the midst', async () => {
      const [source, target] = [await host(imagesType), await host(imagesType, gone)]
      const guest = await withGuest(source.storage)
      const planned = await target.storage.planMove(larger(guest), null)
      const closed = await source.storage.offerDisks(guest)
      await source.storage.withdrawDisks(guest.id)
      await assert.rejects(target.storage.takeDisks(larger(guest), planned, closed))
      assert.deepEqual(
        (await readdir(target.paths.directory(guest.id))).filter((file) => /disk$/.test(file)),
        [],
      )
      await target.storage.takeDisks(larger(guest), planned, await source.storage.offerDisks(guest))
      await source.storage.withdrawDisks(guest.id)
      assert.deepEqual(await images.read(planned[0]!, MB), EXPECTED)
    })

    it('does not come to a host that lacks what its disks are', async () => {
      const { storage } = await host(imagesType)
      const guest = await withGuest(storage)
      const foreign = guest.disks.map((disk) => ({ ...disk, backend: 'lvm' }))
      await assert.rejects(storage.planMove({ ...guest, disks: foreign }, null), (error) =>
        isFault(error, 'GuestInvalid'),
      )
    })
  })
}
