import assert from 'node:assert/strict'
import { it } from 'node:test'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import { sql } from 'kysely'
import { createAggregate, setMetadata, updateAggregate } from '../aggregates/change.ts'
import { addHost, removeHost } from '../aggregates/hosts.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { NewMigration } from '../migrations/store.ts'
import { insertMigration, migrationOf, updateMigration } from '../migrations/store.ts'
import type { HostState } from '../scheduler/host-state.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { writeServer } from '../servers/write-server.ts'
import { reportService } from '../services/report.ts'
import { listServices, removeService, updateService } from '../services/store.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import type { StoredCompute } from '../testing-store.ts'
import { computeOn } from '../testing-store.ts'
import { countFailedBuild } from './failed-builds.ts'
import { readHosts } from './host-states.ts'
import { KnownHosts } from './known-hosts.ts'
import { reportHost } from './report-host.ts'

const HOSTS = ['h1', 'h2', 'h3']
const NEEDED = { groups: [{ suffix: '', resources: { VCPU: 1 } }] }

async function computeWithHosts(store: Store): Promise<StoredCompute> {
  const compute = computeOn({ store, placement: createPlacementService })
  for (const host of HOSTS) await reportHost(compute, { host, inventory: await inventoryOf(host) })
  return compute
}

const sorted = (hosts: readonly HostState[]): HostState[] => hosts.toSorted((a, b) => (a.host < b.host ? -1 : 1))

async function written(compute: Compute): Promise<HostState[]> {
  return sorted((await readHosts(compute, [...HOSTS, 'h4'])).map(({ state }) => state))
}

async function seen(hosts: KnownHosts): Promise<HostState[]> {
  await hosts.look(NEEDED)
  return sorted(hosts.table.hosts)
}

/** A move from h1 that is about to begin. */
async function beginMove(compute: Compute): Promise<void> {
  const row = await addServer(compute, {})
  const flavor = JSON.parse(row.flavor_json)
  const side = { node: 'h1', zone: 'nova', disks: [], flavor, flavorId: '2', flavorName: 'm2' }
  const of = { uuid: 'move', serverId: row.id, userId: 'alice', projectId: 'p', type: 'resize', oldVmState: 'active' }
  const sides = { before: { ...side, host: 'h1' }, after: { ...side, host: null } }
  await compute.store.transaction(() => insertMigration(compute, { ...of, ...sides } as unknown as NewMigration))
}

async function moveTo(compute: Compute, host: string): Promise<void> {
  const { after_json } = await migrationOf(compute, 'move')
  const after = JSON.stringify({ ...JSON.parse(after_json), host })
  await updateMigration(compute, 'move', { dest_compute: host, after_json: after })
}

/** Whatever is said of hosts, in their order. */
const CHANGES: [what: string, change: (compute: Compute) => Promise<unknown>][] = [
  ['a server', (compute) => addServer(compute, { id: 's1', host: 'h1', vm_state: 'building', task_state: 'spawning' })],
  ['its states', (compute) => writeServer(compute, 's1', { vm_state: 'active', task_state: null })],
  [
    'its size',
    (compute) =>
      writeServer(compute, 's1', {
        flavor_json: JSON.stringify({ vcpus: 7, memoryMb: 5, rootGb: 1, ephemeralGb: 0, swapMb: 0, extraSpecs: {} }),
      }),
  ],
  ['its host', (compute) => writeServer(compute, 's1', { host: 'h2' })],
  ['its end', (compute) => writeServer(compute, 's1', { deleted_at: 5 })],
  ['a move to a host', (compute) => beginMove(compute).then(() => moveTo(compute, 'h2'))],
  ['a move that arrived', (compute) => updateMigration(compute, 'move', { status: 'finished' })],
  ['the end of a move', (compute) => updateMigration(compute, 'move', { status: 'confirmed' })],
  ['a service off', (compute) => updateService(compute, { host: 'h1', binary: 'nova-compute' }, { disabled: 1 })],
  [
    'a service that is said to be down',
    (compute) => updateService(compute, { host: 'h1', binary: 'nova-compute' }, { forced_down: 1 }),
  ],
  ['a build that failed', (compute) => countFailedBuild(compute, 'h2')],
  [
    'an aggregate',
    (compute) => createAggregate(compute, { name: 'fast' }).then(({ id }) => addHost(compute, id, 'h3')),
  ],
  ['its metadata', (compute) => setMetadata(compute, 1, { ssd: 'true', availability_zone: 'far' })],
  ['its name', (compute) => updateAggregate(compute, 1, { name: 'slow' })],
  ['its metadata gone', (compute) => setMetadata(compute, 1, { ssd: null })],
  ['its host gone', (compute) => removeHost(compute, 1, 'h3')],
  ['another host', async (compute) => reportHost(compute, { host: 'h4', inventory: await inventoryOf('h4') })],
  [
    'another size of it',
    async (compute) => {
      const [{ id }] = (await tables(compute)
        .selectFrom('compute_nodes')
        .select('id')
        .where('host', '=', 'h4')
        .execute()) as [{ id: string }]
      await reportHost(compute, { host: 'h4', inventory: { ...(await inventoryOf('h4')), uuid: id, vcpus: 3 } })
    },
  ],
  [
    'no such host any more',
    async (compute) => {
      const [service] = await listServices(compute, { host: 'h4' })
      await removeService(compute, service!)
    },
  ],
]

