import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ServerGroupRow, ServerRow } from '../schema/tables.ts'
import { joinGroup } from '../server-groups/members.ts'
import { insertServerGroup } from '../server-groups/store.ts'
import type { ServerId } from '../servers/server-id.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { computeOn } from '../testing-store.ts'
import { claimHost } from './choose-host.ts'
import { reportHost } from './report-host.ts'
import { schedulingRequest } from './scheduling-request.ts'

async function computeWith(store: Store, hosts: string[]): Promise<Compute> {
  const compute = computeOn({ store, placement: createPlacementService })
  for (const host of hosts) await reportHost(compute, { host, inventory: await inventoryOf(host) })
  return compute
}

async function groupedServers(
  compute: Compute,
  count: number,
  group: Pick<ServerGroupRow, 'policy' | 'max_server_per_host'>,
): Promise<ServerRow[]> {
  const owner = { project_id: 'a'.repeat(32), user_id: 'alice' }
  const row = { id: systemRandom.uuid(), number: 1, name: 'g', created_at: 0, ...owner, ...group }
  await insertServerGroup(compute, row)
  const servers: ServerRow[] = []
  for (let i = 0; i < count; i++) servers.push(await addServer(compute, {}, { vcpus: 1, memoryMb: 128, rootGb: 1 }))
  const ids = servers.map(({ id }) => id)
  await compute.store.transaction(() => joinGroup(compute, row, ids))
  return servers
}

const input = (row: ServerRow, forcedHost: string | null = null) => ({
  serverId: row.id as ServerId,
  excluded: [],
  forcedHost,
})

/** All at once: hosts of those that found one, and how many did not. */
async function placeAll(
  compute: Compute,
  servers: ServerRow[],
  excluded: (index: number) => string[] = () => [],
): Promise<{ hosts: string[]; refused: number }> {
  const results = await Promise.allSettled(
    servers.map((row, i) => claimHost(compute, row, { ...input(row), excluded: excluded(i) })),
  )
  const failures = results.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
  assert.ok(
    failures.every((code) => code === 'NoValidHost'),
    failures.join(),
  )
  const hosts = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value.host] : []))
  return { hosts: hosts.toSorted(), refused: failures.length }
}

