import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Coalescer, KeyedLock } from './keyed-lock.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('one key runs in order, also after a failure; other keys do not wait', async () => {
  const lock = new KeyedLock()
  const seen: string[] = []
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const first = lock.run('a', async () => {
    await gate
    seen.push('first')
    throw new Error('failed')
  })
  const second = lock.run('a', async () => seen.push('second'))
  await lock.run('b', async () => seen.push('other'))
  release()
  await assert.rejects(first, /failed/)
  await second
  assert.deepEqual(seen, ['other', 'first', 'second'])
})

test('requests that come while the work runs share its next run', async () => {
  let runs = 0
  let release = (): void => undefined
  const coalescer = new Coalescer(async () => {
    runs++
    await new Promise<void>((resolve) => {
      release = resolve
    })
  })
  const first = coalescer.request()
  await turn()
  const others = [coalescer.request(), coalescer.request()]
  release()
  await first
  await turn()
  release()
  await Promise.all(others)
  assert.equal(runs, 2)
})

test('a failed run fails only those who asked for it', async () => {
  let failing = true
  const coalescer = new Coalescer(async () => {
    if (failing) throw new Error('failed')
  })
  await assert.rejects(coalescer.request(), /failed/)
  failing = false
  await coalescer.request()
})
