import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ipv6Mode } from '../../protocol.ts'
import { aNetwork, aPort, aSubnet } from '../../test-bed.ts'
import { dnsmasqFiles, prunedLeases } from './dnsmasq-files.ts'

const settings = { directory: '/d', user: 'nobody', dnsDomain: 'example.org', dnsServers: ['192.0.2.53'] }
const lines = (text: string, word: string): string[] => text.split('\n').filter((line) => line.includes(word))

test('IPv4: a static range, routes with metadata and default, the router or none', () => {
  const withGateway = aSubnet('10.0.0.0/24', {
    gatewayIp: '10.0.0.1',
    dnsNameservers: ['192.0.2.1', '192.0.2.2'],
    hostRoutes: [
      { destination: '10.9.0.0/16', nexthop: '10.0.0.9' },
      { destination: '10.8.0.0/16\ndhcp-script=/bin/sh', nexthop: '10.0.0.9' },
    ],
  })
  const alone = aSubnet('10.0.1.0/25')
  const network = aNetwork([withGateway, alone], ['10.0.0.2', '10.0.1.2'])
  const { conf, opts } = dnsmasqFiles(network, [], settings)!
  assert.deepEqual(lines(conf, 'dhcp-range'), [
    `dhcp-range=set:subnet-${withGateway.id},10.0.0.0,static,255.255.255.0,86400s`,
    `dhcp-range=set:subnet-${alone.id},10.0.1.0,static,255.255.255.128,86400s`,
  ])
  assert.deepEqual(lines(conf, 'server='), ['server=192.0.2.53'])
  const routes = '169.254.169.254/32,10.0.0.2,10.9.0.0/16,10.0.0.9,10.0.1.0/25,0.0.0.0,0.0.0.0/0,10.0.0.1'
  assert.deepEqual(opts.trimEnd().split('\n'), [
    'option:mtu,1400',
    `tag:subnet-${withGateway.id},option:dns-server,192.0.2.1,192.0.2.2`,
    `tag:subnet-${withGateway.id},option:classless-static-route,${routes}`,
    `tag:subnet-${withGateway.id},249,${routes}`,
    `tag:subnet-${withGateway.id},option:router,10.0.0.1`,
    `tag:subnet-${alone.id},option:dns-server,10.0.1.2`,
    `tag:subnet-${alone.id},option:classless-static-route,169.254.169.254/32,10.0.1.2,10.0.0.0/24,0.0.0.0`,
    `tag:subnet-${alone.id},249,169.254.169.254/32,10.0.1.2,10.0.0.0/24,0.0.0.0`,
    `tag:subnet-${alone.id},option:router`,
  ])
})

test('IPv6: each pair of modes has its kind of range', () => {
  const table: [address: Ipv6Mode | null, ra: Ipv6Mode | null, expected?: string][] = [
    ['slaac', 'slaac', 'ra-only,64'],
    ['dhcpv6-stateless', 'dhcpv6-stateless', 'ra-stateless,64'],
    ['dhcpv6-stateful', 'dhcpv6-stateful', 'static,64,86400s'],
    ['dhcpv6-stateful', null, 'static,64,86400s'],
    ['dhcpv6-stateless', null, 'static,64,86400s'],
    ['slaac', null, undefined],
    [null, null, 'static,64,86400s'],
  ]
  for (const [ipv6AddressMode, ipv6RaMode, expected] of table) {
    const subnet = aSubnet('fd00::/64', { ipv6AddressMode, ipv6RaMode })
    const files = dnsmasqFiles(aNetwork([subnet], ['fd00::2']), [], settings)
    const range = expected && `dhcp-range=set:subnet-${subnet.id},fd00::,${expected}`
    assert.deepEqual(files && lines(files.conf, 'dhcp-range'), range && [range], `${ipv6AddressMode} ${ipv6RaMode}`)
    assert.equal(files?.conf.includes('enable-ra') ?? false, ipv6RaMode !== null)
  }
})

