import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'
import type { HostState } from '../../backend.ts'
import type { RouterPort, WiredNetwork } from '../../protocol.ts'
import { aNetwork, aRouter, aSubnet, newId, newMac } from '../../test-bed.ts'
import { advertisementConf, routerDevices, routerRoutes, routerRules } from './router-rules.ts'

const inner = aNetwork(
  [aSubnet('10.0.0.0/24'), aSubnet('fd00::/64', { ipv6RaMode: 'dhcpv6-stateful', ipv6AddressMode: 'dhcpv6-stateful' })],
  [],
)
const outside = aNetwork([aSubnet('198.18.0.0/24', { gatewayIp: '198.18.0.1' })], [])
const state: HostState = {
  networks: new Map(
    [inner, outside].map((network) => [network.id, { generation: 1, network, gatewayCidrs: [], zone: 1 }]),
  ),
  ports: new Map(),
  groups: new Map(),
  routers: new Map(),
}
const leg = (network: WiredNetwork, addresses: string[]): RouterPort => ({
  portId: newId(),
  networkId: network.id,
  macAddress: newMac(),
  fixedIps: addresses.map((ipAddress, index) => ({ subnetId: network.subnets[index]!.id, ipAddress })),
})
const gateway = { ...leg(outside, ['198.18.0.20']), enableSnat: true }
const router = aRouter({
  interfaces: [leg(inner, ['10.0.0.1', 'fd00::1'])],
  gateway,
  routes: [
    { destination: '10.8.0.0/16', nexthop: '10.0.0.9' },
    { destination: 'nowhere', nexthop: '10.0.0.9' },
  ],
  floatingIps: [{ id: newId(), floatingIp: '198.18.0.30', fixedIp: '10.0.0.5' }],
})
const out = `"qg-${gateway.portId.slice(0, 11)}"`

test('devices carry the addresses of their ports, the gateway the floating ones too', () => {
  assert.deepEqual(
    routerDevices(router, state).map(({ name, cidrs, mtu }) => ({ name: name.slice(0, 3), cidrs, mtu })),
    [
      { name: 'qr-', cidrs: ['10.0.0.1/24', 'fd00::1/64'], mtu: 1400 },
      { name: 'qg-', cidrs: ['198.18.0.20/24', '198.18.0.30/32'], mtu: 1400 },
    ],
  )
})

test('the way out is the external subnet’s gateway, its own routes go before it', () => {
  assert.deepEqual(routerRoutes(router, state), [
    { destination: 'default', via: '198.18.0.1', device: `qg-${gateway.portId.slice(0, 11)}` },
    { destination: '10.8.0.0/16', via: '10.0.0.9' },
  ])
  const ownDefault = { ...router, routes: [{ destination: '0.0.0.0/0', nexthop: '10.0.0.8' }] }
  assert.deepEqual(routerRoutes(ownDefault, state), [{ destination: 'default', via: '10.0.0.8' }])
  assert.deepEqual(routerRoutes({ ...router, gateway: null, routes: [] }, state), [])
})

test('floating addresses are translated before all others are hidden', () => {
  const text = routerRules(router)
  const rules = text.split('\n').filter((line) => line.includes('postrouting') && line.startsWith('add rule'))
  assert.deepEqual(
    rules.map((line) => line.replace('add rule inet kilonova postrouting ', '')),
    [
      `iifname != ${out} oifname != ${out} ct status & dnat == 0 accept`,
      `iifname != ${out} snat ip to ip saddr map { 10.0.0.5 : 198.18.0.30 }`,
      `oifname ${out} iifname != ${out} meta nfproto ipv4 snat ip to 198.18.0.20`,
      `iifname != ${out} oifname != ${out} meta nfproto ipv4 snat ip to 198.18.0.20`,
    ],
  )
  assert.match(text, /prerouting dnat ip to ip daddr map \{ 198\.18\.0\.30 : 10\.0\.0\.5 \}/)
})

test('without SNAT only floating addresses leave, without a gateway nothing is translated', () => {
  const routed = routerRules({ ...router, gateway: { ...gateway, enableSnat: false }, floatingIps: [] })
  assert.ok(!routed.includes(`oifname ${out} iifname != ${out} meta nfproto ipv4 snat`))
  assert.ok(!routerRules({ ...router, gateway: null, floatingIps: [] }).includes('snat'))
})

test('nft takes the text', async () => {
  for (const each of [router, { ...router, floatingIps: [] }, { ...router, gateway: null }])
    await run('nft', ['-c', '-f', '-'], { input: routerRules(each) })
})

test('advertises IPv6 subnets that want it, none else', () => {
  const conf = advertisementConf(router, state, { directory: '/d', user: 'nobody' })!
  const device = `qr-${router.interfaces[0]!.portId.slice(0, 11)}`
  assert.ok(conf.includes(`dhcp-range=fd00::,static,64\nra-param=${device},mtu:1400,high,60,1800\n`))
  const slaac = { ipv6RaMode: 'slaac', ipv6AddressMode: 'slaac' } as const
  const several = aNetwork([aSubnet('fd01::/64', slaac), aSubnet('fd02::/64', slaac), aSubnet('fd03::/64')], [])
  const networks = new Map([[several.id, { generation: 1, network: several, gatewayCidrs: [], zone: 2 }]])
  const both = { ...router, interfaces: [leg(several, ['fd01::1', 'fd02::1', 'fd03::1'])] }
  const ranges = advertisementConf(both, { ...state, networks }, { directory: '/d', user: 'nobody' })!
  assert.deepEqual(
    ranges.split('\n').filter((line) => line.startsWith('dhcp-range')),
    ['dhcp-range=fd01::,ra-only,64', 'dhcp-range=fd02::,ra-only,64'],
  )
  const plain = { ...router, interfaces: [leg(outside, ['198.18.0.9'])] }
  assert.equal(advertisementConf(plain, state, { directory: '/d', user: 'nobody' }), undefined)
})
