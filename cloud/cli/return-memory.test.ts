import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { returnMemoryWhenIdle } from './return-memory.ts'

const LOOK_MS = 5_000

it('collects what nobody needs, once the process is idle', async () => {
  const clock = new VirtualClock()
  const garbage = new WeakRef({ large: new Array(1000) })
  returnMemoryWhenIdle(clock)
  const busyUntil = systemClock.monotonic() + 50
  while (systemClock.monotonic() < busyUntil);
  await clock.advance(LOOK_MS)
  assert.notEqual(garbage.deref(), undefined, 'it was busy')
  for (let looks = 0; looks < 30 && garbage.deref() !== undefined; looks++) {
    await systemClock.sleep(1000)
    await clock.advance(LOOK_MS)
  }
  assert.equal(garbage.deref(), undefined)
})
