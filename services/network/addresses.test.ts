import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  canonical,
  eui64,
  formatAddress,
  formatCidr,
  hostRange,
  overlap,
  parseAddress,
  parseCidr,
} from './addresses.ts'

it('reads addresses and refuses what only looks like one', () => {
  assert.deepEqual(parseAddress('10.0.0.1'), { version: 4, value: 0x0a000001n })
  assert.deepEqual(parseAddress('fd00::1'), { version: 6, value: (0xfd00n << 112n) + 1n })
  for (const text of ['', '10.0.0', '10.0.0.256', '010.0.0.1', '0x0a000001', '10', 'fe80::1%eth0', '1.2.3.4/8', 'x::y'])
    assert.equal(parseAddress(text), undefined, text)
})

it('reads prefixes', () => {
  const cidr = parseCidr('10.0.5.7/22')!
  assert.equal(formatCidr(cidr), '10.0.4.0/22')
  assert.equal(formatAddress(4, cidr.last), '10.0.7.255')
  for (const text of ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/-1', '10.0.0.0/8/8'])
    assert.equal(parseCidr(text), undefined, text)
})

it('writes one form of each address', () => {
  assert.equal(canonical('FD00:0:0:0:0:0:0:0A'), 'fd00::a')
  assert.equal(canonical('::ffff:1.2.3.4'), '::ffff:102:304')
  assert.equal(canonical('10.1.2.3/8'), '10.0.0.0/8')
})

it('knows which addresses hosts may have', () => {
  const textOf = (text: string) => {
    const cidr = parseCidr(text)!
    const { start, end } = hostRange(cidr)
    return [formatAddress(cidr.version, start), formatAddress(cidr.version, end)]
  }
  assert.deepEqual(textOf('10.0.0.0/30'), ['10.0.0.1', '10.0.0.2'])
  assert.deepEqual(textOf('10.0.0.0/31'), ['10.0.0.0', '10.0.0.1'])
  assert.deepEqual(textOf('10.0.0.9/32'), ['10.0.0.9', '10.0.0.9'])
  assert.deepEqual(textOf('fd00::/126'), ['fd00::1', 'fd00::3'])
})

it('makes the address that hosts make of a MAC', () => {
  assert.equal(
    formatAddress(6, eui64(parseCidr('2001:db8::/64')!, 'fa:16:3e:33:44:55')),
    '2001:db8::f816:3eff:fe33:4455',
  )
})

it('sees overlaps', () => {
  assert.ok(overlap(parseCidr('10.0.0.0/8')!, parseCidr('10.1.0.0/16')!))
  assert.ok(!overlap(parseCidr('10.0.0.0/16')!, parseCidr('10.1.0.0/16')!))
  assert.ok(!overlap(parseCidr('0.0.0.0/0')!, parseCidr('::/0')!))
})
