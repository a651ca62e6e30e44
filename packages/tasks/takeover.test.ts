import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { onBothStores } from '@kilonova/store/testing'
import { gate, toyTasks } from './toy-tasks.ts'
import type { ToyDeps } from './toy-world.ts'
import { deleteToy, toyContext } from './toy-world.ts'

onBothStores('takeover', (open) => {
  it('drains: the step under way ends and is recorded, no other starts, the next process goes on', async (t) => {
    const inside = gate()
    const proceed = gate()
    const during: ToyDeps['during'] = {
      wheels: async () => {
        inside.open()
        await proceed.opened
        return null
      },
    }
    const { toys, tasks, make, build } = await toyTasks(open, t, during)
    await tasks.start()
    const id = await build('a')
    await inside.opened
    const stopped = tasks.stop(10_000)
    proceed.open()
    await stopped
    const left = await tasks.get(id)
    assert.deepEqual([left?.state, left?.step, left?.stepSince, left?.owner], ['running', 'running', null, null])
    const next = make()
    await next.start()
    assert.equal((await next.ended(id)).state, 'done')
    assert.equal((await toys.events('a')).filter((said) => said === 'step-started running').length, 1)
  })

  it('is taken over when its owner is gone, repeating the step', async (t) => {
    for (const [i, options] of [
      { exclusive: true, owner: 'two' },
      { owner: 'one' },
      { owner: 'two', lease: 0.2 },
    ].entries()) {
      const inside = gate()
      let first = true
      const wheels = async () => {
        if (!first) return null
        first = false
        inside.open()
        return new Promise(() => undefined)
      }
      const { toys, tasks, make, build } = await toyTasks(open, t, { wheels }, { lease: 0.2 })
      await tasks.start()
      const id = await build(`a${i}`)
      await inside.opened
      tasks.throwAway()
      const next = make(options)
      await next.start()
      assert.equal((await next.ended(id)).state, 'done')
      assert.equal((await toys.events(`a${i}`)).filter((said) => said === 'step-started wheels').length, 1)
    }
  })

  it('renews the lease of a long step, so that nobody takes over', async (t) => {
    let runs = 0
    const wheels = async () => {
      runs++
      await systemClock.sleep(3000)
      return null
    }
    const { tasks, make, build } = await toyTasks(open, t, { wheels }, { lease: 2 })
    await tasks.start()
    const other = make({ owner: 'two' })
    await other.start()
    assert.equal((await tasks.ended(await build('a'))).state, 'done')
    assert.equal(runs, 1)
  })

  it('drops a task that another process has taken, without a record', async (t) => {
    const inside = gate()
    const aborted = gate()
    let runs = 0
    const wheels = async ({ signal }: { signal: AbortSignal }) => {
      if (++runs > 1) return null
      signal.addEventListener('abort', () => aborted.open())
      inside.open()
      await aborted.opened
      throw new Error('this must not undo anything')
    }
    const { store, tasks, make, build } = await toyTasks(open, t, { wheels }, { lease: 0.3 })
    await tasks.start()
    const id = await build('a')
    await inside.opened
    await store
      .as<{ tasks: { owner: string | null; due_at: number; version: number } }>()
      .updateTable('tasks')
      .set((eb) => ({ owner: null, due_at: 1, version: eb('version', '+', 1) }))
      .execute()
    const other = make({ owner: 'two' })
    await other.start()
    assert.equal((await other.ended(id)).state, 'done')
    await aborted.opened
    assert.equal((await tasks.get(id))?.state, 'done')
  })

  it('tells a step in another process of its cancellation', async (t) => {
    const inside = gate()
    const wheels = async ({ signal }: { signal: AbortSignal }) => {
      inside.open()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw signal.reason
    }
    const { make, tasks, build } = await toyTasks(open, t, { wheels })
    await tasks.start()
    const id = await build('a')
    await inside.opened
    const api = make({ sagas: [], owner: 'api' })
    await api.start()
    await api.enqueue(deleteToy, { input: { id: 'a' }, context: toyContext, preempts: true })
    assert.equal((await api.ended(id)).error?.code, 'TaskCancelled')
  })
})
