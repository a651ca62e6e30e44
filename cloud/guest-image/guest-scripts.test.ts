// The guest's own programs, run by the same busybox that the guest has.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'

const SCRIPTS = join(import.meta.dirname, 'guest/usr/lib/kilonova')

async function readJson(input: string, ...pointer: string[]): Promise<string> {
  return (await run('busybox', ['sh', join(SCRIPTS, 'read-json'), ...pointer], { input })).stdout
}

async function planNetwork(networkData: unknown): Promise<string[]> {
  const input = await readJson(JSON.stringify(networkData))
  const { stdout } = await run('busybox', ['awk', '-f', join(SCRIPTS, 'plan-network.awk')], { input })
  return stdout.split('\n').filter(Boolean)
}

test('read-json finds a value wherever its name stands', async () => {
  const nested = { other: { uuid: 'wrong', list: [{ uuid: 'wrong too' }] }, uuid: 'right', hostname: 'vm' }
  assert.equal(await readJson(JSON.stringify(nested), '/uuid'), 'right\n')
  assert.equal(await readJson(JSON.stringify(nested, null, 4), '/other/list/0/uuid'), 'wrong too\n')
  assert.equal(await readJson(JSON.stringify(nested), '/missing'), '')
})

test('read-json decodes what JSON escapes', async () => {
  const texts = [
    'a "quoted" word',
    'back\\slash\\',
    'tab\tnewline\nend',
    'braces }]{[,:',
    'é 漢 😀',
    '',
    '/a~b',
    '\\"',
    '\\\\"x',
  ]
  for (const text of texts) {
    assert.equal(await readJson(JSON.stringify({ first: 1, text, last: 2 }), '/text'), `${text}\n`)
  }
  assert.equal(await readJson('{"text": "\\u00e9\\u6f22\\ud83d\\ude00\\/"}', '/text'), 'é漢😀/\n')
})

test('read-json lists every leaf on a line of its own', async () => {
  const value = { b: { 'x/y~z': 'one\ntwo\t\\three' }, a: [1, -2.5e3, true, null, [], {}, [['deep']]] }
  assert.deepEqual((await readJson(JSON.stringify(value))).split('\n'), [
    '/b/x~1y~0z\tone\\ntwo\\t\\\\three',
    '/a/0\t1',
    '/a/1\t-2500',
    '/a/2\ttrue',
    '/a/3\tnull',
    '/a/6/0/0\tdeep',
    '',
  ])
})

test('read-json reads large values in time', async () => {
  const value = {
    keys: Array.from({ length: 500 }, (_, i) => ({ name: `key${i}`, data: 'x'.repeat(400) })),
    uuid: 'id',
  }
  assert.equal(await readJson(JSON.stringify(value), '/uuid'), 'id\n')
})

test('read-json refuses what is not JSON', async () => {
  for (const text of ['', '{', '{"a" 1}', '{"a": }', '["a"', '{"a": "b}', '{a: 1}', '{} {}', '<html>', '[1 2]']) {
    await assert.rejects(readJson(text), { name: 'CommandFailed', code: 1 }, `accepted ${text}`)
  }
})

test('plan-network leaves addresses to DHCP where the network has it', async () => {
  const plan = await planNetwork({
    links: [{ id: 'tap1', type: 'bridge', mtu: null, ethernet_mac_address: 'FA:16:3E:00:00:01' }],
    networks: [{ id: 'network0', type: 'ipv4_dhcp', link: 'tap1', network_id: 'n' }],
    services: [],
  })
  assert.deepEqual(plan, ['dhcp fa:16:3e:00:00:01'])
})

test('plan-network takes static addresses, routes, name servers and the MTU', async () => {
  const plan = await planNetwork({
    services: [{ type: 'dns', address: '192.0.2.53' }],
    networks: [
      {
        type: 'ipv4',
        link: 'tap1',
        ip_address: '10.1.2.3',
        netmask: '255.255.240.0',
        routes: [
          { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.1.0.1' },
          { network: '198.51.100.0', netmask: '255.255.255.128', gateway: '10.1.0.2' },
        ],
        services: [
          { type: 'dns', address: '192.0.2.53' },
          { type: 'dns', address: '192.0.2.54' },
        ],
      },
      {
        type: 'ipv6',
        link: 'tap2',
        ip_address: '2001:db8::5',
        netmask: 'ffff:ffff:ffff:fff0::',
        routes: [{ network: '::', netmask: '::', gateway: '2001:db8::1' }],
      },
      { type: 'ipv6_slaac', link: 'tap1' },
      { type: 'ipv6_dhcpv6-stateful', link: 'tap2' },
    ],
    links: [
      { id: 'tap1', mtu: 1450, ethernet_mac_address: 'fa:16:3e:00:00:01' },
      { id: 'tap2', mtu: null, ethernet_mac_address: 'fa:16:3e:00:00:02' },
    ],
  })
  assert.deepEqual(plan, [
    'mtu fa:16:3e:00:00:01 1450',
    'address fa:16:3e:00:00:01 10.1.2.3/20',
    'route fa:16:3e:00:00:01 0.0.0.0/0 10.1.0.1',
    'route fa:16:3e:00:00:01 198.51.100.0/25 10.1.0.2',
    'dns 192.0.2.53',
    'dns 192.0.2.54',
    'address fa:16:3e:00:00:02 2001:db8::5/60',
    'route fa:16:3e:00:00:02 ::/0 2001:db8::1',
    'slaac fa:16:3e:00:00:01',
    'dhcp6 fa:16:3e:00:00:02',
  ])
})

test('plan-network makes nothing of a server without interfaces', async () => {
  assert.deepEqual(await planNetwork({}), [])
})
