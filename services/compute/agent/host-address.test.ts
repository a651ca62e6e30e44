import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { test } from 'node:test'
import { hostAddress } from './host-address.ts'

test('a host tells the address that it was given, or one of its own', async () => {
  assert.equal(await hostAddress('203.0.113.7'), '203.0.113.7')
  assert.ok(isIPv4(await hostAddress('')))
})
