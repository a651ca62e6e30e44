import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import { stepNames } from './describe.ts'
import { Failpoints } from './failpoints.ts'
import { taskSchema } from './schema.ts'
import { Tasks } from './tasks.ts'
import { buildToy, deleteToy, Toys, toyContext, toySchema } from './toy-world.ts'

it('names every step and undo', () => {
  assert.deepEqual(stepNames([buildToy, deleteToy]), [
    'toy.build.body',
    'toy.build.body.undo',
    'toy.build.wheels',
    'toy.build.wheels.undo',
    'toy.build.running',
    'toy.delete.parts',
  ])
})

it('fires as often as asked, at its place only', () => {
  const points = new Failpoints('toy.build.body:before:error:2, toy.delete.parts:after:hang')
  assert.equal(points.take('toy.build.body', 'after'), undefined)
  assert.equal(points.take('toy.build.body', 'before'), 'error')
  assert.equal(points.take('toy.build.body', 'before'), 'error')
  assert.equal(points.take('toy.build.body', 'before'), undefined)
  assert.deepEqual([points.fired, points.unfired], [2, ['toy.delete.parts:after:hang']])
})

it('crashes once for several crashes: when the last of them is reached', () => {
  const points = new Failpoints(
    'toy.build.body:effect:crash, toy.build.wheels:before:error, toy.delete.parts:after:crash',
  )
  assert.equal(points.take('toy.delete.parts', 'after'), 'hang')
  assert.equal(points.take('toy.build.wheels', 'before'), 'error')
  assert.equal(points.crashed, false)
  assert.equal(points.take('toy.build.body', 'effect'), 'crash')
  assert.equal(points.crashed, true)
})

it('refuses what it does not understand', () => {
  const wrong = ['toy.build.body', 'toy.build.body:during:error', 'toy.build.body:before:explode', 'body:before:error']
  for (const text of [...wrong, 'toy.build.body:before:error:0', 'toy.build.body:before:error:1:2']) {
    assert.throws(() => new Failpoints(text), /KILONOVA_FAILPOINT: '.*' is not <task>\.<step>:/)
  }
})

it('refuses to start with a failpoint at a step that does not exist', async () => {
  const store = await memoryStore(taskSchema)
  const failpoints = new Failpoints('toy.build.wings:before:crash')
  const tasks = new Tasks({ store, sagas: [buildToy], deps: { store }, owner: 'one', failpoints })
  await assert.rejects(tasks.start(), /no task has a step toy\.build\.wings/)
  await store.close()
})

/** Runs the child until it ends; returns how. */
function child(path: string, failpoint: string): Promise<string> {
  const program = fileURLToPath(new URL('./toy-child.ts', import.meta.url))
  const env = { ...process.env, KILONOVA_FAILPOINT: failpoint }
  const running = spawn(process.execPath, [program, path], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  return new Promise((resolve, reject) => {
    running.on('error', reject)
    running.on('exit', (code, signal) => resolve(signal ?? String(code)))
  })
}

it('survives SIGKILL of the process at each place', async () => {
  for (const place of ['before', 'effect', 'after']) {
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-tasks-'))
    const path = join(directory, 'db')
    try {
      assert.equal(await child(path, `toy.build.wheels:${place}:crash`), 'SIGKILL')
      const store = openStore({ url: `sqlite:${path}` })
      await syncSchema(store, [taskSchema, toySchema])
      const toys = new Toys(store)
      assert.equal(await toys.state('a'), 'new')
      const [task] = await new Tasks({ store, owner: 'reader' }).list({ live: true })
      assert.deepEqual([task?.owner, task?.step], ['child', place === 'after' ? 'running' : 'wheels'])
      assert.equal((await toys.parts('a')).includes('wheels'), place !== 'before')
      await store.close()

      assert.equal(await child(path, ''), '0')
      const again = openStore({ url: `sqlite:${path}` })
      const after = new Toys(again)
      assert.equal(await after.state('a'), 'active')
      const events = await after.events('a')
      assert.equal(new Set(events).size, events.length)
      await again.close()
    } finally {
      await rm(directory, { recursive: true })
    }
  }
})

it('keeps the accepted task when the process dies at once', async () => {
  const store = await memoryStore(taskSchema, toySchema)
  const failpoints = new Failpoints('toy.build.body:before:crash', 'throw-away')
  const make = (points: Failpoints, owner: string) =>
    new Tasks({ store, sagas: [buildToy], deps: { store }, owner, exclusive: true, failpoints: points })
  const first = make(failpoints, 'one')
  await first.start()
  const id = await first.enqueue(buildToy, { input: { id: 'a' }, context: toyContext })
  const second = make(new Failpoints(), 'two')
  while (!failpoints.crashed) await new Promise((resolve) => setImmediate(resolve))
  await second.start()
  assert.equal((await second.ended(id)).state, 'done')
  await second.stop(0)
  await store.close()
})
