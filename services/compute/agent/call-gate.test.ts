import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { isTransient } from '@kilonova/tasks/transient'
import { CallGate } from './call-gate.ts'

const SECOND = 1000

function slowMethods(clock: VirtualClock) {
  const ended: string[] = []
  const gate = new CallGate('h1')
  const methods = gate.guard({
    work: async (name: string) => {
      await clock.sleep(3 * SECOND)
      ended.push(name)
      return name
    },
  })
  return { gate, methods, ended }
}

test('a gate that closes waits for calls under way and refuses new ones', async () => {
  const clock = new VirtualClock()
  const { gate, methods, ended } = slowMethods(clock)
  const running = methods.work('first')
  let isClosed = false
  const closing = gate.close(60 * SECOND, clock).then(() => {
    isClosed = true
  })
  await assert.rejects(methods.work('second'), (error) => isFault(error, 'HostStopping') && isTransient(error))
  await clock.advance(2 * SECOND)
  assert.equal(isClosed, false)
  await clock.advance(SECOND)
  await closing
  assert.equal(await running, 'first')
  assert.deepEqual(ended, ['first'])
})

test('it waits no longer than it is told', async () => {
  const clock = new VirtualClock()
  const { gate, methods, ended } = slowMethods(clock)
  const running = methods.work('first')
  const closing = gate.close(SECOND, clock)
  await clock.advance(SECOND)
  await closing
  assert.deepEqual(ended, [])
  await clock.advance(2 * SECOND)
  await running
})
