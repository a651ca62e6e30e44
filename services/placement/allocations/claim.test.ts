import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import { tables } from '../placement.ts'
import { placementSchema } from '../schema/placement-schema.ts'
import { claimOf, hostOn, miscounted } from '../testing.ts'

onBothStores('claims', (open) => {
  it('let exactly those through that fit, of a hundred at once', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claims = Array.from({ length: 100 }, () => claimOf(provider, { VCPU: 3, MEMORY_MB: 64 }))
    const ends = await Promise.allSettled(claims.map((claim) => client.claim(claim)))
    const refused = ends.filter((end) => end.status === 'rejected')
    assert.equal(ends.length - refused.length, 5)
    for (const { reason } of refused) {
      assert.ok(isFault(reason, 'NoCapacity'), String(reason))
      assert.deepEqual(reason.details, { provider, class: 'VCPU', asked: 3, free: 1 })
    }
    assert.deepEqual(await client.usages(provider), { DISK_GB: 0, MEMORY_MB: 320, VCPU: 15 })
    assert.equal((await client.allAllocations()).size, 5)
    assert.deepEqual(await miscounted(placement), [])
  })

  it('of one consumer may be repeated, also at once', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claim = claimOf(provider, { VCPU: 8, DISK_GB: 60 })
    await Promise.all(Array.from({ length: 10 }, () => client.claim(claim)))
    assert.deepEqual(await client.allocationsOf(claim.consumerId), { [provider]: { DISK_GB: 60, VCPU: 8 } })
    assert.deepEqual(await miscounted(placement), [])
  })

  it('change nothing when one part does not fit, also inside a larger transaction', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claim = claimOf(provider, { DISK_GB: 10, MEMORY_MB: 4000 })
    await placement.store.transaction(async () => {
      await assert.rejects(client.claim(claim), { code: 'NoCapacity' })
    })
    assert.deepEqual(await client.usages(provider), { DISK_GB: 0, MEMORY_MB: 0, VCPU: 0 })
    assert.deepEqual(await client.allocationsOf(claim.consumerId), {})
    const consumers = await tables(placement).selectFrom('placement_consumers').selectAll().execute()
    assert.deepEqual(consumers, [])
  })

  it('replace what the consumer had, which counts as free for it', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claim = claimOf(provider, { DISK_GB: 80, VCPU: 1 })
    await client.claim(claim)
    await client.claim({ ...claim, allocations: { [provider]: { DISK_GB: 90 } } })
    assert.deepEqual(await client.allocationsOf(claim.consumerId), { [provider]: { DISK_GB: 90 } })
    assert.deepEqual(await client.usages(provider), { DISK_GB: 90, MEMORY_MB: 0, VCPU: 0 })
    assert.deepEqual(await miscounted(placement), [])
  })

  it('may shrink on a provider that has less than is used', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claim = claimOf(provider, { DISK_GB: 80 })
    await client.claim(claim)
    await client.setInventories(provider, { DISK_GB: { total: 50 } })
    await client.claim(claim)
    await client.claim({ ...claim, allocations: { [provider]: { DISK_GB: 70 } } })
    await assert.rejects(client.claim({ ...claim, allocations: { [provider]: { DISK_GB: 71 } } }), {
      code: 'NoCapacity',
    })
    assert.deepEqual(await client.usages(provider), { DISK_GB: 70 })
    assert.deepEqual(await miscounted(placement), [])
  })

  it('keep to the units of the inventory', async () => {
    const { client, provider } = await hostOn(await open(placementSchema))
    await client.setInventories(provider, { DISK_GB: { total: 100, minUnit: 10, maxUnit: 50, stepSize: 5 } })
    for (const amount of [5, 12, 55]) {
      await assert.rejects(client.claim(claimOf(provider, { DISK_GB: amount })), { code: 'AmountRefused' })
    }
    await client.claim(claimOf(provider, { DISK_GB: 15 }))
  })

  it('are refused for unknown providers and for classes without inventory', async () => {
    const { client, provider } = await hostOn(await open(placementSchema))
    await assert.rejects(client.claim(claimOf(systemRandom.uuid(), { VCPU: 1 })), { code: 'AllocationProviderUnknown' })
    await assert.rejects(client.claim(claimOf(provider, { VGPU: 1 })), { code: 'NoInventory' })
  })

  it('end by release, any number of times, racing with others', async () => {
    const { client, placement, provider } = await hostOn(await open(placementSchema))
    const claims = Array.from({ length: 8 }, () => claimOf(provider, { VCPU: 2 }))
    await Promise.all(claims.map((claim) => client.claim(claim)))
    const late = claimOf(provider, { VCPU: 2 })
    await assert.rejects(client.claim(late), { code: 'NoCapacity' })
    await Promise.all([...claims, ...claims].map(({ consumerId }) => client.release(consumerId)))
    await client.claim(late)
    assert.deepEqual([...(await client.allAllocations()).keys()], [late.consumerId])
    assert.deepEqual(await miscounted(placement), [])
  })

  it('over two providers in opposite orders do not wait for each other', async () => {
    const store = await open(placementSchema)
    const [one, two] = [await hostOn(store), await hostOn(store)]
    const claims = Array.from({ length: 20 }, (_, index) => {
      const parts = [one.provider, two.provider].map((id): [string, object] => [id, { DISK_GB: 1 }])
      const allocations = Object.fromEntries(index % 2 ? parts : parts.toReversed()) as Record<string, { DISK_GB: 1 }>
      return { ...claimOf(one.provider, {}), allocations }
    })
    await Promise.all(claims.map((claim) => one.client.claim(claim)))
    assert.deepEqual(await one.client.usages(two.provider), { DISK_GB: 20, MEMORY_MB: 0, VCPU: 0 })
    assert.deepEqual(await miscounted(one.placement), [])
  })
})
