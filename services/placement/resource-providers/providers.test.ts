import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import { placementSchema } from '../schema/placement-schema.ts'
import { claimOf, hostOn } from '../testing.ts'
import { providerOf } from './store.ts'

onBothStores('resource providers', (open) => {
  it('are made once and renamed', async () => {
    const { client, placement } = await hostOn(await open(placementSchema))
    const id = systemRandom.uuid()
    await Promise.all(Array.from({ length: 5 }, () => client.ensureProvider({ id, name: 'one' })))
    await client.ensureProvider({ id, name: 'two' })
    const { name, root_id, parent_id } = await providerOf(placement, id)
    assert.deepEqual({ name, root_id, parent_id }, { name: 'two', root_id: id, parent_id: null })
    const other = { id: systemRandom.uuid(), name: 'two' }
    await assert.rejects(client.ensureProvider(other), { code: 'ResourceProviderExists' })
  })

  it('move with all below them, never below themselves', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const [top, middle, leaf] = [systemRandom.uuid(), systemRandom.uuid(), systemRandom.uuid()]
    await client.ensureProvider({ id: top, name: 'top' })
    await client.ensureProvider({ id: middle, name: 'middle', parentId: top })
    await client.ensureProvider({ id: leaf, name: 'leaf', parentId: middle })
    await client.ensureProvider({ id: middle, name: 'middle', parentId: provider })
    for (const id of [middle, leaf]) assert.equal((await providerOf(placement, id)).root_id, provider)
    await assert.rejects(client.ensureProvider({ id: middle, name: 'middle', parentId: leaf }), { code: 'ParentLoop' })
    await assert.rejects(client.deleteProvider(middle), { code: 'CannotDeleteParent' })
    const orphan = { id: systemRandom.uuid(), name: 'orphan', parentId: systemRandom.uuid() }
    await assert.rejects(client.ensureProvider(orphan), { code: 'ParentNotFound' })
  })

  it('go when nobody uses them', async () => {
    const { client, provider } = await hostOn(await open(placementSchema))
    const claim = claimOf(provider, { VCPU: 1 })
    await client.claim(claim)
    await client.setTraits(provider, ['HW_CPU_X86_AVX', 'CUSTOM_GOLD'])
    await client.setAggregates(provider, [systemRandom.uuid()])
    await assert.rejects(client.deleteProvider(provider), { code: 'ResourceProviderInUse' })
    await client.release(claim.consumerId)
    await client.deleteProvider(provider)
    await client.deleteProvider(provider)
    await assert.rejects(client.usages(provider), { code: 'ResourceProviderNotFound' })
  })

  it('count changes of what they have, and only changes', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const generation = async (): Promise<number> => (await providerOf(placement, provider)).generation
    const before = await generation()
    const aggregate = systemRandom.uuid()
    for (let time = 0; time < 2; time++) {
      await client.setInventories(provider, { VCPU: { total: 4 }, DISK_GB: { total: 0 }, CUSTOM_LICENSE: { total: 3 } })
      await client.setTraits(provider, ['CUSTOM_GOLD', 'COMPUTE_NODE'])
      await client.setAggregates(provider, [aggregate])
    }
    assert.equal(await generation(), before + 3)
    const summary = (await client.summaries([provider, systemRandom.uuid()])).get(provider)
    assert.deepEqual(summary, {
      resources: { VCPU: { capacity: 4, used: 0 }, CUSTOM_LICENSE: { capacity: 3, used: 0 } },
      traits: ['COMPUTE_NODE', 'CUSTOM_GOLD'],
      parentId: null,
      rootId: provider,
    })
  })

  it('refuse unknown standard names and the removal of what is used', async () => {
    const { client, provider } = await hostOn(await open(placementSchema))
    await assert.rejects(client.setTraits(provider, ['HW_NO_SUCH_TRAIT']), { code: 'TraitsUnknown' })
    await assert.rejects(client.setInventories(provider, { NO_SUCH: { total: 1 } }), { code: 'ResourceClassUnknown' })
    await client.claim(claimOf(provider, { VCPU: 1 }))
    await assert.rejects(client.setInventories(provider, { DISK_GB: { total: 9 } }), { code: 'InventoryInUse' })
    assert.deepEqual(await client.usages(provider), { DISK_GB: 0, MEMORY_MB: 0, VCPU: 1 })
  })
})
