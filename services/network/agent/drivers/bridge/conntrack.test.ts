import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HostState } from '../../backend.ts'
import type { WiredPort } from '../../protocol.ts'
import { aGroup, aNetwork, aPort, aRule, aSubnet } from '../../test-bed.ts'
import { condensed, conntrackArguments, flowsOfGroupChange, flowsOfPortChange, originalEnds } from './conntrack.ts'

const network = aNetwork([aSubnet('10.0.0.0/24'), aSubnet('fd00::/64')], [])
const stateOf = (ports: WiredPort[], groups = [] as ReturnType<typeof aGroup>[]): HostState => ({
  networks: new Map([[network.id, { generation: 1, network, gatewayCidrs: [], zone: 7 }]]),
  ports: new Map(ports.map((port) => [port.id, { generation: 1, port, mark: 1 }])),
  groups: new Map(groups.map((group) => [group.id, { generation: 1, group }])),
  routers: new Map(),
})
const commands = (flows: Parameters<typeof condensed>[0]) => flows.map((flow) => conntrackArguments(flow).join(' '))

test('a lost rule ends its own flows of the ports here, and a rule that only changed its id none', () => {
  const ssh = aRule({ protocol: 'tcp', portRangeMin: 22, portRangeMax: 22, remoteIpPrefix: '10.9.0.0/16' })
  const range = aRule({ protocol: 'udp', portRangeMin: 1, portRangeMax: 9, direction: 'egress', ethertype: 'IPv6' })
  const kept = aRule({ protocol: 'icmp' })
  const before = aGroup([ssh, range, kept])
  const after = { ...before, rules: [aRule({ protocol: 'icmp' })] }
  const port = aPort(network, ['10.0.0.5', 'fd00::5'], { securityGroupIds: [before.id] })
  const elsewhere = aPort(network, ['10.0.0.6'], { securityGroupIds: [before.id], bound: false })
  const egress = before.rules.slice(0, 2).map((rule) => ({ ...rule }))
  const change = { before, after: { ...after, rules: [...egress, ...after.rules] } }
  assert.deepEqual(commands(flowsOfGroupChange(change, stateOf([port, elsewhere], [after]))), [
    '-D -w 7 -f ipv4 --orig-dst 10.0.0.5 --orig-src 10.9.0.0/16 -p 6 --orig-port-dst 22',
    '-D -w 7 -f ipv6 --orig-src fd00::5 -p 17',
  ])
})

test('a member that leaves ends its flows with ports whose rules name the group', () => {
  const friends = aGroup([], { memberAddresses: ['10.0.0.8', '10.0.0.9'] })
  const group = aGroup([aRule({ remoteGroupId: friends.id })])
  const port = aPort(network, ['10.0.0.5'], { securityGroupIds: [group.id] })
  const change = { before: friends, after: { ...friends, memberAddresses: ['10.0.0.9'] } }
  assert.deepEqual(commands(flowsOfGroupChange(change, stateOf([port], [change.after, group]))), [
    '-D -w 7 -f ipv4 --orig-dst 10.0.0.5 --orig-src 10.0.0.8',
  ])
})

test('a port that lost a group or an address ends its flows, one that gained ends none', () => {
  const port = aPort(network, ['10.0.0.5'], { securityGroupIds: ['a'] })
  const record = (parts: Partial<WiredPort>) => ({ generation: 1, port: { ...port, ...parts }, mark: 1 })
  const state = stateOf([])
  const both = ['-D -w 7 -f ipv4 --orig-src 10.0.0.5', '-D -w 7 -f ipv4 --orig-dst 10.0.0.5']
  const change = (after: ReturnType<typeof record> | null) => commands(flowsOfPortChange(record({}), after, state))
  assert.deepEqual(change(record({ securityGroupIds: ['a', 'b'] })), [])
  assert.deepEqual(change(record({ securityGroupIds: ['b'] })), both)
  assert.deepEqual(change(record({ fixedIps: [] })), both)
  assert.deepEqual(change(null), both)
})

test('many kinds of flow of one address become one', () => {
  const kind = { zone: 7, version: 4 as const, address: '10.0.0.5', side: 'source' as const, remote: null }
  const flows = Array.from({ length: 20 }, (_, port) => ({ ...kind, protocol: 6, destinationPort: port }))
  assert.deepEqual(commands(condensed(flows)), ['-D -w 7 -f ipv4 --orig-src 10.0.0.5'])
  assert.equal(condensed([...flows.slice(0, 3), ...flows.slice(0, 3)]).length, 3)
})

test('reads the first packet of listed flows, not the answer', () => {
  const listing = [
    'tcp      6 119 TIME_WAIT src=10.0.0.5 dst=10.0.0.6 sport=1 dport=80 src=10.0.0.6 dst=10.0.0.5 sport=80 dport=1 zone=7',
    'udp      17 29 src=fd00:0::5 dst=fd00::6 sport=1 dport=53 [UNREPLIED] src=fd00::6 dst=fd00::5 sport=53 dport=1 zone=7',
  ].join('\n')
  const { source, destination } = originalEnds(listing)
  assert.deepEqual([...source], ['10.0.0.5', 'fd00::5'])
  assert.deepEqual([...destination], ['10.0.0.6', 'fd00::6'])
})
