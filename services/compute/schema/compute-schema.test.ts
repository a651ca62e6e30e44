import assert from 'node:assert/strict'
import { it } from 'node:test'
import { syncSchema } from '@kilonova/store/schema'
import { onBothStores } from '@kilonova/store/testing'
import { nextNumber } from '../compute.ts'
import { computeSchema } from './compute-schema.ts'

onBothStores("compute's schema", (open) => {
  it('is made once', async () => {
    const store = await open(computeSchema)
    assert.deepEqual(await syncSchema(store, [computeSchema]), [])
  })

  it('numbers a series without gaps or doubles', async () => {
    const store = await open(computeSchema)
    const numbers = await Promise.all(
      Array.from({ length: 20 }, () => store.transaction(() => nextNumber({ store }, 'server'))),
    )
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})
