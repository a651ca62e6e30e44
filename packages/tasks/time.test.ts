import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VirtualClock } from '@kilonova/base/clock'
import { Fault } from '@kilonova/base/fault'
import { seededRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { memoryStore } from '@kilonova/store/testing'
import { Failpoints } from './failpoints.ts'
import { later, saga } from './saga.ts'
import { taskSchema } from './schema.ts'
import type { Task } from './task.ts'
import { Tasks } from './tasks.ts'
import { toyContext } from './toy-world.ts'

/** Wall time that may be set, beside a monotonic time that may not. */
class SettableClock extends VirtualClock {
  shift = 0
  override now(): number {
    return super.now() + this.shift
  }

  /** In slices, so that what takes several turns of the event loop gets them before time goes on. */
  override async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      for (let turn = 0; turn < 8; turn++) await nextTurn()
      await super.advance(Math.min(left, 250))
    }
    for (let turn = 0; turn < 8; turn++) await nextTurn()
  }
}

type Do = (run: { signal: AbortSignal }) => unknown

describe('time', () => {
  const opened: { tasks: Tasks; store: Store }[] = []
  afterEach(async () => {
    for (const { tasks, store } of opened.splice(0)) {
      tasks.throwAway()
      await store.close()
    }
  })

  async function begin(
    work: Do,
    parts: { undo?: Do; deadline?: number; timeout?: number; clock?: SettableClock } = {},
  ) {
    const { undo, deadline = 3600, timeout, clock = new SettableClock() } = parts
    const store = await memoryStore(taskSchema)
    const one = saga<string, object>('thing.make', { deadline }).step('one', { do: work, undo, timeout }).end()
    const make = () =>
      new Tasks({
        store,
        clock,
        random: seededRandom(1),
        sagas: [one],
        deps: {},
        owner: 'one',
        exclusive: true,
        failpoints: new Failpoints(),
      })
    const tasks = make()
    opened.push({ tasks, store })
    await tasks.start()
    const id = await tasks.enqueue(one, { input: 'a', context: toyContext })
    const run = async (seconds: number): Promise<Task> => {
      await clock.advance(seconds * 1000)
      return (await tasks.get(id))!
    }
    return { clock, tasks, make, id, run, store }
  }

  const away = () => {
    throw new Fault({ code: 'BusTimeout', status: 504, kind: 'x', message: 'no answer', details: {} })
  }
  const hang: Do = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

  it('ends a step that takes too long', async () => {
    const { run } = await begin(hang, { timeout: 30 })
    assert.equal((await run(29)).state, 'running')
    const task = await run(2)
    assert.deepEqual([task.state, task.error?.code], ['undone', 'StepTimeout'])
    assert.equal(task.error?.message, 'thing.make.one did not end within 30 s')
  })

  it('goes on without a step that does not hear its signal', async () => {
    const { run } = await begin(() => new Promise(() => undefined), { timeout: 30 })
    assert.equal((await run(35)).state, 'running')
    assert.deepEqual((await run(10)).error?.code, 'StepTimeout')
  })

  it('tells a step how long it has waited, whatever the wall clock does', async () => {
    const waits: number[] = []
    const work = ({ waited }: { waited?: number }) => {
      waits.push(Math.round(waited!))
      return waits.length < 3 ? later(60) : null
    }
    const { run, clock } = await begin(work as Do)
    await run(1)
    clock.shift = 86_400_000
    await run(60)
    clock.shift = -86_400_000
    await run(61)
    assert.deepEqual(waits, [0, 60, 120])
  })

  it('undoes what misses its deadline, in a step, in a nap and between retries', async () => {
    for (const work of [hang, () => later(60, 'still copying'), away]) {
      let undone = 0
      const { run } = await begin(work, { deadline: 300, undo: () => undone++ })
      assert.equal((await run(299)).state, 'running')
      const task = await run(40)
      assert.deepEqual([task.state, task.error?.code, undone], ['undone', 'DeadlineExceeded', 1])
    }
  })

  it('says in the reason what it waited for', async () => {
    const { run } = await begin(() => later(60, 'still copying'), { deadline: 90 })
    const { error } = await run(200)
    assert.equal(error?.message, 'thing.make did not end within 90 s; it was at one (still copying)')
  })

  it('retries with growing delay', async () => {
    const at: number[] = []
    const { clock, run } = await begin(() => {
      at.push(clock.monotonic())
      away()
    })
    await run(300)
    const gaps = at.slice(1).map((time, i) => time - at[i]!)
    assert.ok(gaps[0]! < 1000 && gaps[3]! > 2000 && Math.max(...gaps) <= 37_000, String(gaps))
    assert.ok(at.length > 8 && at.length < 20)
  })

  it('gives up an undo after many tries', async () => {
    let tries = 0
    const undo = () => {
      tries++
      throw new Error('rusted on')
    }
    const { run } = await begin(
      () => {
        throw new Error('no')
      },
      { undo },
    )
    assert.equal((await run(60)).state, 'running')
    assert.deepEqual([(await run(600)).state, tries], ['stuck', 12])
    await run(3600)
    assert.equal(tries, 12)
  })

  it('is not moved by a step of the wall clock', async () => {
    for (const shift of [86_400_000, -86_400_000]) {
      const { clock, run } = await begin(() => (clock.monotonic() < 100_000 ? later(10) : null), { deadline: 300 })
      await run(15)
      clock.shift = shift
      assert.equal((await run(50)).state, 'running')
      assert.equal((await run(50)).state, 'done')
    }
  })

  it('goes on after a restart though the wall clock was set back', async () => {
    const clock = new SettableClock()
    const { tasks, make, id, run, store } = await begin(() => (clock.monotonic() < 100_000 ? later(10) : null), {
      clock,
    })
    const { updatedAt } = await run(15)
    tasks.throwAway()
    clock.shift = -86_400_000
    const next = make()
    opened.push({ tasks: next, store })
    await next.start()
    const task = await run(100)
    assert.equal(task.state, 'done')
    assert.ok(task.updatedAt >= updatedAt)
    assert.equal(task.id, id)
  })

  it('begins no earlier than it is due', async () => {
    const { tasks, run, clock } = await begin(() => 1)
    const other = saga<string, object>('thing.make')
      .step('one', { do: () => 1 })
      .end()
    const id = await tasks.enqueue(other, { input: 'b', context: toyContext, dueIn: 600 })
    await run(590)
    assert.equal((await tasks.get(id))?.startedAt, null)
    await clock.advance(20_000)
    assert.equal((await tasks.get(id))?.state, 'done')
  })
})
