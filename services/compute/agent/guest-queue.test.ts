import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GuestQueue } from './guest-queue.ts'

test('work for one guest runs in order, work for others beside it', async () => {
  const queue = new GuestQueue()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const work = (name: string, wait?: Promise<void>) => async () => {
    log.push(`${name} begins`)
    await wait
    log.push(`${name} ends`)
  }
  const first = queue.run('a', work('first', gate.promise))
  const second = queue.run('a', work('second'))
  await queue.run('b', work('other'))
  assert.deepEqual(log, ['first begins', 'other begins', 'other ends'])
  gate.resolve()
  await Promise.all([first, second])
  assert.deepEqual(log.slice(3), ['first ends', 'second begins', 'second ends'])
})

test('work that fails does not stop what comes after', async () => {
  const queue = new GuestQueue()
  const failing = queue.run('a', async () => {
    throw new Error('no')
  })
  const after = queue.run('a', async () => 'yes')
  await assert.rejects(failing, /no/)
  assert.equal(await after, 'yes')
})

test('urgent work aborts everything before it, and nothing after it', async () => {
  const queue = new GuestQueue()
  const aborted: string[] = []
  const until = (name: string) => (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const stop = () => {
        aborted.push(name)
        resolve()
      }
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop)
    })
  const running = queue.run('a', until('running'))
  const waiting = queue.run('a', until('waiting'))
  const urgent = queue.runUrgently('a', async () => aborted.push('urgent'))
  const later = queue.run('a', async (signal) => signal.aborted)
  await Promise.all([running, waiting, urgent])
  assert.deepEqual(aborted, ['running', 'waiting', 'urgent'])
  assert.equal(await later, false)
})
