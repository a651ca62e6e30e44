import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { Passwords } from './passwords.ts'

const passwords = new Passwords({ random: systemRandom, cost: 4 })

describe('passwords', () => {
  it('match their own hash only', async () => {
    const hash = await passwords.hash('sécret')
    assert.match(hash, /^\$scrypt\$ln=4,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    assert.equal(await passwords.verify('sécret', hash), true)
    assert.equal(await passwords.verify('sécreT', hash), false)
    assert.equal(await passwords.verify('', hash), false)
    assert.notEqual(await passwords.hash('sécret'), hash)
  })

  it('never match where there is no hash, or none that can be read', async () => {
    for (const stored of [null, undefined, '', 'plain', '$2b$12$x']) {
      assert.equal(await passwords.verify('x', stored), false)
    }
  })

  it('verify at the cost that the hash was made with', async () => {
    const stronger = new Passwords({ random: systemRandom, cost: 6 })
    const hash = await passwords.hash('x')
    assert.equal(await stronger.verify('x', hash), true)
    assert.equal(stronger.isOutdated(hash), true)
    assert.equal(passwords.isOutdated(hash), false)
  })

  it('wait in a bounded line', async () => {
    const flooded = new Passwords({ random: systemRandom, cost: 4 })
    const tries = Array.from({ length: 300 }, () => flooded.verify('x', null))
    const results = await Promise.allSettled(tries)
    const refused = results.filter((result) => result.status === 'rejected')
    assert.equal(refused.length, 97)
    assert.ok(refused.every(({ reason }) => isFault(reason, 'TooBusy')))
    assert.equal(flooded.hashed, 203)
    assert.equal(await flooded.verify('x', null), false)
  })
})
