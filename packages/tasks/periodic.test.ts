import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { seededRandom, systemRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import { Leader } from './leader.ts'
import { Periodic } from './periodic.ts'
import { taskSchema } from './schema.ts'

it('runs again and again, also after an error', async () => {
  const clock = new VirtualClock()
  const periodic = new Periodic(clock, seededRandom(1))
  const at: number[] = []
  periodic.every({ name: 'count', seconds: 10, spread: 0 }, () => {
    at.push(clock.monotonic())
    throw new Error('no')
  })
  await clock.advance(35_000)
  assert.deepEqual(at, [10_000, 20_000, 30_000])
  await periodic.stop()
  await clock.advance(35_000)
  assert.equal(at.length, 3)
})

it('begins at once if asked to, and spreads its turns', async () => {
  const clock = new VirtualClock()
  const periodic = new Periodic(clock, seededRandom(1))
  const at: number[] = []
  periodic.every({ name: 'count', seconds: 10, immediately: true, spread: 0.5 }, () => void at.push(clock.monotonic()))
  await clock.advance(100_000)
  await periodic.stop()
  const gaps = at.slice(1).map((time, i) => time - at[i]!)
  assert.equal(at[0], 0)
  assert.ok(gaps.every((gap) => gap >= 5000 && gap <= 15_000))
  assert.ok(new Set(gaps).size > 1)
})

it('never runs twice at once', async () => {
  const clock = new VirtualClock()
  const periodic = new Periodic(clock, seededRandom(1))
  let running = 0
  let most = 0
  let turns = 0
  const now = periodic.every({ name: 'slow', seconds: 1, spread: 0 }, async () => {
    turns++
    most = Math.max(most, ++running)
    await clock.sleep(5000)
    running--
  })
  const both = Promise.all([now(), now()])
  await clock.advance(4000)
  assert.equal(turns, 1)
  await clock.advance(20_000)
  await both
  assert.ok(turns > 2)
  assert.equal(most, 1)
  const stopped = periodic.stop()
  await clock.advance(5000)
  await stopped
})

it('tells the turn under way to stop and waits for it', async () => {
  const periodic = new Periodic(systemClock, systemRandom)
  let ended = false
  periodic.every({ name: 'slow', seconds: 1, immediately: true }, async (signal) => {
    await systemClock.sleep(60_000, signal)
    ended = true
  })
  await periodic.stop()
  assert.ok(ended)
})

it('does nothing when switched off, except when asked', async () => {
  const clock = new VirtualClock()
  const periodic = new Periodic(clock, seededRandom(1))
  let turns = 0
  const now = periodic.every({ name: 'off', seconds: 0 }, () => turns++)
  await clock.advance(3_600_000)
  assert.equal(turns, 0)
  await now()
  assert.equal(turns, 1)
})

onBothStores('leader', (open) => {
  it('lets one of several do it, and another when that one is gone', async () => {
    const store = await open(taskSchema)
    const lease = 2 // seconds in which all that must happen before its end does
    const one = new Leader({ store, owner: 'one', lease })
    const two = new Leader({ store, owner: 'two', lease })
    const nothing = () => undefined
    assert.equal(await one.ifLeading('sync', nothing), true)
    assert.equal(await two.ifLeading('sync', nothing), false)
    assert.equal(await two.ifLeading('other', nothing), true)
    assert.equal(await one.ifLeading('sync', nothing), true)
    let taken = false
    while (!taken) {
      await systemClock.sleep(20)
      taken = await two.ifLeading('sync', nothing)
    }
    assert.equal(await one.ifLeading('sync', nothing), false)
    await two.resign()
    assert.equal(await one.ifLeading('sync', nothing), true)
  })

  it('leads on while its work lasts', async () => {
    const store = await open(taskSchema)
    const one = new Leader({ store, owner: 'one', lease: 2 })
    const two = new Leader({ store, owner: 'two', lease: 2 })
    const tries: boolean[] = []
    await one.ifLeading('sync', async () => {
      const end = systemClock.monotonic() + 3000
      while (systemClock.monotonic() < end) {
        await systemClock.sleep(50)
        tries.push(await two.ifLeading('sync', () => undefined))
      }
    })
    assert.deepEqual(new Set(tries), new Set([false]))
  })

  it('runs periodic work only where it leads', async () => {
    const store = await open(taskSchema)
    const turns = { one: 0, two: 0 }
    const both = (['one', 'two'] as const).map((owner) => {
      const periodic = new Periodic(systemClock, systemRandom)
      const leader = new Leader({ store, owner })
      const now = periodic.every({ name: 'sync', seconds: 3600, leader }, () => turns[owner]++)
      return { periodic, now }
    })
    for (const { now } of both) await now()
    for (const { now } of both) await now()
    for (const { periodic } of both) await periodic.stop()
    assert.deepEqual(turns, { one: 2, two: 0 })
  })
})
