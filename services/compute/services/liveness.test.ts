import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { computeOptions } from '../options.ts'
import { isUp, reportTime } from './liveness.ts'

const DAY = 86_400_000
const options = readConfig(computeOptions).compute

test('no service goes up or down because the wall clock was set', () => {
  let [wall, steady] = [1_700_000_000_000, 5_000]
  const clock: Clock = { ...systemClock, now: () => wall, monotonic: () => steady }
  const seen = { last_seen_at: reportTime(clock), forced_down: 0 as const }
  for (const step of [DAY, -2 * DAY]) {
    wall += step
    assert.equal(isUp({ clock, options }, seen), true)
  }
  steady += 60_000
  assert.equal(isUp({ clock, options }, seen), true)
  steady += 1
  assert.equal(isUp({ clock, options }, seen), false)
})

test('a service that was seen in the future, by a clock that was wrong, is down until it reports', () => {
  const clock: Clock = { ...systemClock, now: () => 1_700_000_000_000, monotonic: () => 0 }
  const seen = { last_seen_at: 1_700_000_000_000 + DAY, forced_down: 0 as const }
  assert.equal(isUp({ clock, options }, seen), false)
  assert.equal(isUp({ clock, options }, { ...seen, last_seen_at: reportTime(clock) }), true)
})
