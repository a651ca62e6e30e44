// Guests that write the header of an image onto their own disk, so that whoever guesses its format reads the host's files.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { imageOptions } from '@kilonova/image/options'
import { imageSchema } from '@kilonova/image/schema'
import type { ImageService } from '@kilonova/image/service'
import { createImageService } from '@kilonova/image/service'
import { memoryStore } from '@kilonova/store/testing'
import { computeAgent } from '../agent.ts'
import { FakeHypervisor } from '../drivers/fake/fake-hypervisor.ts'
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { makeGuest } from '../testing.ts'
import { GB, MB } from './disk-mapping.ts'
import { ImageCache } from './image-cache.ts'
import { LocalStorage } from './local-storage.ts'
import { imageInfo } from './qemu-img.ts'
import { TestImages } from './testing-images.ts'

const CONTENT = Buffer.alloc(MB, 'content of the image ')
const SECRET = Buffer.alloc(MB, 'secret of the host ')
const context = adminContext()

let directory: string
let images: TestImages
/** What a guest writes: a qcow2 of nothing but a backing file, which is a file of the host. */
let trap: Buffer
let count = 0
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-hostile-'))
  images = new TestImages(directory)
  const [secret, header] = [join(directory, 'secret'), join(directory, 'header')]
  await writeFile(secret, SECRET)
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', header])
  trap = await readFile(header)
  const { stdout } = await run('qemu-io', ['-f', 'qcow2', '-r', '-c', 'read -v 0 16', header])
  assert.match(stdout, /secret\.of\.the\.ho/, 'whoever believes the header reads the file')
})
after(() => rm(directory, { recursive: true }))

/** A guest on the backend that has written the trap at the start of its disk. */
async function trapped(imagesType: 'raw' | 'qcow2') {
  const paths = new InstancePaths(join(directory, `instances${count++}`))
  const cache = new ImageCache({ paths, source: images, inspect: async () => undefined })
  const storage = new LocalStorage({ paths, images: cache, imagesType })
  await storage.open()
  const image = await images.add(CONTENT, 'raw')
  await storage.prepareImage(image)
  const guest = makeGuest({ image, flavor: { ...makeGuest().flavor, rootGb: 1 } })
  guest.disks = await storage.createDisks(guest)
  const written = join(directory, 'written')
  await writeFile(written, trap)
  const { source, format } = guest.disks[0]!
  await run('qemu-io', ['-f', format, '-c', `write -s ${written} 0 ${trap.length}`, source.path])
  return { storage, paths, guest, disk: guest.disks[0]! }
}

const startOf = (path: string, format: GuestDisk['format']): Promise<Buffer> =>
  images.read({ source: { kind: 'file', path }, format }, trap.length)

describe('a guest that writes the header of a qcow2 with a backing file onto its disk', () => {
  for (const imagesType of ['raw', 'qcow2'] as const) {
    it(`finds its own bytes in each copy of the disk (${imagesType})`, async () => {
      const { storage, guest, disk } = await trapped(imagesType)
      for (const format of ['raw', 'qcow2'] as const) {
        const copy = await storage.extract(guest, disk, { id: systemRandom.uuid(), format })
        assert.deepEqual(await imageInfo(copy.path, format), { virtualSize: GB, backingFile: null })
        const written = Buffer.concat([trap, CONTENT.subarray(trap.length)])
        assert.deepEqual(await images.read({ source: { kind: 'file', path: copy.path }, format }, MB), written)
      }
    })

    it(`has a disk that grows, and is copied live and rescued, as what it was made (${imagesType})`, async () => {
      const { storage, guest, disk } = await trapped(imagesType)
      const larger = { ...guest, flavor: { ...guest.flavor, rootGb: 2 } }
      const planned = await storage.planMove(larger, 'a')
      await storage.copyDisks(larger, planned)
      const [grown] = planned
      const facts = await storage.facts(grown!)
      assert.deepEqual([facts.format, facts.virtualSize], [imagesType, 2 * GB])
      assert.notEqual(facts.backingFile, join(directory, 'secret'))
      for (const { source } of [disk, grown!]) assert.deepEqual(await startOf(source.path, imagesType), trap)
      const delta = await storage.createDelta(grown!, systemRandom.uuid())
      assert.equal((await imageInfo(delta.path, 'qcow2')).backingFile, facts.backingFile)
      const [, root] = await storage.createRescueDisks({ ...guest, disks: [grown!] }, guest.image!)
      assert.deepEqual([root?.role, root?.format, root?.source], ['root', imagesType, grown!.source])
    })
  }
})

describe('a snapshot of such a guest', () => {
  let image: ImageService
  let close: () => Promise<void>
  before(async () => {
    const store = await memoryStore(imageSchema)
    const { image: options } = readConfig({ image: imageOptions }, '')
    const folder = join(directory, 'images')
    image = createImageService({ store, directory: folder, options: { ...options, reserved_space_mb: 0 } })
    await image.start()
    close = async () => {
      await image.stop()
      await store.close()
    }
  })
  after(() => close?.())

  function agentOf(storage: LocalStorage) {
    return computeAgent({
      ...{ hypervisor: new FakeHypervisor({ name: 'fake-1' }), storage, nodeUuid: systemRandom.uuid(), dhcpDomain: '' },
      vifs: { plug: async () => undefined, unplug: async () => undefined },
      vendorData: async () => ({ static: {}, dynamic: {} }),
      snapshots: { image: image.client, most: 5, alwaysHolds: false },
    })
  }

  /** Of a guest that is off, to an image of that format. */
  async function snapshotOf(storage: LocalStorage, guest: GuestSpec, format: 'raw' | 'qcow2') {
    const agent = agentOf(storage)
    const about = { name: 'snapshot', disk_format: format, container_format: 'bare' } as const
    const { id: imageId } = await image.client.create(context, about)
    const snapshot = { guest, imageId }
    const upload = async (): Promise<void> => {
      while (!(await agent.uploadSnapshot!(snapshot)).done);
    }
    return { imageId, upload, remove: () => agent.removeSnapshot!(snapshot) }
  }

  it('holds its own bytes', async () => {
    const { storage, guest } = await trapped('qcow2')
    const { imageId, upload, remove } = await snapshotOf(storage, guest, 'qcow2')
    await upload()
    assert.equal((await image.client.show(context, imageId)).status, 'active')
    const path = await image.client.path!(context, imageId)
    assert.deepEqual(await imageInfo(path, 'qcow2'), { virtualSize: GB, backingFile: null })
    assert.deepEqual(await startOf(path, 'qcow2'), trap)
    await remove()
    assert.deepEqual(await storage.work(), [])
  })

  it('as raw is refused like any upload of the kind, and leaves nothing', async () => {
    const { storage, guest, disk } = await trapped('raw')
    const { imageId, upload, remove } = await snapshotOf(storage, guest, 'raw')
    await assert.rejects(upload(), (error: Error) => {
      return isFault(error, 'DiskLooksLikeImage') && /disk_format is raw, but the content is qcow2/.test(error.message)
    })
    assert.equal((await image.client.show(context, imageId)).status, 'queued')
    await remove()
    assert.deepEqual(await storage.work(), [])
    assert.deepEqual(await startOf(disk.source.path, 'raw'), trap)
  })
})
