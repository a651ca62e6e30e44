import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { parseKey } from './once.ts'

it('takes a key with or without the quotes of structured fields', () => {
  const same = ['8e03978e-40d5-43e8-bc93-6894a57f9324', '"8e03978e-40d5-43e8-bc93-6894a57f9324"']
  assert.equal(new Set(same.map(parseKey)).size, 1)
  assert.equal(parseKey(String.raw`"a \"b\" \\ c"`), String.raw`a "b" \ c`)
  assert.equal(parseKey('x'.repeat(255)).length, 255)
})

it('refuses what is no key, and does not repeat it', () => {
  const wrong = [
    '',
    '""',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
    'a b',
    'a,b',
    '"a", "b"',
    '"a',
    'a"b',
    '"a";x=1',
    'é',
  ]
  for (const header of wrong) {
    assert.throws(
      () => parseKey(header),
      (error) => isFault(error, 'KeyMalformed') && !/x{9}|é/.test(error.message),
      header,
    )
  }
})
