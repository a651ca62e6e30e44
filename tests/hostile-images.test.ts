// Images that somebody made to harm, put into the store behind our back: the compute hosts look for themselves.
// That uploads refuse the same images is tried in the image service.
import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { hostileImages } from '@kilonova/image/testing-hostile'
import { ServerWorld } from './server-world.ts'

const hostile = await hostileImages()
const HOST = { name: 'fake-1', vcpus: 64, memoryMb: 65_536, localDisks: true }

describe('a host refuses what was put into the store:', () => {
  let world: ServerWorld
  before(async () => {
    world = await ServerWorld.open({ hosts: [HOST, { ...HOST, name: 'fake-2' }] })
    await world.startTasks()
  })
  after(() => world?.close())

  /** An image that is active and honest, whose file becomes the other's. */
  async function planted(diskFormat: string, content: Buffer): Promise<string> {
    const { image } = world.compute
    const about = { name: 'planted', disk_format: diskFormat, container_format: 'bare' } as const
    const { id } = await image.create(world.context(), about)
    await image.upload(world.context(), id, Readable.from([]))
    await writeFile(await image.path!(world.context(), id), content)
    return id
  }

  for (const { title, declared, content, why } of hostile) {
    it(title, async () => {
      const imageRef = await planted(declared, content)
      const id = await world.build({ imageRef })
      const { vm_state: state, host } = await world.row(id)
      assert.deepEqual([state, host], ['error', null])
      const { message } = await world.fault(id)
      assert.match(message, new RegExp(`Image ${imageRef} is unacceptable: `))
      assert.match(message, why)
      await world.run(world.commands.delete(id))
      await world.run(world.settled(id))
      await world.run(world.told())
      await world.assertEmpty()
      for (const { paths } of world.hosts) assert.deepEqual(await readdir(paths.root, { recursive: true }), ['_base'])
    })
  }
})
