import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { onBothStores } from '@kilonova/store/testing'
import type { IsolatedDisk } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { usedByHost } from '../hypervisors/usage.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ServerId } from '../servers/server-id.ts'
import { deleteService } from '../services/delete.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { computeOn } from '../testing-store.ts'
import { claimHost } from './choose-host.ts'
import { claimedDisks } from './isolated-disks.ts'
import { reportHost } from './report-host.ts'

const GB = 1024 ** 3

const disk = (name: string, gb: number, parts: Partial<IsolatedDisk> = {}): IsolatedDisk => ({
  path: `/dev/disk/by-id/${name}`,
  size: gb * GB,
  rotational: true,
  guest: null,
  trouble: null,
  ...parts,
})

const claim = (compute: Compute, row: ServerRow) =>
  claimHost(compute, row, { serverId: row.id as ServerId, excluded: [], forcedHost: null })

const without = (why: RegExp) => (error: unknown) => isFault(error, 'NoValidHost') && why.test(error.message)

onBothStores('isolated disks in placement', (open) => {
  const world = async (): Promise<Compute> =>
    computeOn({ store: await open(placementSchema, computeSchema), placement: createPlacementService })
  const report = async (compute: Compute, host: string, isolatedDisks: IsolatedDisk[]): Promise<string> => {
    const known = await tables(compute).selectFrom('compute_nodes').select('id').executeTakeFirst()
    const inventory = { ...(await inventoryOf(host)), ...(known ? { uuid: known.id } : {}), isolatedDisks }
    await reportHost(compute, { host, inventory })
    return inventory.uuid
  }
  const server = (compute: Compute, extraSpecs: Record<string, string>, parts: object = {}): Promise<ServerRow> =>
    addServer(compute, {}, { vcpus: 1, memoryMb: 128, rootGb: 10, extraSpecs, ...parts })
  /** Where the server lives from now on, and the devices that it has there. */
  const placed = async (compute: Compute, row: ServerRow): Promise<string[]> => {
    const { host } = await claim(compute, row)
    await tables(compute).updateTable('compute_servers').set({ host }).where('id', '=', row.id).execute()
    const { isolatedDisks = [] } = await claimedDisks(compute, { ...row, host })
    return isolatedDisks.map((path) => path.split('/').at(-1)!)
  }
  const ONE = { 'resources:CUSTOM_DISK_ISOLATED': '1' }

  it('each server gets the smallest that is large enough, and the one after the last gets no host', async () => {
    const compute = await world()
    await report(compute, 'h1', [disk('large', 500), disk('small', 20), disk('tiny', 5)])
    const rows = [await server(compute, ONE), await server(compute, ONE), await server(compute, ONE)]
    assert.deepEqual(await placed(compute, rows[0]!), ['small'])
    assert.deepEqual(await placed(compute, rows[1]!), ['large'])
    await assert.rejects(claim(compute, rows[2]!), without(/no free isolated disk is as large/))
    await compute.placement.release(rows[0]!.id)
    assert.deepEqual(await placed(compute, rows[2]!), ['small'])
    const plain = await server(compute, {})
    assert.deepEqual(await placed(compute, plain), [])
  })

  it('servers that ask at once get a device each', async () => {
    const compute = await world()
    await report(compute, 'h1', [disk('a', 20), disk('b', 20), disk('c', 20)])
    const rows = await Promise.all(Array.from({ length: 5 }, () => server(compute, ONE)))
    const found = await Promise.allSettled(rows.map((row) => claim(compute, row)))
    assert.equal(found.filter(({ status }) => status === 'fulfilled').length, 3)
    const devices = (await Promise.all(rows.map((row) => compute.placement.allocationsOf(row.id)))).flatMap(Object.keys)
    assert.equal(new Set(devices).size, 4)
  })

  it('a flavor chooses among disks that turn and those that do not', async () => {
    const compute = await world()
    await report(compute, 'h1', [disk('turns', 20), disk('ssd', 50, { rotational: false })])
    const ssd = { ...ONE, 'trait:STORAGE_DISK_SSD': 'required' }
    assert.deepEqual(await placed(compute, await server(compute, ssd)), ['ssd'])
    await assert.rejects(claim(compute, await server(compute, ssd)), without(/resources removed 1/))
    const hdd = { 'kilonova:isolated_disk': 'root', 'trait:STORAGE_DISK_HDD': 'required' }
    assert.deepEqual(await placed(compute, await server(compute, hdd)), ['turns'])
  })

  it('the disk that is a whole device takes nothing of DISK_GB', async () => {
    const compute = await world()
    const node = await report(compute, 'h1', [disk('a', 20), disk('b', 20), disk('c', 20)])
    const sizes = { rootGb: 10, ephemeralGb: 3, swapMb: 1024 }
    const root = await server(compute, ONE, sizes)
    const ephemeral = await server(compute, { 'kilonova:isolated_disk': 'ephemeral' }, sizes)
    const plain = await server(compute, { 'resources:CUSTOM_DISK_ISOLATED': '0' }, sizes)
    const used: (number | undefined)[] = []
    for (const row of [root, ephemeral, plain]) {
      await placed(compute, row)
      used.push((await compute.placement.allocationsOf(row.id))[node]?.['DISK_GB'])
    }
    assert.deepEqual(used, [4, 11, 14])
    assert.equal((await usedByHost(compute)).get('h1')?.diskGb, 4 + 11 + 14)
  })

  it('a device in trouble, gone, or with somebody else is for nobody new', async () => {
    const compute = await world()
    const [taken, free] = [await server(compute, ONE), await server(compute, ONE)]
    await report(compute, 'h1', [disk('a', 20)])
    await placed(compute, taken)
    const b = disk('b', 20)
    for (const disks of [[{ ...b, trouble: 'is mounted' }], [{ ...b, guest: systemRandom.uuid() }], []]) {
      await report(compute, 'h1', [disk('a', 20, { guest: taken.id }), ...disks])
      await assert.rejects(claim(compute, free), without(/resources removed 1/))
    }
    await report(compute, 'h1', [b])
    assert.deepEqual(await placed(compute, free), ['b'])
    await compute.placement.release(taken.id)
    const node = await report(compute, 'h1', [b])
    assert.equal((await compute.placement.providersOfTrees([node])).length, 2)
  })

  it('a host goes with the providers of its devices', async () => {
    const compute = await world()
    const node = await report(compute, 'h1', [disk('a', 20), disk('b', 20)])
    const service = await tables(compute).selectFrom('compute_services').select('id').executeTakeFirstOrThrow()
    await deleteService(compute, service.id)
    assert.deepEqual(await compute.placement.providersOfTrees([node]), [])
  })
})
