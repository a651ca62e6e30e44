import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AUDIT_PERIOD, currentPeriod } from './audit-period.ts'

const NOW = Date.parse('2026-03-10T09:30:00Z')

/** The option and the begin of the period that goes on. */
const PERIODS: readonly [string, string][] = [
  ['hour', '2026-03-10T09:00:00Z'],
  ['hour@15', '2026-03-10T09:15:00Z'],
  ['hour@45', '2026-03-10T08:45:00Z'],
  ['day', '2026-03-10T00:00:00Z'],
  ['day@18', '2026-03-09T18:00:00Z'],
  ['month', '2026-03-01T00:00:00Z'],
  ['month@10', '2026-03-10T00:00:00Z'],
  ['month@15', '2026-02-15T00:00:00Z'],
  ['year', '2026-01-01T00:00:00Z'],
  ['year@7', '2025-07-01T00:00:00Z'],
]

describe('the audit period that goes on', () => {
  for (const [option, beginning] of PERIODS) {
    it(`is since ${beginning} with ${option}`, () => {
      assert.match(option, AUDIT_PERIOD)
      assert.deepEqual(currentPeriod(option, NOW), { beginning: Date.parse(beginning), ending: NOW })
    })
  }
})
