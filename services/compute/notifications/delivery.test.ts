import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { LocalBus } from '@kilonova/bus/local'
import { syncSchema } from '@kilonova/store/schema'
import type { Store } from '@kilonova/store/store'
import { openStore } from '@kilonova/store/store'
import { onBothStores, onPostgres } from '@kilonova/store/testing'
import { Leader } from '@kilonova/tasks/leader'
import { taskSchema } from '@kilonova/tasks/schema'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { writeServer } from '../servers/write-server.ts'
import { addServer } from '../testing-rows.ts'
import { startDelivery } from './deliver.ts'
import { openFeed } from './feed.ts'
import { purgeEvents } from './purge.ts'
import { read, tellingCompute } from './testing-compute.ts'

/** A bus whose broker is away now and then. */
class FarBus extends LocalBus {
  away = false

  override async notify(...sent: Parameters<LocalBus['notify']>): Promise<void> {
    if (this.away) throw new Error('the broker is away')
    await super.notify(...sent)
  }
}

const leader = (store: Store): Leader => new Leader({ store, owner: 'one' })

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await systemClock.sleep(5)
}

const left = async (compute: Compute) => tables(compute).selectFrom('compute_notifications').selectAll().execute()
const pauses = (compute: Compute, id: string) => writeServer(compute, id, { task_state: 'pausing' })

async function renames(compute: Compute, id: string, names: readonly string[]): Promise<void> {
  for (const display_name of names) await writeServer(compute, id, { display_name })
}

onBothStores('notifications', (open) => {
  it('wait while they cannot be delivered, and come in order afterwards', async () => {
    const store = await open(taskSchema, computeSchema)
    const bus = new FarBus()
    const compute = tellingCompute(store, bus)
    const heard: string[] = []
    await bus.subscribe('notifications', ({ payload }) => heard.push(read(payload).payload.display_name))
    const server = await addServer(compute, {})
    const end = startDelivery(compute, leader(store))
    bus.away = true
    await renames(compute, server.id, ['a', 'b'])
    await systemClock.sleep(20)
    assert.equal((await left(compute)).length, 2)
    bus.away = false
    await renames(compute, server.id, ['c', 'd'])
    await until(() => heard.length === 4)
    await until(async () => (await left(compute)).length === 0)
    assert.deepEqual(heard, ['a', 'b', 'c', 'd'])
    await end()
  })

  it('are of changes that were committed, and no others', async () => {
    const store = await open(taskSchema, computeSchema)
    const compute = tellingCompute(store)
    const server = await addServer(compute, {})
    const failed = store.transaction(async () => {
      await pauses(compute, server.id)
      throw new Error('no')
    })
    await assert.rejects(failed, /no/)
    assert.deepEqual(await left(compute), [])
    assert.equal(
      await writeServer(compute, server.id, { power_state: 4 }, { vm_state: 'error', task_state: null }),
      false,
    )
    assert.deepEqual(await left(compute), [])
  })

  it('are written for nobody who does not want them', async () => {
    const store = await open(taskSchema, computeSchema)
    const compute = tellingCompute(store, new LocalBus(), '')
    const server = await addServer(compute, {})
    await pauses(compute, server.id)
    await writeServer(compute, server.id, { disks_json: '[]' })
    assert.deepEqual(await left(compute), [])
    const events = await tables(compute).selectFrom('compute_events').select(['event', 'server_id']).execute()
    assert.deepEqual(
      events.map(({ event, server_id }) => [event, server_id]),
      [['server.update', server.id]],
    )
  })

  it('lead, by server, from each state to the next, though many change at once; readers miss none', async () => {
    const store = await open(taskSchema, computeSchema)
    const compute = tellingCompute(store, new LocalBus(), '')
    const servers = await Promise.all(Array.from({ length: 8 }, () => addServer(compute, {})))
    const feed = await openFeed(compute, { projectId: null }, undefined)
    const seen: { id: number; server: string; from: string; to: string }[] = []
    let writing = true
    const reading = (async () => {
      for (let quiet = false; !quiet; ) {
        const done = !writing
        const events = await feed.read()
        for (const { id, data } of events) {
          const { server_id: server, old_task_state: from, task_state: to } = data as Record<string, string>
          seen.push({ id: Number(id), server: server!, from: String(from), to: String(to) })
        }
        quiet = done && events.length === 0
      }
    })()
    const states = ['pausing', 'unpausing', 'suspending', 'resuming', null]
    const change = async (id: string): Promise<void> => {
      for (const task_state of states) {
        await store.transaction(async () => {
          await writeServer(compute, id, { task_state })
          await systemClock.sleep(compute.random.float() * 5)
        })
      }
    }
    await Promise.all(servers.map(({ id }) => Promise.all([change(id), change(id)])))
    writing = false
    await reading
    assert.equal(seen.length, servers.length * states.length * 2)
    assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length)
    for (const { id } of servers) {
      const own = seen.filter(({ server }) => server === id)
      assert.deepEqual(
        own.map(({ from }) => from),
        ['null', ...own.slice(0, -1).map(({ to }) => to)],
      )
    }
  })

  it('go when they are older than they are kept; who asks for them is told', async () => {
    const store = await open(taskSchema, computeSchema)
    const clock = new VirtualClock()
    const compute = { ...tellingCompute(store), clock }
    const server = await addServer(compute, {})
    await pauses(compute, server.id)
    await clock.advance(86_399_000)
    await writeServer(compute, server.id, { task_state: null })
    await purgeEvents(compute)
    assert.equal((await left(compute)).length, 2)
    await clock.advance(2000)
    await purgeEvents(compute)
    assert.equal((await left(compute)).length, 1)
    const feed = await openFeed(compute, { projectId: null }, 0)
    assert.deepEqual(
      (await feed.read()).map(({ event }) => event),
      ['gap', 'server.update'],
    )
    assert.deepEqual(await feed.read(), [])
  })
})

