import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { Fault, isFault } from '@kilonova/base/fault'
import { onBothStores } from '@kilonova/store/testing'
import { later, saga, startOver } from './saga.ts'
import type { TaskTables } from './schema.ts'
import { freshTasks, gate, toyTasks } from './toy-tasks.ts'
import type { ToyInput } from './toy-world.ts'
import { buildToy, deleteToy, toyContext } from './toy-world.ts'

const unreachable = () => new Fault({ code: 'Unreachable', status: 503, kind: 'x', message: 'agent away', details: {} })

onBothStores('tasks', (open) => {
  it('runs the steps in order and records each once', async (t) => {
    const { toys, tasks, build } = await toyTasks(open, t)
    await tasks.start()
    const task = await tasks.ended(await build('a'))
    assert.equal(task.state, 'done')
    assert.deepEqual(task.done, { body: 'body', wheels: null, running: null })
    assert.deepEqual([task.owner, task.dueAt, task.step], [null, null, null])
    assert.equal(await toys.state('a'), 'active')
    assert.deepEqual(await toys.events('a'), [
      'task-started',
      'step-started body',
      'step-finished body',
      'step-started wheels',
      'step-finished wheels',
      'step-started running',
      'step-finished running',
      'task-done',
    ])
    const log = await tasks.log(task.id)
    assert.deepEqual(
      log.map(({ step, direction, outcome }) => `${step} ${direction} ${outcome}`),
      ['body do done', 'wheels do done', 'running do done'],
    )
  })

  it('undoes upwards from the step that failed', async (t) => {
    const during = {
      wheels: () => {
        throw new Error('no wheels', { cause: new Error('shelf empty') })
      },
    }
    const { toys, tasks, build } = await toyTasks(open, t, during)
    await tasks.start()
    const task = await tasks.ended(await build('a'))
    assert.equal(task.state, 'undone')
    assert.deepEqual(task.error, { message: 'no wheels: shelf empty' })
    assert.deepEqual(await toys.parts('a'), [])
    assert.equal(await toys.state('a'), 'error')
    assert.deepEqual((await toys.events('a')).slice(4), [
      'step-failed wheels',
      'step-started wheels undo',
      'step-finished wheels undo',
      'step-started body undo',
      'step-finished body undo',
      'task-undone',
    ])
  })

  it('stores a task with the row it is about, or neither', async (t) => {
    const { store, toys, tasks } = await toyTasks(open, t)
    const work = store.transaction(async () => {
      await toys.add('a')
      await tasks.enqueue(buildToy, { input: { id: 'a' }, context: toyContext })
      throw new Error('no')
    })
    await assert.rejects(work, /no/)
    assert.deepEqual(await tasks.list(), [])
    assert.equal(await toys.state('a'), undefined)
  })

  it('refuses a second mutating task, naming the first, and leaves the transaction usable', async (t) => {
    const { store, toys, tasks, build } = await toyTasks(open, t)
    const first = await build('a')
    await store.transaction(async () => {
      const second = tasks.enqueue(deleteToy, { input: { id: 'a' }, context: toyContext })
      await assert.rejects(second, (error) => {
        assert.ok(isFault(error, 'TaskConflict'))
        assert.deepEqual(error.details, { resource: { type: 'toy', id: 'a' }, running: 'toy.build', taskId: first })
        return true
      })
      await toys.add('b')
    })
    assert.equal(await toys.state('b'), 'new')
    assert.equal((await tasks.liveTask({ type: 'toy', id: 'a' }))?.id, first)
  })

  it('lets one of many at once win', async (t) => {
    const { tasks } = await toyTasks(open, t)
    const all = Array.from({ length: 10 }, () => tasks.enqueue(deleteToy, { input: { id: 'a' }, context: toyContext }))
    const results = await Promise.allSettled(all)
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) assert.ok(result.status === 'fulfilled' || isFault(result.reason, 'TaskConflict'))
  })

  it('looks again later, at once when nudged, and as the same run of the step', async (t) => {
    let looks = 0
    const { toys, tasks, build } = await toyTasks(open, t, {
      running: () => (++looks < 3 ? later(600, 'not yet') : null),
    })
    await tasks.start()
    const id = await build('a')
    await tasks.idle()
    const task = await tasks.get(id)
    assert.deepEqual([task?.reason, task?.owner, looks], ['not yet', null, 1])
    await tasks.nudge({ type: 'toy', id: 'a' })
    await tasks.idle()
    await tasks.nudge(id)
    assert.equal((await tasks.ended(id)).state, 'done')
    assert.equal((await toys.events('a')).filter((said) => said === 'step-started running').length, 1)
  })

  it('does not lose a nudge that comes while the step looks', async (t) => {
    const looking = gate()
    const nudged = gate()
    let looks = 0
    const running = async () => {
      if (++looks > 1) return null
      looking.open()
      await nudged.opened
      return later(600)
    }
    const { tasks, build } = await toyTasks(open, t, { running })
    await tasks.start()
    const id = await build('a')
    await looking.opened
    await tasks.nudge(id)
    nudged.open()
    assert.equal((await tasks.ended(id)).state, 'done')
    assert.equal(looks, 2)
  })

  it('wakes by itself when a nap is over', async (t) => {
    let looks = 0
    const { tasks, build } = await toyTasks(
      open,
      t,
      { running: () => (++looks < 3 ? later(0.01) : null) },
      { poll: 60 },
    )
    await tasks.start()
    assert.equal((await tasks.ended(await build('a'))).state, 'done')
  })

  it('retries transient errors and gives up on others', async (t) => {
    let calls = 0
    const body = () => {
      if (++calls < 3) throw unreachable()
      return null
    }
    const { toys, tasks, build } = await toyTasks(open, t, { body })
    await tasks.start()
    const task = await tasks.ended(await build('a'))
    assert.deepEqual([task.state, calls], ['done', 3])
    assert.equal((await tasks.log(task.id))[0]?.tries, 2)
    assert.equal((await toys.events('a')).filter((said) => said.startsWith('step-failed')).length, 0)
  })

  it('starts over with a new input after undoing everything', async (t) => {
    const seen: unknown[] = []
    const wheels = ({ attempt, input }: { attempt: number; input: ToyInput }) => {
      seen.push([attempt, input.parts])
      if (attempt < 3) throw startOver({ ...input, parts: [`without-${attempt}`] }, new Error('bad shelf'))
    }
    const { toys, tasks, build } = await toyTasks(open, t, { wheels })
    await tasks.start()
    const task = await tasks.ended(await build('a'))
    assert.deepEqual([task.state, task.attempt, task.error], ['done', 3, null])
    assert.deepEqual(seen, [
      [1, undefined],
      [2, ['without-1']],
      [3, ['without-2']],
    ])
    assert.equal((await toys.events('a')).filter((said) => said === 'task-restarted').length, 2)
    assert.deepEqual(await toys.parts('a'), ['body', 'wheels'])
  })

  it('preempts: aborts the running step, undoes, then begins', async (t) => {
    const inside = gate()
    const order: string[] = []
    const wheels = async ({ signal }: { signal: AbortSignal }) => {
      inside.open()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      order.push('aborted')
      throw signal.reason
    }
    const during = { wheels, 'body.undo': () => order.push('undone'), delete: () => void order.push('deleted') }
    const { toys, tasks, build } = await toyTasks(open, t, during)
    await tasks.start()
    const built = await build('a')
    await inside.opened
    const options = { input: { id: 'a' }, context: toyContext, preempts: true }
    const deleted = await tasks.enqueue(deleteToy, options)
    await assert.rejects(tasks.enqueue(deleteToy, options), (error) => isFault(error, 'TaskConflict'))
    assert.equal((await tasks.ended(deleted)).state, 'done')
    const first = await tasks.get(built)
    assert.deepEqual([first?.state, first?.error?.code], ['undone', 'TaskCancelled'])
    assert.deepEqual(order, ['aborted', 'undone', 'deleted'])
    assert.equal(await toys.state('a'), 'deleted')
  })

  it('preempts what waits already, too', async (t) => {
    const inside = gate()
    const allWait = gate()
    const wheels = async ({ signal }: { signal: AbortSignal }) => {
      inside.open()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw signal.reason
    }
    const paint = saga<{ id: string }, object>('toy.paint', { resource: ({ id }) => ({ type: 'toy', id }) })
      .step('red', { do: () => 'red' })
      .end()
    const { make, toys, build } = await toyTasks(open, t, { wheels, 'body.undo': () => allWait.opened })
    const tasks = make({ sagas: [buildToy, deleteToy, paint] })
    await tasks.start()
    const built = await build('a')
    await inside.opened
    const options = { input: { id: 'a' }, context: toyContext, preempts: true }
    const deleted = await tasks.enqueue(deleteToy, options)
    const painted = await tasks.enqueue(paint, options)
    allWait.open()
    assert.equal((await tasks.ended(painted)).state, 'done')
    for (const id of [built, deleted]) assert.equal((await tasks.get(id))?.error?.code, 'TaskCancelled')
    assert.equal(await toys.state('a'), 'error')
  })

  it('gives up a task whose undo goes on failing, and begins what waits', async (t) => {
    const inside = gate()
    const during = {
      wheels: async ({ signal }: { signal: AbortSignal }) => {
        inside.open()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw signal.reason
      },
      'wheels.undo': () => {
        throw new Error('rusted on')
      },
    }
    const { tasks, build } = await toyTasks(open, t, during)
    await tasks.start()
    const built = await build('a')
    await inside.opened
    await tasks.giveUp(built, 'enough', 0)
    const deleted = await tasks.enqueue(deleteToy, { input: { id: 'a' }, context: toyContext, preempts: true })
    assert.equal((await tasks.ended(deleted)).state, 'done')
    const task = await tasks.get(built)
    assert.deepEqual([task?.state, task?.reason], ['stuck', 'rusted on'])
    assert.equal(task?.error?.message, 'toy.build was cancelled: enough')
  })

  it('gives up an undo that naps before its next try', async (t) => {
    let tries = 0
    const during = {
      wheels: () => {
        throw new Error('no wheels')
      },
      'wheels.undo': () => {
        tries += 1
        throw new Error('rusted on')
      },
    }
    const { tasks, build } = await toyTasks(open, t, during)
    await tasks.start()
    const built = await build('a')
    while ((await tasks.get(built))?.tries !== 1) await systemClock.sleep(1)
    await tasks.giveUp(built, 'enough', 0)
    const task = await tasks.ended(built)
    assert.deepEqual([task.state, task.error?.message], ['stuck', 'no wheels'])
    assert.ok(tries < 12, `${tries} tries`)
  })

  it('cancels a napping task at once', async (t) => {
    const { tasks, toys, build } = await toyTasks(open, t, { running: () => later(600) })
    await tasks.start()
    const id = await build('a')
    await tasks.idle()
    await tasks.cancel(id, 'changed my mind')
    const task = await tasks.ended(id)
    assert.deepEqual([task.state, task.error?.message], ['undone', 'toy.build was cancelled: changed my mind'])
    assert.deepEqual(await toys.parts('a'), [])
  })

  it('does not start over when it is cancelled meanwhile', async (t) => {
    const undoing = gate()
    const proceed = gate()
    const wheels = ({ input }: { input: ToyInput }) => {
      throw startOver(input, new Error('again'))
    }
    const undo = async () => {
      undoing.open()
      await proceed.opened
    }
    const { tasks, build } = await toyTasks(open, t, { wheels, 'wheels.undo': undo })
    await tasks.start()
    const id = await build('a')
    await undoing.opened
    await tasks.cancel(id, 'enough')
    proceed.open()
    const task = await tasks.ended(id)
    assert.deepEqual([task.state, task.attempt], ['undone', 1])
  })

  it('is stuck when an undo fails for good, frees the resource, and can be retried', async (t) => {
    let broken = true
    const during = {
      running: () => {
        throw new Error('does not run')
      },
      'wheels.undo': () => {
        if (broken) throw new Error('rusted on')
      },
    }
    const { toys, tasks, build } = await toyTasks(open, t, during, { undoTries: 1 })
    await tasks.start()
    const id = await build('a')
    const task = await tasks.ended(id)
    assert.deepEqual([task.state, task.reason, task.step], ['stuck', 'rusted on', 'wheels'])
    assert.deepEqual(
      (await tasks.list({ stuck: true })).map((one) => one.id),
      [id],
    )
    assert.equal((await toys.events('a')).at(-1), 'task-stuck')
    assert.equal(await tasks.liveTask({ type: 'toy', id: 'a' }), undefined)
    broken = false
    await tasks.retry(id)
    assert.equal((await tasks.ended(id)).state, 'undone')
    assert.deepEqual(await toys.parts('a'), ['wheels'].slice(1))
    await assert.rejects(tasks.retry(id), (error) => isFault(error, 'TaskNotStuck'))
  })

  it('lets a preempting task begin when the one before it gets stuck', async (t) => {
    const undoing = gate()
    const proceed = gate()
    const during = {
      wheels: () => {
        throw new Error('no wheels')
      },
      'wheels.undo': async () => {
        undoing.open()
        await proceed.opened
        throw new Error('rusted on')
      },
    }
    const { tasks, build } = await toyTasks(open, t, during, { undoTries: 1 })
    await tasks.start()
    const built = await build('a')
    await undoing.opened
    const deleted = await tasks.enqueue(deleteToy, { input: { id: 'a' }, context: toyContext, preempts: true })
    proceed.open()
    assert.equal((await tasks.ended(deleted)).state, 'done')
    assert.equal((await tasks.get(built))?.state, 'stuck')
    await tasks.dismiss(built, 'the toy is gone')
    assert.equal((await tasks.get(built))?.state, 'undone')
  })

  it('is stuck, not looping, when its end cannot be written', async (t) => {
    const { make } = await freshTasks(open, t)
    const broken = saga<string, object>('thing.make', { resource: (id) => ({ type: 'thing', id }) })
      .step('one', { do: () => 1 })
      .end({
        done: () => {
          throw new Error('no such row')
        },
      })
    const tasks = make({ sagas: [broken], deps: {}, undoTries: 1 })
    await tasks.start()
    const task = await tasks.ended(await tasks.enqueue(broken, { input: 'a', context: toyContext }))
    assert.deepEqual([task.state, task.reason], ['stuck', 'no such row'])
  })

  it('tells of the end after what the end did', async (t) => {
    const { make } = await freshTasks(open, t)
    const heard: string[] = []
    const observe = ({ kind }: { kind: string }) => void heard.push(kind)
    const ended = saga<string, object>('thing.make', { observe })
      .step('one', { do: ({ input }) => assert.equal(input, 'good') })
      .end({ done: () => void heard.push('done'), undone: () => void heard.push('undone') })
    const tasks = make({ sagas: [ended], deps: {} })
    await tasks.start()
    for (const input of ['good', 'bad']) await tasks.ended(await tasks.enqueue(ended, { input, context: toyContext }))
    const begin = ['task-started', 'step-started']
    const [done, undone] = [
      ['step-finished', 'done', 'task-done'],
      ['step-failed', 'undone', 'task-undone'],
    ]
    assert.deepEqual(heard, [...begin, ...done, ...begin, ...undone])
  })

  it('does not let one failing observer hold up others', async (t) => {
    const { make } = await freshTasks(open, t)
    const observe = (_event: unknown, { input }: { input: string }) => {
      if (input === 'bad') throw new Error('cannot watch')
    }
    const watched = saga<string, object>('thing.make', { observe })
      .step('one', { do: () => 1 })
      .end()
    const tasks = make({ sagas: [watched], deps: {}, undoTries: 1 })
    const ids = []
    for (const input of ['good', 'bad', 'fine']) ids.push(await tasks.enqueue(watched, { input, context: toyContext }))
    await tasks.start()
    const states = await Promise.all(ids.map(async (id) => (await tasks.ended(id)).state))
    assert.deepEqual(states, ['done', 'stuck', 'done'])
  })

  it('runs what an end hook enqueues on the same resource next', async (t) => {
    const { make } = await freshTasks(open, t)
    const about = { resource: (id: string) => ({ type: 'thing', id }) }
    const second = saga<string, object>('thing.second', about)
      .step('one', { do: () => 1 })
      .end()
    let next = ''
    const first = saga<string, object>('thing.first', about)
      .step('one', { do: () => 1 })
      .end({
        done: async ({ input, context }) => {
          next = await tasks.enqueue(second, { input, context })
        },
      })
    const tasks = make({ sagas: [first, second], deps: {} })
    await tasks.start()
    await tasks.ended(await tasks.enqueue(first, { input: 'a', context: toyContext }))
    assert.equal((await tasks.ended(next)).state, 'done')
  })

  it('runs many at once, at most as many as allowed', async (t) => {
    const full = gate()
    let now = 0
    let most = 0
    const body = async () => {
      most = Math.max(most, ++now)
      if (now === 4) full.open()
      await full.opened
      now--
      return null
    }
    const { tasks, build } = await toyTasks(open, t, { body }, { concurrency: 4 })
    await tasks.start()
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => build(`t${i}`)))
    const states = await Promise.all(ids.map(async (id) => (await tasks.ended(id)).state))
    assert.ok(states.every((state) => state === 'done'))
    assert.equal(most, 4)
  })

  it('lists the one that goes on before one of the same instant that ended', async (t) => {
    const { tasks, build, store } = await toyTasks(open, t)
    await tasks.start()
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const built = await build(id)
      await tasks.ended(built)
      const next = await tasks.enqueue(deleteToy, { input: { id }, context: toyContext, dueIn: 600 })
      await store.as<TaskTables>().updateTable('tasks').set({ created_at: 1 }).execute()
      const [newest] = await tasks.list({ resource: { type: 'toy', id }, limit: 1 })
      assert.equal(newest?.id, next)
    }
  })

  it('waits for its time, lists by resource newest first, and purges what ended', async (t) => {
    const { tasks, build } = await toyTasks(open, t)
    await tasks.start()
    const first = await build('a')
    await tasks.ended(first)
    const context = toyContext
    const second = await tasks.enqueue(deleteToy, { input: { id: 'a' }, context, dueIn: 600 })
    await tasks.idle()
    assert.equal((await tasks.get(second))?.startedAt, null)
    const about = await tasks.list({ resource: { type: 'toy', id: 'a' } })
    assert.deepEqual(new Set(about.map(({ id }) => id)), new Set([first, second]))
    assert.deepEqual(
      (await tasks.list({ live: true })).map(({ id }) => id),
      [second],
    )
    assert.equal(await tasks.purge(systemClock.now() + 60_000), 1)
    assert.equal(await tasks.get(first), undefined)
    assert.deepEqual(await tasks.log(first), [])
    await assert.rejects(tasks.ended(first), (error) => isFault(error, 'TaskNotFound'))
  })
})
