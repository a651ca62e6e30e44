import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalAddress, inPrefix, linkLocalOf, prefixesOf, prefixText, readMac, readPrefix } from './addresses.ts'

test('reads addresses and prefixes, and nothing else', () => {
  const table: [text: string, expected: string | undefined][] = [
    ['10.0.0.5', '10.0.0.5'],
    ['10.0.0.5/32', '10.0.0.5'],
    ['10.0.0.5/24', '10.0.0.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['10.0.0.5/33', undefined],
    ['10.0.0.5/', undefined],
    ['10.0.0.5/24\n', undefined],
    ['10.0.0.5/0x10', undefined],
    ['10.5', undefined],
    ['fe80::1%eth0', undefined],
    ['host', undefined],
    ['', undefined],
  ]
  for (const [text, expected] of table) {
    const prefix = readPrefix(text)
    assert.equal(prefix && prefixText(prefix), expected, JSON.stringify(text))
  }
})

test('a set has no doubles, no overlaps and one IP version', () => {
  const texts = ['10.0.0.5', '10.0.0.0/24', '10.0.0.7/24', '10.0.1.5', 'fd00::1', '10.0.0.0/16', 'nonsense', '10.1.0.1']
  assert.deepEqual(prefixesOf(4, texts), ['10.0.0.0/16', '10.1.0.1'])
  assert.deepEqual(prefixesOf(6, [...texts, 'fd00::/64', 'fd00:0::1']), ['fd00::/64'])
  assert.deepEqual(prefixesOf(4, ['0.0.0.0/0', '10.0.0.5']), ['0.0.0.0/0'])
})

test('knows what lies in a prefix', () => {
  assert.equal(inPrefix('10.0.0.5', '10.0.0.0/24'), true)
  assert.equal(inPrefix('10.0.1.5', '10.0.0.0/24'), false)
  assert.equal(inPrefix('fd00::1', '10.0.0.0/24'), false)
})

test('writes addresses in one way', () => {
  assert.equal(canonicalAddress('::ffff:10.0.0.5'), '10.0.0.5')
  assert.equal(canonicalAddress('fe80:0:0::1%ns-1'), 'fe80::1')
})

test('reads MAC addresses and makes their link-local address', () => {
  assert.equal(readMac('FA:16:3E:00:00:01'), 'fa:16:3e:00:00:01')
  assert.equal(readMac('fa:16:3e:00:00'), undefined)
  assert.equal(linkLocalOf('fa:16:3e:12:34:56'), 'fe80::f816:3eff:fe12:3456')
})
