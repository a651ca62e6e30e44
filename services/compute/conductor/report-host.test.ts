// What becomes of a host's report: its node's row, and what placement is told.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { onBothStores } from '@kilonova/store/testing'
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { statsByHost } from '../hypervisors/stats.ts'
import { leftGuests } from '../migrations/left-guests.ts'
import { sideOf } from '../migrations/side.ts'
import { insertMigration, updateMigration } from '../migrations/store.ts'
import { computeOptions } from '../options.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { computeOn } from '../testing-store.ts'
import { cpuTraits } from './cpu-traits.ts'
import { reportHost } from './report-host.ts'

interface Setting {
  compute: Compute
  clock: VirtualClock
  inventory: HostInventory
  /** The host reports what it has, with these changes. */
  report(changes?: Partial<HostInventory>, toml?: string): Promise<void>
}

onBothStores('a host’s report', (open) => {
  const withHost = async (work: (setting: Setting) => Promise<void>): Promise<void> => {
    const compute = computeOn({ store: await open(placementSchema, computeSchema), placement: createPlacementService })
    const { store, clock } = compute
    const inventory = await inventoryOf('h1')
    const report = async (changes: Partial<HostInventory> = {}, toml = ''): Promise<void> => {
      const configured = { ...compute, options: readConfig(computeOptions, `[compute]\n${toml}`).compute }
      await reportHost(configured, { host: 'h1', inventory: { ...inventory, ...changes } })
    }
    try {
      await work({ compute, clock, inventory, report })
    } finally {
      await store.close()
    }
  }
  const node = ({ compute, inventory }: Setting) =>
    tables(compute).selectFrom('compute_nodes').selectAll().where('id', '=', inventory.uuid).executeTakeFirstOrThrow()
  const traitsOf = async ({ compute, inventory }: Setting): Promise<string[]> =>
    (await compute.placement.summaries([inventory.uuid])).get(inventory.uuid)!.traits

  test('makes inventories with every field, and none of what there is nothing', () =>
    withHost(async ({ compute, inventory, report }) => {
      await report({ localGb: 0 }, 'reserved_host_cpus = 1')
      const unit = { minUnit: 1, stepSize: 1 }
      assert.deepEqual(await compute.placement.inventoriesOf(inventory.uuid), {
        VCPU: { ...unit, total: 8, reserved: 1, maxUnit: 8, allocationRatio: 4 },
        MEMORY_MB: { ...unit, total: 8192, reserved: 512, maxUnit: 8192, allocationRatio: 1 },
      })
    }))

  test('leaves ratios as operators set them in placement, unless they are configured', () =>
    withHost(async (setting) => {
      const { compute, inventory, report } = setting
      const { placement } = compute
      const ratio = async () => (await placement.inventoriesOf(inventory.uuid))['VCPU']!.allocationRatio
      await report({}, 'initial_cpu_allocation_ratio = 8.0')
      assert.equal(await ratio(), 8)
      const known = await placement.inventoriesOf(inventory.uuid)
      await placement.setInventories(inventory.uuid, { ...known, VCPU: { ...known['VCPU']!, allocationRatio: 2.5 } })
      await report()
      assert.equal(await ratio(), 2.5)
      assert.equal(JSON.parse((await node(setting)).inventory_json).allocationRatios.VCPU, 2.5)
      await report({}, 'cpu_allocation_ratio = 16.0')
      assert.equal(await ratio(), 16)
    }))

  test('tells traits of the processor and of what guests may have, and leaves those of operators', () =>
    withHost(async (setting) => {
      const { compute, inventory, report } = setting
      const cpuInfo = { ...inventory.cpuInfo, features: ['aes', 'sse4.2', 'pni', 'unheard-of'] }
      await report({ cpuInfo })
      const first = await traitsOf(setting)
      for (const trait of ['COMPUTE_NODE', 'OWNER_NOVA', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_STORAGE_BUS_VIRTIO'])
        assert.ok(first.includes(trait), trait)
      const ofCpu = (traits: string[]) => traits.filter((trait) => trait.startsWith('HW_CPU'))
      assert.deepEqual(ofCpu(first), ['HW_CPU_X86_AESNI', 'HW_CPU_X86_SSE3', 'HW_CPU_X86_SSE42'])
      await compute.placement.setTraits(inventory.uuid, [...first, 'CUSTOM_GOLD', 'HW_NUMA_ROOT'])
      await report({ cpuInfo: { ...cpuInfo, features: ['aes'] } })
      const second = await traitsOf(setting)
      assert.deepEqual(ofCpu(second), ['HW_CPU_X86_AESNI'])
      for (const trait of ['CUSTOM_GOLD', 'HW_NUMA_ROOT']) assert.ok(second.includes(trait), trait)
    }))

  test('writes the row when something has changed that lasts', () =>
    withHost(async (setting) => {
      const { clock, inventory, report } = setting
      const writtenAt = async () => (await node(setting)).updated_at
      await report()
      const first = await writtenAt()
      await clock.advance(60_000)
      await report({ memoryMbUsed: inventory.memoryMbUsed + 1, vcpusUsed: 5 })
      assert.equal(await writtenAt(), first)
      await report({ diskAvailableLeast: 41 })
      assert.equal(await writtenAt(), first + 60_000)
      assert.equal(JSON.parse((await node(setting)).inventory_json).diskAvailableLeast, 41)
    }))

  test('releases what deleted servers claim, and nothing else', () =>
    withHost(async ({ compute, inventory, report }) => {
      const { placement } = compute
      await report()
      const [gone, lives] = [await addServer(compute, { deleted_at: 1 }), await addServer(compute, { host: 'h1' })]
      const [stranger, move] = [systemRandom.uuid(), systemRandom.uuid()]
      const side = { ...sideOf(gone), host: 'h1', node: 'h1' }
      const asked = { type: 'resize', userId: null, projectId: null, oldVmState: 'active' } as const
      await compute.store.transaction(() =>
        insertMigration(compute, { ...asked, uuid: move, serverId: gone.id, before: side, after: side }),
      )
      for (const consumerId of [gone.id, lives.id, stranger, move]) {
        const allocations = { [inventory.uuid]: { VCPU: 1 } }
        await placement.claim({ consumerId, projectId: 'p', userId: 'u', allocations })
      }
      await report()
      const left = [...(await placement.consumersOf(inventory.uuid)).keys()]
      assert.deepEqual(left.toSorted(), [lives.id, stranger].toSorted())
    }))

  test('of a host that was down counts once it has stopped what lives elsewhere, never what lives on it', () =>
    withHost(async ({ compute, clock }) => {
      const [stays, left] = [await addServer(compute, { host: 'h1' }), await addServer(compute, { host: 'h2' })]
      for (const row of [stays, left]) {
        const uuid = systemRandom.uuid()
        const side = { ...sideOf(row), host: 'h1', node: 'h1' }
        const asked = { type: 'evacuation', userId: null, projectId: null, oldVmState: 'active' } as const
        await compute.store.transaction(async () => {
          await insertMigration(compute, { ...asked, uuid, serverId: row.id, before: side, after: side })
          await updateMigration(compute, uuid, { status: 'done', uncleaned_host: 'h1' })
        })
      }
      const counts = async (stopped?: string[]): Promise<boolean> =>
        !(await reportHost(compute, { host: 'h1', ...(stopped ? { stopped } : {}) })).keepsGuests
      assert.deepEqual([await counts(), await counts([stays.id])], [false, false])
      const ids = [stays.id, left.id]
      assert.deepEqual(await leftGuests(compute, { host: 'h1', ids }), [left.id])
      assert.equal(await counts([left.id]), true)
      assert.equal(await counts(), true, 'it is up, and files may be left')
      await clock.advance(120_000)
      assert.equal(await counts(), false)
      assert.deepEqual(await leftGuests(compute, { host: 'h1', ids: [stays.id] }), [])
      assert.equal(await counts(), true)
      const statuses = await tables(compute).selectFrom('compute_migrations').select(['server_id', 'status']).execute()
      const of = Object.fromEntries(statuses.map(({ server_id, status }) => [server_id, status]))
      assert.deepEqual(of, { [stays.id]: 'done', [left.id]: 'completed' })
    }))

  test('stats count servers by state, task, system and project', () =>
    withHost(async ({ compute }) => {
      const image_json = JSON.stringify({ id: 'i', properties: { os_type: 'linux' } })
      await addServer(compute, { host: 'h1', image_json })
      await addServer(compute, { host: 'h1', vm_state: 'building', task_state: 'spawning' })
      await addServer(compute, { host: 'h1', vm_state: 'stopped', task_state: 'resize_migrating' })
      await addServer(compute, { host: 'h1', vm_state: 'shelved_offloaded' })
      await addServer(compute, { host: 'h1', deleted_at: 1 })
      assert.deepEqual((await statsByHost(compute)).get('h1'), {
        ...{ num_instances: 3, io_workload: 2, num_vm_active: 1, num_vm_building: 1, num_vm_stopped: 1 },
        ...{ num_task_None: 1, num_task_spawning: 1, num_task_resize_migrating: 1 },
        ...{ num_os_type_linux: 1, num_os_type_None: 2, [`num_proj_${'a'.repeat(32)}`]: 3 },
      })
    }))
})

describe('traits of processors', () => {
  test('are standard traits, each once', () => {
    assert.deepEqual(cpuTraits(['vmx', 'avx512-vpopcntdq', 'vmx']), [
      'HW_CPU_X86_INTEL_VMX',
      'HW_CPU_X86_VMX',
      'HW_CPU_X86_AVX512VPOPCNTDQ',
    ])
  })
})
