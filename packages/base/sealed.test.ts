import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemRandom } from './random.ts'
import { sealText, unsealText } from './sealed.ts'

const seal = { secret: systemRandom.uuid(), purpose: 'a test' }

it('opens what was sealed, with the same secret for the same purpose', () => {
  const text = 'a password: π'
  const sealed = sealText(text, seal, systemRandom)
  assert.equal(unsealText(sealed, seal), text)
  assert.throws(() => unsealText(sealed, { ...seal, secret: systemRandom.uuid() }))
  assert.throws(() => unsealText(sealed, { ...seal, purpose: 'another' }))
})

it('seals the same text differently each time, and notices changes', () => {
  const sealed = sealText('text', seal, systemRandom)
  assert.notEqual(sealText('text', seal, systemRandom), sealed)
  const bytes = Buffer.from(sealed, 'base64')
  bytes[bytes.length - 1]! ^= 1
  assert.throws(() => unsealText(bytes.toString('base64'), seal))
})
