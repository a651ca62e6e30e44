import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { LoginLimits } from './login-limits.ts'

const refused = (limits: LoginLimits, user: string, address: string): boolean => {
  try {
    limits.check(user, address)
    return false
  } catch (error) {
    if (isFault(error, 'TooManyAttempts')) return true
    throw error
  }
}

const fail = (limits: LoginLimits, times: number, who: (i: number) => [string, string]): void => {
  for (let i = 0; i < times; i++) limits.failed(...who(i))
}

describe('login limits', () => {
  it('hold for one user at one address first', async () => {
    const clock = new VirtualClock()
    const limits = new LoginLimits(clock)
    fail(limits, 29, () => ['demo', '10.0.0.1'])
    assert.equal(refused(limits, 'demo', '10.0.0.1'), false)
    limits.failed('demo', '10.0.0.1')
    assert.equal(refused(limits, 'demo', '10.0.0.1'), true)
    assert.equal(refused(limits, 'demo', '10.0.0.2'), false, 'the user comes in from elsewhere')
    assert.equal(refused(limits, 'admin', '10.0.0.1'), false, 'others come in from there')
    await clock.advance(2000)
    assert.equal(refused(limits, 'demo', '10.0.0.1'), false)
  })

  it('hold for an address that tries many users', async () => {
    const clock = new VirtualClock()
    const limits = new LoginLimits(clock)
    fail(limits, 300, (i) => [`user-${i}`, '10.0.0.1'])
    assert.equal(refused(limits, 'fresh', '10.0.0.1'), true)
    assert.equal(refused(limits, 'fresh', '10.0.0.2'), false)
    await clock.advance(1000)
    assert.equal(refused(limits, 'fresh', '10.0.0.1'), false)
  })

  it('hold for a user who is tried from many addresses', () => {
    const limits = new LoginLimits(new VirtualClock())
    fail(limits, 300, (i) => ['demo', `10.0.${i >> 8}.${i & 255}`])
    assert.equal(refused(limits, 'demo', '192.0.2.1'), true)
    assert.equal(refused(limits, 'admin', '192.0.2.1'), false)
  })

  it('forget the oldest under a flood instead of growing', () => {
    const limits = new LoginLimits(new VirtualClock())
    fail(limits, 30, () => ['demo', '10.0.0.1'])
    fail(limits, 20_000, (i) => [`user-${i}`, `address-${i}`])
    assert.equal(refused(limits, 'demo', '10.0.0.1'), false)
  })
})
