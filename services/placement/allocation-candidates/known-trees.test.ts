import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pick, seededRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import type { CandidatesRequest, PlacementClient, TreeWatch } from '../client.ts'
import { placementSchema } from '../schema/placement-schema.ts'
import { createPlacementService } from '../service.ts'

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const ask = (VCPU: number, parts: object = {}): CandidatesRequest => ({
  groups: [{ suffix: '', resources: { VCPU }, ...parts }],
})
const NESTED: CandidatesRequest = {
  groups: [
    { suffix: '', resources: { VCPU: 1 } },
    { suffix: '1', resources: { CUSTOM_NIC: 1 }, required: ['CUSTOM_FAST'] },
  ],
}
const REQUESTS = [ask(1), ask(3), ask(1, { required: ['CUSTOM_FAST'] }), ask(1, { forbidden: ['CUSTOM_OLD'] }), NESTED]

/** What a search that reads everything finds, by root. */
async function assertTrue(placement: PlacementClient, trees: TreeWatch, request: CandidatesRequest): Promise<void> {
  await trees.refresh(request)
  const all = Map.groupBy(await placement.candidates(request), ({ rootProviderId }) => rootProviderId)
  for (let n = 0; n < 10; n++) {
    assert.deepEqual(trees.candidates(request, id(n)), all.get(id(n)) ?? [], `tree ${n}`)
  }
}

onBothStores('known trees', (open) => {
  const world = async () => {
    const { client: placement } = createPlacementService({ store: await open(placementSchema) })
    await placement.ensureProvider({ id: id(99), name: 'all names' })
    await placement.setTraits(id(99), ['CUSTOM_FAST', 'CUSTOM_OLD'])
    await placement.setInventories(id(99), { CUSTOM_NIC: { total: 1 } })
    return { placement, trees: placement.watchTrees() }
  }

  it('are as the store says after every change', async () => {
    const { placement, trees } = await world()
    const random = seededRandom(7)
    const any = <T>(...values: T[]): T => pick(random, values)
    const changes: ((n: string) => Promise<void>)[] = [
      (n) => placement.setInventories(n, { VCPU: { total: any(2, 4) }, CUSTOM_NIC: { total: any(0, 1) } }),
      (n) => placement.setTraits(n, any<string[]>([], ['CUSTOM_FAST'], ['CUSTOM_FAST', 'CUSTOM_OLD'])),
      (n) => placement.setAggregates(n, any<string[]>([], [id(50)])),
      (n) => placement.release(n),
      (n) => placement.claim({ consumerId: n, projectId: 'p', userId: 'u', allocations: { [n]: { VCPU: any(1, 2) } } }),
      (n) => placement.deleteProvider(n),
    ]
    for (let turn = 0; turn < 60; turn++) {
      const n = any(0, 1, 2, 3, 4)
      const isChild = n >= 3
      await placement.ensureProvider({ id: id(n), name: `p${n}`, ...(isChild ? { parentId: id(99) } : {}) })
      // A change that is refused, as of what is in use, is none.
      await any(...changes)(id(n)).catch(() => undefined)
      await assertTrue(placement, trees, any(...REQUESTS))
    }
  })

  it('tell which of them have changed, once', async () => {
    const { placement, trees } = await world()
    for (const n of [0, 1]) {
      await placement.ensureProvider({ id: id(n), name: `p${n}` })
      await placement.setInventories(id(n), { VCPU: { total: 4 } })
    }
    await placement.ensureProvider({ id: id(2), name: 'p2', parentId: id(1) })
    assert.equal(await trees.refresh(ask(1)), 'all')
    assert.deepEqual(await trees.refresh(ask(1)), new Set())
    await placement.setInventories(id(2), { CUSTOM_NIC: { total: 1 } })
    assert.deepEqual(await trees.refresh(ask(1)), new Set([id(1)]))
    await placement.claim({ consumerId: id(7), projectId: 'p', userId: 'u', allocations: { [id(0)]: { VCPU: 4 } } })
    assert.deepEqual(await trees.refresh(ask(1)), new Set([id(0)]))
    assert.deepEqual(trees.candidates(ask(1), id(0)), [])
    assert.equal(trees.candidates(ask(1), id(1)).length, 1)
  })

  it('may all have changed when a provider that shares has', async () => {
    const { placement, trees } = await world()
    await placement.ensureProvider({ id: id(0), name: 'host' })
    await placement.setInventories(id(0), { VCPU: { total: 4 } })
    await placement.ensureProvider({ id: id(1), name: 'storage' })
    await placement.setTraits(id(1), ['MISC_SHARES_VIA_AGGREGATE'])
    for (const n of [0, 1]) await placement.setAggregates(id(n), [id(50)])
    const request: CandidatesRequest = { groups: [{ suffix: '', resources: { VCPU: 1, DISK_GB: 10 } }] }
    await trees.refresh(request)
    assert.deepEqual(trees.candidates(request, id(0)), [])
    await placement.setInventories(id(1), { DISK_GB: { total: 100 } })
    assert.equal(await trees.refresh(request), 'all')
    const [candidate] = trees.candidates(request, id(0))
    assert.deepEqual(candidate?.allocations, { [id(0)]: { VCPU: 1 }, [id(1)]: { DISK_GB: 10 } })
  })
})
