import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressLines, bridgeLines, routeLines, tapLines, vethLines } from './ip-batch.ts'
import type { LinkSeen } from './links.ts'

const wish = { name: 'tapx', mtu: 1400, alias: 'kilonova:0badcafe:port:x', up: true, master: 'brqx' }
const whole: LinkSeen = { ...wish, kind: 'tap', mac: '02:00:00:00:00:01' }

test('a tap is made whole, and a whole one is left alone', () => {
  assert.deepEqual(tapLines(wish, undefined), [
    'tuntap add dev tapx mode tap user 0',
    'link set dev tapx addrgenmode none',
    'link set dev tapx alias kilonova:0badcafe:port:x',
    'link set dev tapx mtu 1400',
    'link set dev tapx master brqx',
    'link set dev tapx up',
  ])
  assert.deepEqual(tapLines(wish, whole), [])
})

test('what differs is set, and nothing else', () => {
  assert.deepEqual(tapLines(wish, { ...whole, mtu: 1500, up: false }), [
    'link set dev tapx mtu 1400',
    'link set dev tapx up',
  ])
  assert.deepEqual(tapLines({ ...wish, up: false }, whole), ['link set dev tapx down'])
  assert.deepEqual(tapLines(wish, { ...whole, master: null }), ['link set dev tapx master brqx'])
})

test('a tap that was left half made is finished, another kind of device is replaced', () => {
  const half = tapLines(wish, { ...whole, alias: '', master: null, up: false })
  assert.ok(half.includes('link set dev tapx addrgenmode none'))
  assert.ok(!half.some((line) => line.startsWith('tuntap')))
  assert.equal(tapLines(wish, { ...whole, kind: 'other' })[0], 'link del dev tapx')
})

test('a bridge does not speak for the host', () => {
  const { master: _, ...bridge } = { ...wish, name: 'brqx' }
  const lines = bridgeLines(bridge, undefined)
  assert.ok(lines.includes('link set dev brqx arp off addrgenmode none'))
  assert.deepEqual(bridgeLines(bridge, { ...whole, name: 'brqx', kind: 'bridge', master: null }), [])
})

test('a veth whose far end is lost is made anew', () => {
  const pair = { ...wish, peer: { name: 'qr-x', namespace: 'kn-router-x', mac: '02:00:00:00:00:02' } }
  assert.equal(
    vethLines(pair, undefined, false)[0],
    'link add name tapx mtu 1400 type veth peer name qr-x mtu 1400 address 02:00:00:00:00:02 netns kn-router-x',
  )
  assert.equal(vethLines(pair, whole, false)[0], 'link del dev tapx')
  assert.deepEqual(vethLines(pair, whole, true), [])
})

test('addresses come before others go; link-local ones stay', () => {
  const seen = [
    { cidr: '10.0.0.9/24', scope: 'global' },
    { cidr: 'fe80::1/64', scope: 'link' },
  ]
  assert.deepEqual(addressLines('eth0', ['10.0.0.2/24', 'fd00::2/64'], seen), [
    'address add 10.0.0.2/24 dev eth0',
    'address add fd00::2/64 dev eth0 nodad',
    'address del 10.0.0.9/24 dev eth0',
  ])
  assert.deepEqual(addressLines('eth0', ['10.0.0.9/24'], seen), [])
})

test('routes are replaced, not removed first', () => {
  const seen = [
    { destination: 'default', via: '10.0.0.1', device: 'eth0' },
    { destination: '10.5.0.0/16', via: '10.0.0.5' },
  ]
  assert.deepEqual(routeLines([{ destination: 'default', via: '10.0.0.2', device: 'eth0' }], seen), [
    'route del 10.5.0.0/16 via 10.0.0.5',
    'route replace default via 10.0.0.2 dev eth0',
  ])
  assert.deepEqual(routeLines([{ destination: 'default', via: 'fd00::1' }], seen.slice(0, 1)), [
    'route del default via 10.0.0.1',
    'route replace default via fd00::1',
  ])
  assert.deepEqual(routeLines(seen, seen), [])
})
