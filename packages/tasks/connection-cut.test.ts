import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import { startPostgres } from '@kilonova/store/testing'
import { sql } from 'kysely'
import { Failpoints } from './failpoints.ts'
import { taskSchema } from './schema.ts'
import { Tasks } from './tasks.ts'
import { buildToy, Toys, toyContext, toySchema } from './toy-world.ts'

it('goes on when its connections are cut again and again', async (t) => {
  const cluster = await startPostgres()
  const store = openStore({ url: await cluster.createDatabase() })
  const killer = openStore({ url: await cluster.createDatabase(), poolSize: 1 })
  t.after(async () => {
    await Promise.all([store.close(), killer.close()])
    await cluster.stop()
  })
  await syncSchema(store, [taskSchema, toySchema])
  const toys = new Toys(store)
  const deps = { store }
  const tasks = new Tasks({ store, sagas: [buildToy], deps, owner: 'one', poll: 0.1, failpoints: new Failpoints() })
  await tasks.start()
  const names = Array.from({ length: 10 }, (_, i) => `toy${i}`)
  const ids = await store.transaction(async () => {
    const made: string[] = []
    for (const id of names) {
      await toys.add(id)
      made.push(await tasks.enqueue(buildToy, { input: { id }, context: toyContext }))
    }
    return made
  })
  for (let cut = 0; cut < 15; cut++) {
    await systemClock.sleep(10)
    const others = sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()`
    await others.execute(killer.as())
  }
  const waitFor = async (id: string): Promise<string> => {
    for (;;) {
      const task = await tasks.get(id).catch(() => undefined)
      if (task?.endedAt) return task.state
      await systemClock.sleep(20)
    }
  }
  assert.deepEqual(new Set(await Promise.all(ids.map(waitFor))), new Set(['done']))
  for (const id of names) {
    const events = await toys.events(id)
    assert.equal(new Set(events).size, events.length, events.join(', '))
  }
  await tasks.stop(0)
})
