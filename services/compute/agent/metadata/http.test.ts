import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GuestSpec } from '../guest-spec.ts'
import { makeGuest, makeVif } from '../testing.ts'
import { type MetadataRequest, metadataResponse } from './http.ts'

const guest: GuestSpec = makeGuest({
  number: 0x1f,
  keys: [{ name: 'my key', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
  userData: Buffer.from('#!/bin/sh\n').toString('base64'),
  adminPass: 's3cret',
  vifs: [makeVif()],
  securityGroups: ['default', 'web'],
  disks: [
    {
      role: 'root',
      backend: 'raw',
      source: { kind: 'file', path: '/x' },
      format: 'raw',
      device: 'disk',
      bus: 'virtio',
      target: 'vda',
      size: 1,
    },
  ],
})

function ask(request: Partial<MetadataRequest>, today = '2026-01-01', password = '') {
  const options = { dhcpDomain: 'novalocal', vendorData: { static: {}, dynamic: {} }, today }
  return metadataResponse({ method: 'GET', path: '/', ...request }, { spec: guest, password }, options)
}

const EC2 =
  '1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest'
const META = [
  'ami-id',
  'ami-launch-index',
  'ami-manifest-path',
  'block-device-mapping/',
  'hostname',
  'instance-action',
  'instance-id',
  'instance-type',
  'local-hostname',
  'local-ipv4',
  'placement/',
  'public-hostname',
  'public-ipv4',
  'public-keys/',
  'reservation-id',
  'security-groups',
]
const answers: [string, string][] = [
  ['/', EC2],
  ['/ec2', EC2],
  ['/ec2/', EC2],
  ['/latest', 'meta-data/\nuser-data'],
  ['/latest/meta-data/', META.join('\n')],
  ['/ec2/2009-04-04/meta-data', META.join('\n')],
  ['/latest/meta-data/instance-id', 'i-0000001f'],
  ['/latest/meta-data/local-ipv4', '10.0.0.5'],
  ['/latest/meta-data/public-keys/', '0=my key'],
  ['/latest/meta-data/public-keys/0/', 'openssh-key'],
  ['/latest/meta-data/public-keys/0/openssh-key', 'ssh-ed25519 AAAA me'],
  ['/latest/meta-data/placement/availability-zone', 'nova'],
  ['/latest/meta-data/security-groups', 'default\nweb'],
  ['/latest/meta-data/block-device-mapping/root', '/dev/vda'],
  ['//latest//meta-data/./hostname?x=1', 'web.novalocal'],
  ['/latest/user-data', '#!/bin/sh\n'],
  [
    '/1.0/meta-data/',
    META.filter((key) => /^(ami|hostname|instance-id|local-ipv4|public-keys|res|sec)/.test(key)).join('\n'),
  ],
  [
    '/openstack',
    '2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n2017-02-22\n2018-08-27\n2020-10-14\n2025-04-04\nlatest',
  ],
  ['/openstack/2012-08-10', 'meta_data.json\nuser_data'],
  ['/openstack/2013-10-17/', 'meta_data.json\nuser_data\npassword\nvendor_data.json'],
  ['/openstack/latest/', 'meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json'],
  ['/openstack/latest/user_data', '#!/bin/sh\n'],
  ['/openstack/latest/password', ''],
]

for (const [path, body] of answers) {
  test(`GET ${path}`, () => {
    const answer = ask({ path })
    assert.equal(answer.status, 200)
    assert.equal(Buffer.from(answer.body as string).toString(), body)
    assert.match(answer.headers['content-type']!, /^text\/plain/)
  })
}

for (const path of [
  '/latest/meta-data/nothing',
  '/latest/meta-data/hostname/deeper',
  '/latest/meta-data/public-keys/0/_name',
  '/latest/meta-data/constructor',
  '/2010-01-01/meta-data',
  '/openstack/2010-01-01',
  '/openstack/latest/content/0000',
  '/openstack/2012-08-10/password',
  '/openstack/2012-08-10/network_data.json',
  '/openstack/latest/nothing',
  '/latest/api/token',
  '/%ff',
]) {
  test(`GET ${path} is not found`, () => assert.equal(ask({ path }).status, 404))
}

test('versions of the future are not listed', () => {
  assert.doesNotMatch(String(ask({ path: '/openstack' }, '2025-01-01').body), /2025/)
})

test('JSON files say so, and the service tells no password', () => {
  const answer = ask({ path: '/openstack/latest/meta_data.json' })
  assert.equal(answer.headers['content-type'], 'application/json')
  const data = JSON.parse(Buffer.from(answer.body as Uint8Array).toString())
  assert.equal(data.uuid, guest.id)
  assert.equal('admin_pass' in data, false)
})

test('a source that no guest is known for gets nothing', () => {
  const options = { dhcpDomain: '', vendorData: { static: {}, dynamic: {} }, today: '2026-01-01' }
  for (const path of ['/', '/openstack', '/openstack/latest/meta_data.json']) {
    assert.equal(metadataResponse({ method: 'GET', path }, null, options).status, 404)
  }
})

test('the password is posted once, in at most 1020 bytes', () => {
  const path = '/openstack/latest/password'
  const posted = ask({ method: 'POST', path, body: Buffer.from('c2VjcmV0') })
  assert.equal(posted.status, 200)
  assert.equal(posted.newPassword, 'c2VjcmV0')
  assert.equal(ask({ path }, undefined, 'c2VjcmV0').body, 'c2VjcmV0')
  assert.equal(ask({ method: 'POST', path, body: Buffer.from('x') }, undefined, 'c2VjcmV0').status, 409)
  assert.equal(ask({ method: 'POST', path, body: Buffer.alloc(1020, 'a') }).status, 200)
  const long = ask({ method: 'POST', path, body: Buffer.alloc(1021, 'a') })
  assert.equal(long.status, 400)
  assert.equal(long.newPassword, undefined)
  assert.equal(ask({ method: 'PUT', path }).status, 400)
})

test('nothing else can be written', () => {
  assert.equal(ask({ method: 'POST', path: '/openstack/latest/meta_data.json' }).status, 405)
})
