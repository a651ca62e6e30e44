import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'
import type { HostState, PortRecord } from '../../backend.ts'
import type { WiredPort } from '../../protocol.ts'
import { aGroup, aNetwork, aPort, aRule, aSubnet } from '../../test-bed.ts'
import { nftTables } from './nft-rules.ts'
import { senderRules } from './sender-rules.ts'

const network = aNetwork([aSubnet('10.0.0.0/24'), aSubnet('fd00::/64')], [])
const mac = 'fa:16:3e:00:00:01'
const port = (parts: Partial<WiredPort> = {}): WiredPort =>
  aPort(network, ['10.0.0.5', 'fd00::5'], { macAddress: mac, ...parts })

test('a sender is held to its MAC and addresses, IPv4, ARP and IPv6', () => {
  assert.deepEqual(senderRules(port()), [
    'ether saddr != { fa:16:3e:00:00:01 } drop',
    'ether type ip udp sport 67 udp dport 68 drop',
    'ether type ip6 udp sport 547 udp dport 546 drop',
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    'icmpv6 type nd-neighbor-advert @th,64,128 != { 0xfd000000000000000000000000000005, 0xfe80000000000000f8163efffe000001 } drop',
    'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
    'ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, mld2-listener-report } accept',
    'ether type arp ether saddr fa:16:3e:00:00:01 arp saddr ether fa:16:3e:00:00:01 arp operation request arp saddr ip 0.0.0.0 accept',
    'ether type arp ether saddr fa:16:3e:00:00:01 arp saddr ether fa:16:3e:00:00:01 arp saddr ip { 10.0.0.5 } accept',
    'ether saddr fa:16:3e:00:00:01 ip saddr { 10.0.0.5 } accept',
    'ether saddr fa:16:3e:00:00:01 ip6 saddr { fd00::5, fe80::f816:3eff:fe00:1 } accept',
    'drop',
  ])
})

test('allowed address pairs add addresses to a MAC, overlaps joined', () => {
  const rules = senderRules(
    port({
      allowedAddressPairs: [
        { ipAddress: '10.0.0.0/24', macAddress: null },
        { ipAddress: '10.9.0.1', macAddress: 'FA:16:3E:00:00:02' },
      ],
    }),
  )
  assert.equal(rules[0], 'ether saddr != { fa:16:3e:00:00:01, fa:16:3e:00:00:02 } drop')
  assert.ok(rules.includes('ether saddr fa:16:3e:00:00:01 ip saddr { 10.0.0.0/24 } accept'))
  assert.ok(rules.includes('ether saddr fa:16:3e:00:00:02 ip saddr { 10.9.0.1 } accept'))
  assert.ok(!rules.some((rule) => rule.includes('fa:16:3e:00:00:01') && rule.includes('10.9.0.1')))
})

test('without port security only the way to metadata is guarded; switched off nothing passes', () => {
  assert.deepEqual(senderRules(port({ portSecurity: false })), [
    'ip daddr 169.254.169.254 ip saddr != { 10.0.0.5 } drop',
    'ip6 daddr fe80::a9fe:a9fe ip6 saddr != { fd00::5, fe80::f816:3eff:fe00:1 } drop',
    'accept',
  ])
  assert.deepEqual(senderRules(port({ adminStateUp: false })), ['drop'])
})

const state = (ports: WiredPort[], groups = [aGroup()]): HostState => ({
  networks: new Map([
    [network.id, { generation: 1, network, gatewayCidrs: ['198.18.0.1/24', '2001:db8::1/64'], zone: 7 }],
  ]),
  ports: new Map(ports.map((each, index) => [each.id, { generation: 1, port: each, mark: index + 1 }])),
  groups: new Map(groups.map((group) => [group.id, { generation: 1, group }])),
  routers: new Map(),
})

test('a port is three chains and five elements, whatever its rules', () => {
  const tables = nftTables('0badcafe')
  for (const parts of [{}, { portSecurity: false }, { adminStateUp: false }]) {
    const each = port(parts)
    const text = tables.port({ generation: 1, port: each, mark: 3 }, new Map())
    assert.equal(text.match(/^add chain /gm)?.length, 3)
    assert.equal(text.match(/^add element /gm)?.length, 5)
    assert.match(text, /source_marks \{ "tap[0-9a-f-]{11}" : 0x4b000006 \}/)
    assert.match(text, /destination_marks \{ "tap[0-9a-f-]{11}" : 0x4b000007 \}/)
  }
})

test('a stateless group takes the answer rule from its ports', () => {
  const stateless = aGroup([], { stateful: false })
  const chainOf = (groups = [stateless]) => {
    const each = port({ securityGroupIds: groups.map(({ id }) => id) })
    return nftTables('0badcafe').port({ generation: 1, port: each, mark: 1 }, state([], groups).groups)
  }
  assert.ok(!chainOf().includes('ct state established'))
  assert.ok(chainOf([aGroup()]).includes('ct state established'))
})

test('what leaves an external network by IPv4 hides behind the host, by IPv6 nothing does', () => {
  const lines = nftTables('0badcafe').whole(state([], [])).split('\n')
  const hidden = lines.filter((line) => line.includes('masquerade'))
  assert.equal(hidden.length, 1)
  assert.match(hidden[0]!, / ip saddr 198\.18\.0\.0\/24 masquerade$/)
})

test('nft takes the whole text, also with rules that can not be expressed', async () => {
  const remote = aGroup([], { memberAddresses: ['10.0.0.5', '10.0.0.0/24', 'fd00::5', 'nonsense'] })
  const group = aGroup([
    aRule({ protocol: 'tcp', portRangeMin: 1, portRangeMax: 9 }),
    aRule({ protocol: 'vrrp', portRangeMin: 1, portRangeMax: 2 }),
    aRule({ remoteGroupId: remote.id }),
    aRule({ remoteGroupId: '99999999-2222-3333-4444-555555555555', ethertype: 'IPv6' }),
    aRule({ protocol: 'icmp', portRangeMin: 8, portRangeMax: 0 }),
  ])
  const pairs = [{ ipAddress: 'fd00:1::/64', macAddress: null }]
  const ports = [
    port({ securityGroupIds: [group.id, remote.id] }),
    port({ portSecurity: false }),
    port({ adminStateUp: false }),
    port({ allowedAddressPairs: pairs, securityGroupIds: ['88888888-2222-3333-4444-555555555555'] }),
    port({ fixedIps: [] }),
  ]
  const all = state(ports, [remote, group])
  const tables = nftTables('0badcafe')
  const again = [...all.ports.values()].map((record: PortRecord) => tables.port(record, all.groups)).join('')
  const gone = [...all.ports.values()].map((record: PortRecord) => tables.portGone(record)).join('')
  const network = tables.networkGone([...all.networks.values()][0]!)
  const input = tables.whole(all) + tables.group(group) + again + gone + network
  await run('nft', ['-c', '-f', '-'], { input })
})
