// What filters of plug-ins see of a server: what was stored when it was made, whatever became of it since.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import { createAggregate, setMetadata } from '../aggregates/change.ts'
import { addHost } from '../aggregates/hosts.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { Filter, SchedulingRequest } from '../scheduler/host-state.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ServerId } from '../servers/server-id.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { computeOn } from '../testing-store.ts'
import { claimHost } from './choose-host.ts'
import { reportHost } from './report-host.ts'

const TOML = '[compute]\nenabled_filters = ["RackFilter"]\n'
const seen: SchedulingRequest[] = []

/** The server's metadata `rack` is the value of that key of one of the host's aggregates. */
const rackFilter: Filter = {
  name: 'RackFilter',
  judge({ aggregates }, request) {
    seen.push(request)
    const { rack } = request.metadata
    if (rack === undefined || aggregates.some(({ metadata }) => metadata['rack'] === rack)) return undefined
    return `it is not in rack ${rack}`
  },
}

async function computeWithRacks(store: Store): Promise<Compute> {
  const compute = computeOn({
    ...{ store, placement: createPlacementService, toml: TOML },
    plugins: [{ name: 'rack', filters: [rackFilter] }],
  })
  for (const [index, host] of ['h1', 'h2', 'h3'].entries()) {
    await reportHost(compute, { host, inventory: await inventoryOf(host) })
    if (index === 2) continue
    const { id } = await createAggregate(compute, { name: `rack ${index + 1}` })
    await setMetadata(compute, id, { rack: `r${index + 1}` })
    await addHost(compute, id, host)
  }
  return compute
}

/** A server as POST made it, with what was stored of its request. */
async function madeServer(compute: Compute, stored: object | null): Promise<ServerRow> {
  const row = await addServer(compute, {}, { vcpus: 1, memoryMb: 64, rootGb: 1 })
  if (stored === null) return row
  const spec = { server_id: row.id, spec_json: JSON.stringify(stored) }
  await tables(compute).insertInto('compute_request_specs').values(spec).execute()
  return row
}

const place = (compute: Compute, row: ServerRow, excluded: string[] = []) =>
  claimHost(compute, row, { serverId: row.id as ServerId, excluded, forcedHost: null })

onBothStores('a filter that reads metadata', (open) => {
  const world = async (): Promise<Compute> => computeWithRacks(await open(placementSchema, computeSchema))

  it('seed-8.5.12-2: a server that moves is judged by what was stored when it was made', async () => {
    const compute = await world()
    const row = await madeServer(compute, { metadata: { rack: 'r2' } })
    assert.equal((await place(compute, row)).host, 'h2')
    await compute.placement.release(row.id)
    const changed = { metadata_json: JSON.stringify({ rack: 'r1' }) }
    await tables(compute).updateTable('compute_servers').set(changed).where('id', '=', row.id).execute()
    const now = { ...row, ...changed, host: 'h2' }
    assert.equal((await place(compute, now)).host, 'h2')
    await compute.placement.release(row.id)
    await assert.rejects(place(compute, now, ['h2']), /No valid host was found.*RackFilter removed 2/)
  })

  it('seed-8.5.12-4: a request that was stored before there was the field is placed', async () => {
    const compute = await world()
    for (const stored of [{ numInstances: 1 }, {}, null]) {
      seen.length = 0
      const row = await madeServer(compute, stored)
      assert.ok((await place(compute, row)).host)
      assert.deepEqual(
        seen.map(({ metadata, plugins }) => ({ metadata, plugins })),
        seen.map(() => ({ metadata: {}, plugins: {} })),
      )
      assert.ok(seen.length > 0)
    }
  })
})