onBothStores('claiming a host', (open) => {
  const world = async (hosts: string[]) => computeWith(await open(placementSchema, computeSchema), hosts)

  it('F7: parallel servers of an anti-affinity group never share a host', async () => {
    const compute = await world(['h1', 'h2', 'h3'])
    const servers = await groupedServers(compute, 5, { policy: 'anti-affinity', max_server_per_host: null })
    assert.deepEqual(await placeAll(compute, servers), { hosts: ['h1', 'h2', 'h3'], refused: 2 })
    const claims = await compute.placement.allAllocations()
    assert.equal(claims.size, 3, 'who was refused holds nothing')
  })

  it('F7: nor more than max_server_per_host', async () => {
    const compute = await world(['h1', 'h2'])
    const servers = await groupedServers(compute, 5, { policy: 'anti-affinity', max_server_per_host: 2 })
    assert.deepEqual(await placeAll(compute, servers), { hosts: ['h1', 'h1', 'h2', 'h2'], refused: 1 })
  })

  it('parallel servers of an affinity group never are on two hosts', async () => {
    const compute = await world(['h1', 'h2'])
    const servers = await groupedServers(compute, 4, { policy: 'affinity', max_server_per_host: null })
    const { hosts, refused } = await placeAll(compute, servers, (i) => (i % 2 === 0 ? ['h1'] : ['h2']))
    assert.deepEqual([new Set(hosts).size, hosts.length, refused], [1, 2, 2])
  })

  it('servers that race for the last room are told what lacked, and hold nothing', async () => {
    const compute = await world(['h1'])
    const large = { vcpus: 1, memoryMb: 7680, rootGb: 1 }
    const servers = await Promise.all(Array.from({ length: 20 }, () => addServer(compute, {}, large)))
    const results = await Promise.allSettled(servers.map((row) => claimHost(compute, row, input(row))))
    const told = results.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.message)] : []))
    assert.equal(told.length, 19)
    const why =
      /No host that suits it has room: of 1, (resources|claim) removed 1 \(h1: 7680 MB of RAM short \(asks for 7680 MEMORY_MB, free are 0\)[,)]/
    for (const message of told) assert.match(message, why)
    assert.equal((await compute.placement.allAllocations()).size, 1)
  })

  it('who loses the room between two looks is told what lacks', async () => {
    const compute = await world(['h1'])
    const large = { vcpus: 1, memoryMb: 7680, rootGb: 1 }
    const [early, late] = [await addServer(compute, {}, large), await addServer(compute, {}, large)]
    const outrun = (when: 'before' | 'after'): Compute => {
      const watchTrees: Compute['placement']['watchTrees'] = () => {
        const trees = compute.placement.watchTrees()
        const refresh: typeof trees.refresh = async (asked) => {
          const changed = when === 'after' ? await trees.refresh(asked) : undefined
          await claimHost(compute, early, input(early))
          return changed ?? (await trees.refresh(asked))
        }
        return { ...trees, refresh }
      }
      const get = (of: Compute['placement'], name: keyof typeof of) =>
        name === 'watchTrees' ? watchTrees : of[name].bind(of)
      return { ...compute, placement: new Proxy(compute.placement, { get } as ProxyHandler<Compute['placement']>) }
    }
    for (const [when, filter] of [['before', 'resources'] as const, ['after', 'claim'] as const]) {
      const why = new RegExp(`${filter} removed 1 \\(h1: 7680 MB of RAM short \\(asks for 7680 MEMORY_MB, free are 0`)
      await assert.rejects(claimHost(outrun(when), late, input(late)), why)
      await compute.placement.release(early.id)
    }
  })

  it('names the host that has least too little of what is asked, with the figures', async () => {
    const compute = await world(['h1', 'h2', 'h3'])
    for (const [host, memoryMb] of [
      ['h1', 4096],
      ['h2', 1024],
      ['h3', 6144],
    ] as const) {
      const row = await addServer(compute, {}, { vcpus: 1, memoryMb, rootGb: 1, ephemeralGb: 0, swapMb: 0 })
      await claimHost(compute, row, input(row, host))
    }
    const refused = async (size: Partial<GuestFlavor>): Promise<string> => {
      const row = await addServer(compute, {}, { vcpus: 1, memoryMb: 128, rootGb: 1, ...size })
      const error = await claimHost(compute, row, input(row)).catch((reason) => reason)
      return error.details.removed.at(-1).nearest
    }
    const free = 8192 - 512 - 1024
    assert.equal(
      await refused({ memoryMb: free + 512 }),
      `h2: 512 MB of RAM short (asks for ${free + 512} MEMORY_MB, free are ${free})`,
    )
    assert.equal(
      await refused({ memoryMb: free + 512, rootGb: 150 }),
      `h2: 512 MB of RAM short (asks for ${free + 512} MEMORY_MB, free are ${free}); ` +
        '52 GB of disk short (asks for 152 DISK_GB, a host has 100)',
    )
  })

  it('a forced host does not break the policy either', async () => {
    const compute = await world(['h1', 'h2'])
    const [a, b] = await groupedServers(compute, 2, { policy: 'anti-affinity', max_server_per_host: null })
    await claimHost(compute, a!, input(a!, 'h1'))
    await assert.rejects(claimHost(compute, b!, input(b!, 'h1')), { code: 'NoValidHost' })
  })

  it('soft policies prefer, and do not refuse', async () => {
    const compute = await world(['h1', 'h2'])
    const servers = await groupedServers(compute, 3, { policy: 'soft-anti-affinity', max_server_per_host: null })
    const hosts: string[] = []
    for (const row of servers) hosts.push((await claimHost(compute, row, input(row))).host)
    assert.deepEqual(new Set(hosts.slice(0, 2)), new Set(['h1', 'h2']))
    assert.equal(hosts.length, 3)
  })

  it('claiming twice finds the first claim', async () => {
    const compute = await world(['h1', 'h2'])
    const [row] = await groupedServers(compute, 1, { policy: 'anti-affinity', max_server_per_host: null })
    const chosen = await claimHost(compute, row!, input(row!))
    assert.deepEqual(await claimHost(compute, row!, input(row!)), chosen)
  })

  it('writes host and zone in the same transaction as the claim', async () => {
    const compute = await world(['h1'])
    const row = await addServer(compute, { availability_zone: null }, { vcpus: 1 })
    await claimHost(compute, row, input(row))
    const { host, node, availability_zone } = await tables(compute)
      .selectFrom('compute_servers')
      .selectAll()
      .where('id', '=', row.id)
      .executeTakeFirstOrThrow()
    assert.deepEqual([host, node, availability_zone], ['h1', 'h1', 'nova'])
  })

  it("seed-8.5.12-2 asks for the metadata that was stored, not the server's newest", async () => {
    const compute = await world(['h1'])
    const row = await addServer(compute, { metadata_json: '{"rack":"r2"}' })
    const spec_json = JSON.stringify({ metadata: { rack: 'r1' } })
    await tables(compute).insertInto('compute_request_specs').values({ server_id: row.id, spec_json }).execute()
    assert.deepEqual((await schedulingRequest(compute, row, input(row))).metadata, { rack: 'r1' })
  })

  it('seed-8.5.12-4 places by an older stored request without metadata', async () => {
    const compute = await world(['h1'])
    const row = await addServer(compute, {}, { vcpus: 1 })
    const stored = { server_id: row.id, spec_json: '{"projectId":"p"}' }
    await tables(compute).insertInto('compute_request_specs').values(stored).execute()
    assert.deepEqual((await schedulingRequest(compute, row, input(row))).metadata, {})
    assert.equal((await claimHost(compute, row, input(row))).host, 'h1')
  })

  it('hints name hosts by the servers on them', async () => {
    const compute = await world(['h1'])
    const there = await addServer(compute, { host: 'h1' })
    const hints = { different_host: [there.id], same_host: there.id }
    const row = await addServer(compute, { scheduler_hints_json: JSON.stringify(hints) })
    const { differentHosts, sameHosts } = await schedulingRequest(compute, row, input(row))
    assert.deepEqual([differentHosts, sameHosts], [['h1'], ['h1']])
  })
})