test('a prefix that dnsmasq would die of is left out', () => {
  const subnet = aSubnet('fd00::/56', { ipv6AddressMode: 'dhcpv6-stateful' })
  assert.equal(dnsmasqFiles(aNetwork([subnet], ['fd00::2']), [], settings), undefined)
})

test('hosts are the served addresses of ports; names are made safe; no tags', () => {
  const ipv4 = aSubnet('10.0.0.0/24')
  const stateful = aSubnet('fd00::/64', { ipv6AddressMode: 'dhcpv6-stateful' })
  const slaac = aSubnet('fd01::/64', { ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' })
  const plain = aSubnet('fd02::/64')
  const network = aNetwork([ipv4, stateful, slaac, plain], ['10.0.0.2'])
  const macAddress = 'FA:16:3E:00:00:01'
  const port = aPort(network, ['10.0.0.5', 'fd00::5', 'fd01::5', 'fd02::5'], {
    macAddress,
    hostname: 'Web_1,set:x\nevil',
  })
  const nameless = aPort(network, ['10.0.0.6'], { macAddress: 'fa:16:3e:00:00:02' })
  const { hosts, addnHosts } = dnsmasqFiles(network, [port, nameless], settings)!
  assert.deepEqual(hosts.trimEnd().split('\n'), [
    'fa:16:3e:00:00:01,web-1-set-x-evil,10.0.0.5',
    'fa:16:3e:00:00:01,web-1-set-x-evil,[fd00::5]',
    'fa:16:3e:00:00:01,web-1-set-x-evil,[fd02::5]',
    'fa:16:3e:00:00:02,host-10-0-0-6,10.0.0.6',
  ])
  assert.ok(addnHosts.includes('fd01::5 web-1-set-x-evil.example.org web-1-set-x-evil\n'))
})

test('options of a port are for its MAC alone, one line each', () => {
  const network = aNetwork([aSubnet('10.0.0.0/24')], ['10.0.0.2'])
  const extraDhcpOpts = [
    { optName: 'bootfile-name', optValue: 'pxe.0\ndhcp-script=/bin/sh', ipVersion: 4 as const },
    { optName: '150', optValue: '192.0.2.9', ipVersion: 4 as const },
    { optName: 'dns-server', optValue: '[fd00::9]', ipVersion: 6 as const },
    { optName: 'x\ny', optValue: '1', ipVersion: 4 as const },
  ]
  const port = aPort(network, ['10.0.0.5'], { extraDhcpOpts })
  const { conf, opts } = dnsmasqFiles(network, [port], settings)!
  assert.deepEqual(lines(conf, 'dhcp-mac'), [`dhcp-mac=set:port-${port.id},${port.macAddress}`])
  assert.deepEqual(lines(opts, port.id), [
    `tag:port-${port.id},option:bootfile-name,pxe.0`,
    `tag:port-${port.id},150,192.0.2.9`,
    `tag:port-${port.id},option6:dns-server,[fd00::9]`,
  ])
})

test('only leases of present holders stay, and the own DUID', () => {
  const network = aNetwork([aSubnet('10.0.0.0/24'), aSubnet('fd00::/64')], [])
  const port = aPort(network, ['10.0.0.5', 'fd00::5'], { macAddress: 'fa:16:3e:00:00:01' })
  const kept = [
    '1795442570 fa:16:3e:00:00:01 10.0.0.5 web 01:fa:16:3e:00:00:01',
    'duid 00:01:00:01:32:95:b3:09',
    '1795442698 4660 fd00::5 web 00:03:00:01:fa:16:3e:00:00:01',
  ]
  const gone = [
    '1795442570 fa:16:3e:00:00:02 10.0.0.5 web 01:fa:16:3e:00:00:02',
    '1795442570 fa:16:3e:00:00:01 10.0.0.6 web 01:fa:16:3e:00:00:01',
    '1795442698 4660 fd00::6 web 00:03:00:01:fa:16:3e:00:00:01',
  ]
  assert.equal(prunedLeases(`${[...gone, ...kept].join('\n')}\n`, [port]), `${kept.join('\n')}\n`)
  assert.equal(prunedLeases('', [port]), '')
})
