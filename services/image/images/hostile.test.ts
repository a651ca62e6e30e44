// Uploads of images that somebody made to harm.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { memoryStore } from '@kilonova/store/testing'
import { hostileImages } from '../inspector/testing-hostile.ts'
import { imageSchema } from '../schema/steps.ts'
import type { TestService } from '../testing.ts'
import { startService } from '../testing.ts'

const hostile = await hostileImages()

describe('an upload is refused and leaves nothing:', () => {
  let service: TestService
  before(async () => {
    service = await startService({ store: await memoryStore(imageSchema) })
  })
  after(() => service.close())

  for (const { title, declared, content, why } of hostile) {
    it(title, async () => {
      const id = await service.create({ disk_format: declared })
      const { status, body } = await service.upload(id, content)
      assert.equal(status, 415)
      assert.match(body.message, why)
      const { body: image } = await service.ask('GET', `/v2/images/${id}`)
      assert.deepEqual([image.status, image.size, image.checksum, image.virtual_size], ['queued', null, null, null])
      assert.deepEqual(await readdir(service.directory), [])
    })
  }
})
