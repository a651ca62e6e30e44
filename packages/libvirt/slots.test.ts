// Waiting in line for the slow connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'
import { LibvirtError } from './errors.ts'
import { Slots } from './slots.ts'

const wanted = { procedure: 'domains.resume', clock: systemClock }

test('as many as there are slots, the others in their order', async () => {
  const slots = new Slots(2)
  const releases = [await slots.take(wanted), await slots.take(wanted)]
  const order: string[] = []
  const third = slots.take(wanted).then((release) => {
    order.push('third')
    return release
  })
  const fourth = slots.take(wanted).then(() => order.push('fourth'))
  await Promise.resolve()
  assert.deepEqual(order, [])
  releases[0]?.()
  releases[0]?.() // a second time gives nothing more
  const release = await third
  assert.deepEqual(order, ['third'])
  release()
  await fourth
  assert.deepEqual(order, ['third', 'fourth'])
})

test('who gives up leaves the line', async () => {
  const slots = new Slots(1)
  const release = await slots.take(wanted)
  const giveUp = new AbortController()
  const aborted = slots.take({ ...wanted, signal: giveUp.signal })
  const late = slots.take({ ...wanted, timeout: 1 })
  giveUp.abort()
  const kind = (expected: string) => (error: unknown) => error instanceof LibvirtError && error.kind === expected
  await assert.rejects(aborted, kind('aborted'))
  await assert.rejects(late, kind('timeout'))
  await assert.rejects(slots.take({ ...wanted, signal: giveUp.signal }), kind('aborted'))
  release()
  await slots.take(wanted)
})
