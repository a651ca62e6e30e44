import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WiredSecurityGroupRule } from '../../protocol.ts'
import { aRule } from '../../test-bed.ts'
import { ruleMatches } from './security-group-rules.ts'

const remoteGroupId = '11111111-2222-3333-4444-555555555555'
const ports = (portRangeMin: number | null, portRangeMax: number | null) => ({ portRangeMin, portRangeMax })

const compiled: [rule: Partial<WiredSecurityGroupRule>, expected: string][] = [
  [{}, 'meta nfproto ipv4'],
  [{ ethertype: 'IPv6' }, 'meta nfproto ipv6'],
  [{ protocol: 'any' }, 'meta nfproto ipv4'],
  [{ protocol: '0' }, 'meta nfproto ipv4'],
  [{ protocol: 'tcp' }, 'meta nfproto ipv4 meta l4proto 6'],
  [{ protocol: '6', ...ports(22, 22) }, 'meta nfproto ipv4 tcp dport 22'],
  [{ protocol: 'TCP', ...ports(1, 65535) }, 'meta nfproto ipv4 tcp dport 1-65535'],
  [{ protocol: 'udp', ...ports(53, null) }, 'meta nfproto ipv4 udp dport 53'],
  [{ protocol: 'sctp', ...ports(5, 6) }, 'meta nfproto ipv4 sctp dport 5-6'],
  [{ protocol: 'vrrp' }, 'meta nfproto ipv4 meta l4proto 112'],
  [{ protocol: '253' }, 'meta nfproto ipv4 meta l4proto 253'],
  [{ protocol: 'icmp', ...ports(8, 0) }, 'meta nfproto ipv4 meta l4proto 1 icmp type 8 icmp code 0'],
  [{ protocol: 'icmp', ...ports(8, null) }, 'meta nfproto ipv4 meta l4proto 1 icmp type 8'],
  [{ protocol: 'icmp', ethertype: 'IPv6' }, 'meta nfproto ipv6 meta l4proto 58'],
  [
    { protocol: 'ipv6-icmp', ethertype: 'IPv6', ...ports(128, null) },
    'meta nfproto ipv6 meta l4proto 58 icmpv6 type 128',
  ],
  [{ protocol: 'ipv6-frag', ethertype: 'IPv6' }, 'meta nfproto ipv6 ip6 nexthdr 44'],
  [{ remoteIpPrefix: '10.0.0.7/8' }, 'meta nfproto ipv4 ip saddr 10.0.0.0/8'],
  [{ remoteIpPrefix: '0.0.0.0/0' }, 'meta nfproto ipv4'],
  [{ remoteIpPrefix: '10.0.0.7', direction: 'egress' }, 'meta nfproto ipv4 ip daddr 10.0.0.7'],
  [{ remoteIpPrefix: 'fd00::/8', ethertype: 'IPv6' }, 'meta nfproto ipv6 ip6 saddr fd00::/8'],
  [{ remoteGroupId }, `meta nfproto ipv4 ip saddr @members4-${remoteGroupId}`],
  [{ remoteGroupId, ethertype: 'IPv6', direction: 'egress' }, `meta nfproto ipv6 ip6 daddr @members6-${remoteGroupId}`],
]

for (const [parts, expected] of compiled)
  test(`${JSON.stringify(parts)} is ${expected}`, () => assert.equal(ruleMatches(aRule(parts)), expected))

const refused: Partial<WiredSecurityGroupRule>[] = [
  { protocol: 'vrrp', ...ports(1, 2) },
  { protocol: null, ...ports(1, 2) },
  { protocol: 'tcp', ...ports(70000, 70001) },
  { protocol: 'tcp', ...ports(9, 8) },
  { protocol: 'tcp; drop' },
  { protocol: '256' },
  { protocol: 'icmp', ...ports(null, 3) },
  { protocol: 'icmp', ...ports(256, null) },
  { remoteIpPrefix: 'fd00::/8' },
  { remoteIpPrefix: '10.0.0.0/8 accept' },
]

for (const parts of refused)
  test(`${JSON.stringify(parts)} allows nothing`, () => assert.ok(typeof ruleMatches(aRule(parts)) === 'object'))
