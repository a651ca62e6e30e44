import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '@kilonova/base/random'
import { Compile } from 'typebox/schema'
import type { GuestSpec, GuestSubnet } from '../guest-spec.ts'
import { makeGuest, makeVif } from '../testing.ts'
import { configDriveFiles, type MetadataOptions, metaData, openstackFiles } from './instance-metadata.ts'
import { networkData } from './network-data.ts'
import { networkDataSchema } from './testing-network-data.ts'
import { OPENSTACK_VERSIONS } from './versions.ts'

const options: MetadataOptions = {
  dhcpDomain: 'novalocal',
  vendorData: { static: { rack: 'r1' }, dynamic: { cmdb: { a: 1 } } },
}
const key = { name: 'mykey', type: 'ssh', data: 'ssh-ed25519 AAAA me' } as const

function whole(): GuestSpec {
  return makeGuest({
    metadata: { role: 'db' },
    keys: [key],
    userData: Buffer.from('#!/bin/sh\0é').toString('base64'),
    adminPass: 's3cret',
    files: [{ path: '/etc/motd', contents: Buffer.from('hello').toString('base64') }],
    vifs: [makeVif({ tag: 'front' })],
    devices: [{ type: 'nic', bus: 'pci', address: '0000:00:03.0', mac: 'fa:16:3e:00:00:01', tags: ['front'] }],
  })
}

const read = (files: Map<string, Uint8Array>, path: string) => JSON.parse(Buffer.from(files.get(path)!).toString())

test('seed-8.5.18-1: the drive has every version and each file from the version on that brought it', () => {
  const files = configDriveFiles(whole(), options)
  const since: Record<string, string> = {
    'meta_data.json': '2012-08-10',
    user_data: '2012-08-10',
    'vendor_data.json': '2013-10-17',
    'network_data.json': '2015-10-15',
    'vendor_data2.json': '2016-10-06',
  }
  const expected = [...OPENSTACK_VERSIONS, 'latest'].flatMap((version) =>
    Object.keys(since)
      .filter((file) => version >= since[file]!)
      .map((file) => `openstack/${version}/${file}`),
  )
  const ec2 = ['2009-04-04', 'latest'].flatMap((v) => [`ec2/${v}/meta-data.json`, `ec2/${v}/user-data`])
  assert.deepEqual([...files.keys()].sort(), [...expected, ...ec2, 'openstack/content/0000'].sort())
  assert.equal(Buffer.from(files.get('openstack/content/0000')!).toString(), 'hello')
})

test('seed-8.5.18-2: user data is there byte for byte, and absent when there is none', () => {
  const with_ = configDriveFiles(whole(), options)
  assert.deepEqual(with_.get('openstack/latest/user_data'), Buffer.from('#!/bin/sh\0é'))
  assert.deepEqual(with_.get('ec2/latest/user-data'), Buffer.from('#!/bin/sh\0é'))
  const without = configDriveFiles({ ...whole(), userData: null }, options)
  assert.equal(
    [...without.keys()].some((path) => /user.data/.test(path)),
    false,
  )
})

test('seed-8.5.18-6: meta_data.json on the drive', () => {
  const guest = whole()
  const random = seededRandom(1)
  const data = metaData(guest, '2025-04-04', { ...options, place: 'drive', random })
  const seed = Buffer.from(String(data['random_seed']), 'base64')
  assert.equal(seed.length, 512)
  assert.deepEqual(data, {
    uuid: guest.id,
    meta: { role: 'db' },
    files: [{ path: '/etc/motd', content_path: '/content/0000' }],
    admin_pass: 's3cret',
    public_keys: { mykey: key.data },
    keys: [key],
    hostname: 'web.novalocal',
    name: 'web',
    launch_index: 0,
    availability_zone: 'nova',
    random_seed: data['random_seed'],
    project_id: guest.projectId,
    devices: guest.devices,
    dedicated_cpus: [],
  })
  const again = metaData(guest, '2025-04-04', { ...options, place: 'drive', random })
  assert.notEqual(again['random_seed'], data['random_seed'])
})

const added: Record<string, string[]> = {
  '2012-08-10': [],
  '2013-04-04': ['random_seed'],
  '2015-10-15': ['project_id'],
  '2016-06-30': ['devices'],
  '2020-10-14': ['dedicated_cpus'],
}

test('seed-8.5.18-7: meta_data.json grows with its versions, and the service tells no password and no files', () => {
  const keys = ['uuid', 'meta', 'public_keys', 'keys', 'hostname', 'name', 'launch_index', 'availability_zone']
  for (const version of OPENSTACK_VERSIONS) {
    keys.push(...(added[version] ?? []))
    const data = metaData(whole(), version, { ...options, place: 'service' })
    assert.deepEqual(Object.keys(data), keys, version)
  }
})

test('what is not there is left out', () => {
  const data = metaData(makeGuest(), '2012-08-10', { ...options, dhcpDomain: '', place: 'drive' })
  assert.deepEqual(Object.keys(data), ['uuid', 'hostname', 'name', 'launch_index', 'availability_zone'])
  assert.equal(data['hostname'], 'web')
})

test('vendor data', () => {
  const files = openstackFiles(makeGuest(), '2025-04-04', { ...options, place: 'service' })
  assert.deepEqual(read(files, 'vendor_data.json'), { rack: 'r1' })
  assert.deepEqual(read(files, 'vendor_data2.json'), { static: { rack: 'r1' }, cmdb: { a: 1 } })
})

