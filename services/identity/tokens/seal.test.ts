import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '@kilonova/base/random'
import type { Payload, Scope } from './seal.ts'
import { seal, unseal } from './seal.ts'

const random = seededRandom(7)
const key = { id: 3, secret: random.bytes(32) }
const secretOf = (id: number): Buffer | undefined => (id === key.id ? key.secret : undefined)

const payload = (changes: Partial<Payload> = {}): Payload => ({
  userId: 'a1'.repeat(16),
  scope: { kind: 'project', id: 'b2'.repeat(16) },
  methods: ['token', 'password'],
  issuedAt: 1_700_000_000_123,
  expiresAt: 1_700_003_600_123,
  auditIds: [random.bytes(16).toString('base64url'), random.bytes(16).toString('base64url')],
  generation: 12,
  ...changes,
})

describe('a sealed token', () => {
  it('gives back every payload', () => {
    const scopes: Scope[] = [
      { kind: 'unscoped' },
      { kind: 'system' },
      { kind: 'domain', id: 'default' },
      { kind: 'project', id: 'c3'.repeat(16) },
    ]
    for (const scope of scopes) {
      for (const userId of ['d4'.repeat(16), 'ümlaut', 'x']) {
        const wanted = payload({ scope, userId, methods: ['password'] })
        assert.deepEqual(unseal(seal(wanted, key, random), secretOf), wanted)
      }
    }
  })

  it('is at most 255 characters long and never the same twice', () => {
    const largest = payload()
    assert.ok(seal(largest, key, random).length <= 255)
    assert.notEqual(seal(largest, key, random), seal(largest, key, random))
  })

  it('is refused after any change of any character', () => {
    const text = seal(payload(), key, random)
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === 'A' ? 'B' : 'A'
      assert.equal(unseal(text.slice(0, i) + other + text.slice(i + 1), secretOf), undefined, `character ${i}`)
    }
  })

  it('is refused when cut, lengthened, respelt, or sealed by a stranger', () => {
    const text = seal(payload(), key, random)
    const stranger = { id: key.id, secret: random.bytes(32) }
    const wrong = [
      '',
      text.slice(0, -1),
      text.slice(0, 40),
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      `${text}\n`,
      text.replace(/[-_]/g, (c) => (c === '-' ? '+' : '/')).concat('!'),
      seal(payload(), stranger, random),
      seal(payload(), { ...key, id: 4 }, random),
    ]
    for (const other of wrong) assert.equal(unseal(other, secretOf), undefined, JSON.stringify(other))
  })
})