onPostgres('events', (open) => {
  it('are not read past one whose transaction began late, was numbered early, and is still under way', async () => {
    const store = await open(taskSchema, computeSchema)
    const compute = tellingCompute(store, new LocalBus(), '')
    const [first, second] = [await addServer(compute, {}), await addServer(compute, {})]
    const feed = await openFeed(compute, { projectId: null }, undefined)
    const [begun, numbered, end] = [0, 1, 2].map(() => Promise.withResolvers<void>())
    const older = store.transaction(async () => {
      await writeServer(compute, first.id, { disks_json: '[]' })
      begun!.resolve()
      await numbered!.promise
      await pauses(compute, first.id)
    })
    await begun!.promise
    const younger = store.transaction(async () => {
      await pauses(compute, second.id)
      numbered!.resolve()
      await end!.promise
    })
    await older
    const reading = feed.read()
    await systemClock.sleep(100) // time in which it could go wrong
    end!.resolve()
    await younger
    const seen = (await reading).map(({ data }) => (data as Record<string, string>)['server_id'])
    assert.deepEqual(seen, [second.id, first.id])
  })
})

it('a process that is killed while it delivers leaves the rest to the next, under the same ids', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-outbox-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'store')
  const url = `sqlite:${path}`
  const before = openStore({ url })
  await syncSchema(before, [taskSchema, computeSchema])
  const writer = tellingCompute(before)
  const { id } = await addServer(writer, {})
  await renames(writer, id, ['a', 'b', 'c'])
  const written = (await left(writer)).map(({ envelope_json }) => read(JSON.parse(envelope_json)).message_id)
  await before.close()
  const program = fileURLToPath(new URL('./dying-child.ts', import.meta.url))
  const child = spawn(process.execPath, [program, path], { stdio: 'ignore' })
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
  const store = openStore({ url })
  const bus = new LocalBus()
  const heard: string[] = []
  await bus.subscribe('notifications', ({ payload }) => heard.push(read(payload).message_id))
  const compute = tellingCompute(store, bus)
  const end = startDelivery(compute, leader(store))
  await until(async () => (await left(compute)).length === 0)
  await end()
  await store.close()
  assert.deepEqual(heard, written)
})