test('seed-8.5.18-4: EC2 meta-data.json has its keys without the listing name, and null where only IPv6 is', () => {
  const guest = whole()
  guest.vifs[0]!.network.subnets = [v6({})]
  const data = read(configDriveFiles(guest, options), 'ec2/latest/meta-data.json')
  assert.deepEqual(data['public-keys'], { '0': { 'openssh-key': key.data } })
  assert.equal(data['local-ipv4'], null)
  assert.equal(data['public-ipv4'], '')
  assert.equal(data['ami-manifest-path'], 'FIXME')
  assert.deepEqual(data['placement'], { 'availability-zone': 'nova' })
  assert.match(data['instance-id'], /^i-[0-9a-f]{8}$/)
})

function v4(parts: Partial<GuestSubnet>): GuestSubnet {
  return { ...makeVif().network.subnets[0]!, ...parts }
}

function v6(parts: Partial<GuestSubnet>): GuestSubnet {
  return v4({
    cidr: '2001:db8::/64',
    version: 6,
    gateway: '2001:db8::1',
    dns: ['2001:db8::2'],
    ips: [{ address: '2001:db8::5', floatingIps: [] }],
    dhcpServer: null,
    ...parts,
  })
}

const dns = (address: string) => ({ type: 'dns', address })
const v4Static = {
  type: 'ipv4',
  ip_address: '10.0.0.5',
  netmask: '255.255.255.0',
  routes: [
    { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
    { network: '192.168.4.0', netmask: '255.255.252.0', gateway: '10.0.0.9' },
  ],
  services: [dns('10.0.0.2')],
}
const v6Static = {
  ip_address: '2001:db8::5',
  netmask: 'ffff:ffff:ffff:ffff::',
  routes: [{ network: '::', netmask: '::', gateway: '2001:db8::1' }],
  services: [dns('2001:db8::2')],
}
const networkCases = [
  { name: 'IPv4 with DHCP', subnets: [v4({})], mtu: null, networks: [{ type: 'ipv4_dhcp' }] },
  {
    name: 'IPv4 without DHCP, with a host route',
    subnets: [v4({ dhcpServer: null, routes: [{ cidr: '192.168.5.7/22', gateway: '10.0.0.9' }] })],
    mtu: 1450,
    networks: [v4Static],
  },
  { name: 'IPv6 without DHCP', subnets: [v6({})], mtu: 1450, networks: [{ type: 'ipv6', ...v6Static }] },
  {
    name: 'IPv6 with SLAAC',
    subnets: [v6({ ipv6AddressMode: 'slaac' })],
    mtu: 1450,
    networks: [{ type: 'ipv6_slaac', ...v6Static }],
  },
  {
    name: 'IPv6 with stateful DHCP',
    subnets: [v6({ ipv6AddressMode: 'dhcpv6-stateful', dhcpServer: '2001:db8::2' })],
    mtu: null,
    networks: [{ type: 'ipv6_dhcpv6-stateful', ...v6Static }],
  },
  {
    name: 'only the first subnet of each version, without a gateway',
    subnets: [v4({ dhcpServer: null, gateway: null }), v4({ cidr: '10.9.0.0/24' }), v6({ gateway: null })],
    mtu: null,
    networks: [
      { ...v4Static, routes: [] },
      { type: 'ipv6', ...v6Static, routes: [] },
    ],
  },
]

for (const { name, subnets, mtu, networks } of networkCases) {
  test(`seed-8.5.18-${/^IPv6/.test(name) ? 4 : 3}: network_data.json, ${name}`, () => {
    const vif = makeVif()
    vif.network.subnets = subnets
    const link = {
      id: vif.tap,
      vif_id: vif.portId,
      type: 'bridge',
      mtu,
      ethernet_mac_address: vif.mac,
    }
    const expected = networks.map((network, i) => ({
      id: `network${i}`,
      link: vif.tap,
      network_id: vif.network.id,
      ...network,
    }))
    const data = networkData([vif])
    assert.deepEqual(data['links'], [link])
    assert.deepEqual(data['networks'], expected)
  })
}

test('network_data.json: nothing for a guest without ports, DNS servers once, foreign types as phy', () => {
  assert.deepEqual(networkData([]), {})
  const data = networkData([makeVif({ type: 'macvtap' }), makeVif()])
  assert.deepEqual(data['services'], [dns('10.0.0.2')])
  assert.deepEqual(
    (data['links'] as { type: string }[]).map(({ type }) => type),
    ['phy', 'bridge'],
  )
})

test('seed-8.5.18-1: network_data.json has the shape that guests expect', () => {
  const check = Compile(networkDataSchema)
  for (const { name, subnets } of networkCases) {
    const vif = makeVif()
    vif.network.subnets = subnets
    assert.deepEqual(check.Errors(networkData([vif]))[1], [], name)
  }
  const good = networkData([makeVif()])
  assert.ok(check.Check(good))
  for (const wrong of [
    { links: [{ id: 'x' }] },
    { services: [dns('nowhere')] },
    { networks: [{ id: 'n', link: 'x', network_id: 'x', type: 'ipv4', ip_address: '10.0.0.256' }] },
    { networks: [{ id: 'n', link: 'x', network_id: 'x', type: 'ipv5' }] },
  ])
    assert.equal(check.Check({ ...good, ...wrong }), false, JSON.stringify(wrong))
})