onBothStores('known hosts', (open) => {
  const world = async () => computeWithHosts(await open(placementSchema, computeSchema))

  it('are as the store says after every change, for two processes', async () => {
    const compute = await world()
    const [often, seldom] = [new KnownHosts(compute), new KnownHosts(compute)]
    await seen(seldom)
    let before = await written(compute)
    for (const [what, change] of CHANGES) {
      await change(compute)
      const now = await written(compute)
      assert.notDeepEqual(now, before, `${what} changes nothing`)
      assert.deepEqual(await seen(often), now, what)
      before = now
    }
    assert.deepEqual(await seen(seldom), before)
  })

  it('are up as long as they report, closely or after a silence, and down when they do not', async () => {
    const compute = await world()
    const known = new KnownHosts(compute)
    const up = async (): Promise<string[]> => {
      const hosts = await seen(known)
      assert.deepEqual(hosts, await written(compute))
      return hosts.filter((one) => one.up).map(({ host }) => host)
    }
    const report = async (...hosts: string[]): Promise<void> => {
      for (const host of hosts) await reportService(compute, { host, binary: 'nova-compute' })
    }
    for (let i = 0; i < 9; i++) {
      await compute.clock.advance(10_000)
      await report('h1', 'h2')
      assert.deepEqual(await up(), i < 6 ? HOSTS : ['h1', 'h2'], `after ${i + 1} reports`)
    }
    await compute.clock.advance(70_000)
    assert.deepEqual(await up(), [])
    await report('h1', 'h3')
    assert.deepEqual(await up(), ['h1', 'h3'])
    await compute.clock.advance(10_000)
    await report('h2', 'h3')
    await compute.clock.advance(55_000)
    assert.deepEqual(await up(), ['h2', 'h3'])
    await updateService(compute, { host: 'h2', binary: 'nova-compute' }, { forced_down: 1 })
    assert.deepEqual(await up(), ['h3'])
    await updateService(compute, { host: 'h2', binary: 'nova-compute' }, { forced_down: 0 })
    assert.deepEqual(await up(), ['h2', 'h3'])
  })

  it('that could not be read are read at the next look', async () => {
    const compute = await world()
    const known = new KnownHosts(compute)
    await seen(known)
    await countFailedBuild(compute, 'h2')
    const broken = sql`alter table compute_migrations rename to away`
    await broken.execute(tables(compute))
    await assert.rejects(seen(known))
    await sql`alter table away rename to compute_migrations`.execute(tables(compute))
    assert.deepEqual(await seen(known), await written(compute))
  })

  it('wait for nobody who changes them', async () => {
    const compute = await world()
    const known = new KnownHosts(compute)
    await Promise.all([seen(known), countFailedBuild(compute, 'h1'), seen(known), countFailedBuild(compute, 'h2')])
    assert.deepEqual(await seen(known), await written(compute))
  })
})
