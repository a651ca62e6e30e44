import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { makeContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { insertBlockDevices } from '../servers/block-device-store.ts'
import { askedBlockDevices } from '../servers/block-devices.ts'
import { recordAction } from '../servers/instance-action.ts'
import { addServer } from '../testing-rows.ts'
import { hostOverviews, serverCounts } from './overview.ts'
import { purgeCompute } from './purge.ts'

const computeOn = (store: Store): Compute =>
  ({ store, clock: systemClock, random: systemRandom, options: { service_down_time: 60 } }) as unknown as Compute

const HOUR = 3_600_000
const DISKS = { name: 'one', flavorRef: '1', block_device_mapping: [{ virtual_name: 'swap' }] }

onBothStores('what compute keeps for the record', (open) => {
  it('goes with servers deleted long ago; younger and living ones keep theirs', async () => {
    const compute = computeOn(await open(computeSchema))
    const now = systemClock.now()
    const gone = await addServer(compute, { deleted_at: now - 2 * HOUR })
    const young = await addServer(compute, { deleted_at: now })
    const living = await addServer(compute, {})
    for (const { id } of [gone, young, living]) {
      await recordAction(compute, makeContext(), id, 'create', 'compute_create')
      await tables(compute).insertInto('compute_request_specs').values({ server_id: id, spec_json: '{}' }).execute()
      await insertBlockDevices(compute, id, askedBlockDevices(DISKS))
    }
    assert.deepEqual(await purgeCompute(compute, now - HOUR), { servers: 1, actions: 0 })
    assert.deepEqual(await idsIn(compute, 'compute_servers', 'id'), [young.id, living.id].toSorted())
    for (const table of [
      'compute_instance_actions',
      'compute_request_specs',
      'compute_block_device_mapping',
    ] as const) {
      assert.deepEqual(await idsIn(compute, table, 'server_id'), [young.id, living.id].toSorted())
    }
    assert.equal((await tables(compute).selectFrom('compute_instance_action_events').selectAll().execute()).length, 2)
    assert.deepEqual(await purgeCompute(compute, now - HOUR), { servers: 0, actions: 0 })
  })

  it('goes with actions that ended long ago, not with those under way, in any number', async () => {
    const compute = computeOn(await open(computeSchema))
    const { id } = await addServer(compute, {})
    await compute.store.transaction(async () => {
      for (let i = 0; i < 1003; i++) await recordAction(compute, makeContext(), id, 'lock', 'lock_server')
    })
    await tables(compute).updateTable('compute_instance_actions').set({ finish_at: 1000 }).execute()
    const [first] = await tables(compute).selectFrom('compute_instance_actions').select('id').limit(1).execute()
    const running = tables(compute).updateTable('compute_instance_actions').set({ finish_at: null })
    await running.where('id', '=', first!.id).execute()
    assert.deepEqual(await purgeCompute(compute, 2000), { servers: 0, actions: 1002 })
    assert.equal((await tables(compute).selectFrom('compute_instance_actions').selectAll().execute()).length, 1)
  })
})

onBothStores('the overview', (open) => {
  it('counts servers by status, and those of each host', async () => {
    const compute = computeOn(await open(computeSchema))
    const now = systemClock.now()
    for (const [host, seen, disabled] of [
      ['h1', now, 0],
      ['h2', now - HOUR, 1],
    ] as const) {
      const service = { id: host, number: 1, host, binary: 'nova-compute', disabled, disabled_reason: null }
      const times = { forced_down: 0 as const, last_seen_at: seen, created_at: seen }
      await tables(compute)
        .insertInto('compute_services')
        .values({ ...service, ...times })
        .execute()
    }
    await addServer(compute, { host: 'h1' })
    await addServer(compute, { host: 'h1', vm_state: 'building', task_state: 'spawning' })
    await addServer(compute, { host: 'h1', vm_state: 'building', task_state: 'networking' })
    await addServer(compute, { host: 'h1', deleted_at: now })
    assert.deepEqual(await serverCounts(compute), { ACTIVE: 1, BUILD: 2 })
    assert.deepEqual(await hostOverviews(compute), [
      { host: 'h1', state: 'up', status: 'enabled', servers: 3 },
      { host: 'h2', state: 'down', status: 'disabled', servers: 0 },
    ])
  })
})

async function idsIn(
  compute: Compute,
  table: 'compute_servers' | 'compute_instance_actions' | 'compute_request_specs' | 'compute_block_device_mapping',
  column: string,
) {
  const rows = (await tables(compute).selectFrom(table).selectAll().execute()) as unknown as Record<string, string>[]
  return rows.map((row) => row[column]!).toSorted()
}
