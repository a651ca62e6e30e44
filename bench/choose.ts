// A host for each of many servers of anti-affinity groups whose flavor wants an aggregate's metadata, claimed durably,
// among 100, 1,000 and 10,000 hosts; beside one row committed to the same disk.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import { claimHost, takeHost } from '@kilonova/compute/conductor/choose-host'
import { reportHost } from '@kilonova/compute/conductor/report-host'
import { schedulingRequest } from '@kilonova/compute/conductor/scheduling-request'
import { Notifications } from '@kilonova/compute/notifications/notifications'
import { computeOptions } from '@kilonova/compute/options'
import { computeSchema } from '@kilonova/compute/schema'
import type { ServerRow } from '@kilonova/compute/schema/tables'
import type { ServerId } from '@kilonova/compute/servers/server-id'
import { addServer, inventoryOf } from '@kilonova/compute/testing-rows'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import type { Figure } from './measure.ts'
import { figure, publish } from './measure.ts'

const SIZES = [100, 1000, 10_000]
const RUNS = 5
/** Servers of one run are of one group, so that each finds one more host forbidden. */
const SERVERS = 40
const AT_ONCE = 8
/** Hosts that report at once. */
const REPORTS = 64
const FLAVOR = { vcpus: 1, memoryMb: 512, rootGb: 1, extraSpecs: { 'aggregate_instance_extra_specs:ssd': 'true' } }
const FILTERS = `[compute]
enabled_filters = ["ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter",
  "ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter", "AggregateInstanceExtraSpecsFilter"]
`

async function computeWith(hosts: number, directory: string): Promise<Compute> {
  const store = openStore({ url: `sqlite:${join(directory, `${hosts}.db`)}` })
  await syncSchema(store, [placementSchema, computeSchema])
  const { client: placement } = createPlacementService({ store })
  const { compute: options, notifications: told } = readConfig(computeOptions, FILTERS)
  const notifications = new Notifications({ options: told, host: 'bench' })
  // A clock that stands: no host of these reports a second time.
  const parts = { store, placement, options, notifications, clock: new VirtualClock(), random: systemRandom }
  const compute = parts as unknown as Compute
  const names = Array.from({ length: hosts }, (_, i) => `host-${i}`)
  for (let at = 0; at < hosts; at += REPORTS) {
    await Promise.all(names.slice(at, at + REPORTS).map((name, i) => report(compute, name, at + i)))
  }
  await aggregates(compute, names)
  return compute
}

/** Hosts of several sizes. */
async function report(compute: Compute, host: string, index: number): Promise<void> {
  const inventory = await inventoryOf(host)
  const factor = 1 + (index % 7)
  const size = { vcpus: 16 * factor, memoryMb: 32_768 * factor, localGb: 500 * factor }
  await reportHost(compute, { host, inventory: { ...inventory, ...size } })
}

/** Twenty of them; every other one has what the flavor wants. */
async function aggregates(compute: Compute, hosts: readonly string[]): Promise<void> {
  await compute.store.transaction(async () => {
    const db = tables(compute)
    for (let id = 1; id <= 20; id++) {
      const [uuid, name] = [systemRandom.uuid(), `aggregate-${id}`]
      await db.insertInto('compute_aggregates').values({ id, uuid, name, created_at: 0, updated_at: null }).execute()
      const row = { aggregate_id: id, key: 'ssd', value: String(id % 2 === 0) }
      await db.insertInto('compute_aggregate_metadata').values(row).execute()
    }
    for (const [i, host] of hosts.entries()) {
      await db
        .insertInto('compute_aggregate_hosts')
        .values({ aggregate_id: (i % 20) + 1, host })
        .execute()
    }
  })
}

let groups = 0
let flavors = 0

async function servers(compute: Compute): Promise<ServerRow[]> {
  const id = systemRandom.uuid()
  const group = { id, number: ++groups, name: 'bench', project_id: 'p', user_id: 'u', created_at: 0 }
  return compute.store.transaction(async () => {
    const db = tables(compute)
    await db
      .insertInto('compute_server_groups')
      .values({ ...group, policy: 'anti-affinity', max_server_per_host: 1 })
      .execute()
    const rows: ServerRow[] = []
    for (let i = 0; i < SERVERS; i++) rows.push(await addServer(compute, { vm_state: 'building' }, FLAVOR))
    const members = rows.map((row) => ({ group_id: id, server_id: row.id }))
    await db.insertInto('compute_server_group_members').values(members).execute()
    return rows
  })
}

const inputOf = ({ id }: ServerRow) => ({ serverId: id as ServerId, excluded: [], forcedHost: null })
const claim = (compute: Compute, row: ServerRow) => claimHost(compute, row, inputOf(row))

/** As a claim, but what was chosen is not claimed. */
async function choose(compute: Compute, row: ServerRow): Promise<void> {
  const request = await schedulingRequest(compute, row, inputOf(row))
  await takeHost(compute, { request }, async () => undefined)
}

