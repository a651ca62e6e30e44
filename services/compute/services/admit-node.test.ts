// Hosts that come back under another node, and nodes that come back under another name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { onBothStores } from '@kilonova/store/testing'
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { reportHost } from '../conductor/report-host.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { computeOn } from '../testing-store.ts'
import { admitNode } from './admit-node.ts'

const DOWN = 60_001

interface Setting {
  compute: Compute
  clock: VirtualClock
  /** What host h1 first reported. */
  inventory: HostInventory
}

onBothStores('a node that is not the one of the records', (open) => {
  const withHost = async (work: (setting: Setting) => Promise<void>): Promise<void> => {
    const compute = computeOn({ store: await open(placementSchema, computeSchema), placement: createPlacementService })
    const { store, clock } = compute
    const inventory = await inventoryOf('h1')
    try {
      await reportHost(compute, { host: 'h1', inventory })
      await work({ compute, clock, inventory })
    } finally {
      await store.close()
    }
  }
  const refused = (why: RegExp) => (error: unknown) => isFault(error, 'NodeRefused') && why.test(error.message)
  const nodes = ({ compute }: Setting) =>
    tables(compute)
      .selectFrom('compute_nodes')
      .select(['id', 'host'])
      .execute()
      .then((rows) => rows.map(({ id, host }) => [id, host]))

  test('is refused while the host has servers, and its report changes nothing', () =>
    withHost(async (setting) => {
      const { compute, clock, inventory } = setting
      await addServer(compute, { host: 'h1' })
      await clock.advance(DOWN)
      const other = { ...inventory, uuid: systemRandom.uuid() }
      await assert.rejects(admitNode(compute, { host: 'h1', node: other.uuid }), refused(/it has servers\.$/))
      await assert.rejects(reportHost(compute, { host: 'h1', inventory: other }), refused(/it has servers\.$/))
      assert.deepEqual(await nodes(setting), [[inventory.uuid, 'h1']])
      await admitNode(compute, { host: 'h1', node: inventory.uuid })
    }))

  test('takes the place of the former one on a host without servers, without its claims', () =>
    withHost(async (setting) => {
      const { compute, clock, inventory } = setting
      const { placement } = compute
      const gone = await addServer(compute, { host: 'h1', deleted_at: 1 })
      const claim = { consumerId: gone.id, projectId: 'p', userId: 'u' }
      await placement.claim({ ...claim, allocations: { [inventory.uuid]: { VCPU: 2 } } })
      const other = { ...inventory, uuid: systemRandom.uuid() }
      await assert.rejects(admitNode(compute, { host: 'h1', node: other.uuid }), refused(/reports at present\.$/))
      await clock.advance(DOWN)
      await admitNode(compute, { host: 'h1', node: other.uuid })
      await reportHost(compute, { host: 'h1', inventory: other })
      assert.deepEqual(await nodes(setting), [[other.uuid, 'h1']])
      assert.deepEqual([...(await placement.summaries([inventory.uuid, other.uuid])).keys()], [other.uuid])
      assert.deepEqual(await placement.usages(other.uuid), { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 })
      assert.deepEqual(await placement.allocationsOf(gone.id), {})
    }))

  test('is refused while somebody else claims what the former one has', () =>
    withHost(async (setting) => {
      const { compute, clock, inventory } = setting
      const consumerId = systemRandom.uuid()
      const allocations = { [inventory.uuid]: { VCPU: 2 } }
      await compute.placement.claim({ consumerId, projectId: 'p', userId: 'u', allocations })
      await clock.advance(DOWN)
      const node = systemRandom.uuid()
      await assert.rejects(admitNode(compute, { host: 'h1', node }), refused(/are still claimed\.$/))
      assert.deepEqual(await nodes(setting), [[inventory.uuid, 'h1']])
    }))

  test('comes under another name only when its servers are not left behind', () =>
    withHost(async (setting) => {
      const { compute, clock, inventory } = setting
      const server = await addServer(compute, { host: 'h1' })
      await clock.advance(DOWN)
      const renamed = { host: 'h2', inventory: { ...inventory, hypervisorHostname: 'h2' } }
      await assert.rejects(reportHost(compute, renamed), refused(/is host h1, and it has servers\.$/))
      await tables(compute).updateTable('compute_servers').set({ deleted_at: 1 }).where('id', '=', server.id).execute()
      await reportHost(compute, renamed)
      assert.deepEqual(await nodes(setting), [[inventory.uuid, 'h2']])
    }))
})