/** Milliseconds of the work, and of the processor for it. */
async function timed(work: () => Promise<unknown>): Promise<{ whole: number; processor: number }> {
  const [start, before] = [systemClock.monotonic(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return { whole: systemClock.monotonic() - start, processor: (user + system) / 1000 }
}

interface Times {
  choosing: number[]
  claiming: number[]
  processor: number[]
}

const sorted = (values: number[]): number[] => values.toSorted((a, b) => a - b)

/** Of each, one after another; each choice comes after a claim that changed a host. */
async function oneByOne(compute: Compute): Promise<Times> {
  const times: Times = { choosing: [], claiming: [], processor: [] }
  for (const row of await servers(compute)) {
    const choice = await timed(() => choose(compute, row))
    times.choosing.push(choice.whole)
    times.processor.push(choice.processor)
    times.claiming.push((await timed(() => claim(compute, row))).whole)
  }
  return { choosing: sorted(times.choosing), claiming: sorted(times.claiming), processor: sorted(times.processor) }
}

/** Servers per second, several under way at once. */
async function sustained(compute: Compute): Promise<number> {
  const waiting = await servers(compute)
  const worker = async (): Promise<void> => {
    for (let row = waiting.pop(); row; row = waiting.pop()) await claim(compute, row)
  }
  const { whole } = await timed(() => Promise.all(Array.from({ length: AT_ONCE }, worker)))
  return (SERVERS / whole) * 1000
}

/** Milliseconds in which a bare database commits a row. */
function floor(directory: string): number[] {
  const database = new DatabaseSync(join(directory, 'floor.db'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS rows (body TEXT)')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  const times = Array.from({ length: SERVERS }, () => {
    const start = systemClock.monotonic()
    insert.run('x'.repeat(200))
    return systemClock.monotonic() - start
  })
  database.close()
  return times.toSorted((a, b) => a - b)
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!

/** Milliseconds of a choice for a flavor of which every host has to be asked. */
async function forNewFlavor(compute: Compute): Promise<number> {
  const row = await addServer(compute, { vm_state: 'building' }, { ...FLAVOR, memoryMb: FLAVOR.memoryMb + ++flavors })
  return (await timed(() => choose(compute, row))).whole
}

interface Measured extends Times {
  /** The first choice of all, which reads every host. */
  first: number
  newFlavor: number[]
  p95: number[]
  perSecond: number[]
  floor: number[]
}

async function measured(hosts: number, directory: string): Promise<Measured> {
  const compute = await computeWith(hosts, directory)
  const found: Measured = {
    first: await forNewFlavor(compute),
    ...{ newFlavor: [], choosing: [], processor: [], claiming: [], p95: [], perSecond: [], floor: [] },
  }
  for (let run = 0; run <= RUNS; run++) {
    const { choosing, processor, claiming } = await oneByOne(compute)
    const perSecond = await sustained(compute)
    const newFlavor = await forNewFlavor(compute)
    const bare = at(floor(directory), 0.5)
    if (run === 0) continue // warms up
    found.newFlavor.push(newFlavor)
    found.choosing.push(at(choosing, 0.5))
    found.p95.push(at(choosing, 0.95))
    found.processor.push(at(processor, 0.5))
    found.claiming.push(at(claiming, 0.5))
    found.perSecond.push(perSecond)
    found.floor.push(bare)
  }
  await compute.store.close()
  return found
}

function figuresOf(hosts: number, of: Measured): Figure[] {
  const ratios = of.claiming.map((time, i) => time / of.floor[i]!)
  return [
    figure(`a host of ${hosts} chosen, median of ${SERVERS}`, 'ms', of.choosing),
    figure('  95th percentile', 'ms', of.p95),
    figure('  time of the processor, median', 'ms', of.processor),
    figure('  for a flavor that was not asked for before', 'ms', of.newFlavor),
    figure('  the first choice of a process', 'ms', [of.first]),
    figure('  chosen and claimed durably, median', 'ms', of.claiming),
    figure('  one row committed by a bare database, median', 'ms', of.floor),
    figure('  ratio of the two', 'x', ratios),
    figure(`  chosen and claimed, ${AT_ONCE} at once`, '1/s', of.perSecond),
  ]
}

const directory = await mkdtemp(join(tmpdir(), 'kn-bench-'))
try {
  const all = new Map<number, Measured>()
  for (const hosts of SIZES) all.set(hosts, await measured(hosts, directory))
  const [few, many] = [all.get(SIZES[0]!)!, all.get(SIZES.at(-1)!)!]
  const growth = (of: keyof Times): number[] => many[of].map((time, i) => time / few[of][i]!)
  await publish('choose', [
    ...[...all].flatMap(([hosts, of]) => figuresOf(hosts, of)),
    figure(`growth of a choice from ${SIZES[0]} to ${SIZES.at(-1)} hosts`, 'x', growth('choosing')),
    figure('growth of its time of the processor', 'x', growth('processor')),
  ])
} finally {
  await rm(directory, { recursive: true, force: true })
}
