// Real guests seen from inside: address, config drive, metadata, filters, the way out and in, power; then nothing.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import type { AuditReport } from '@kilonova/cloud/operator/audit/finding'
import { GuestShell } from './guest-shell.ts'
import { RealCloud } from './real-cloud.ts'
import type { ShownServer, Things } from './servers.ts'
import {
  act,
  active,
  booted,
  createGroup,
  createKey,
  createServer,
  fixedAddress,
  removeServer,
  settled,
  showServer,
  thingsOf,
} from './servers.ts'

const METADATA = 'http://169.254.169.254'
const PORTS = '/network/v2.0/ports?device_owner=compute:nova'
const VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  'latest',
]
const USER_DATA = '#!/bin/sh\necho "user data ran" >/run/user-data-ran\n'

interface Guest {
  id: string
  address: string
  shell: GuestShell
}

describe('a real guest', () => {
  let cloud: RealCloud
  let things: Things
  let namespace: string
  let keyFile: string
  /** With a config drive, a key, user data and properties. */
  let one: Guest
  /** Without a config drive: what it knows it asked the metadata service for. */
  let two: Guest

  before(async () => {
    cloud = await RealCloud.start({ config: '[compute]\nvirt_type = "qemu"\nmax_local_block_devices = 4\n' })
    things = await thingsOf(cloud.demo)
    namespace = `kn-dhcp-${things.network}`
    keyFile = await createKey(cloud.demo, cloud.state.path, 'test')
    await createGroup(cloud.demo, 'test', [22, 8080])
    const common = { key_name: 'test', security_groups: [{ name: 'test' }], metadata: { role: 'web', size: 'groß' } }
    const user_data = Buffer.from(USER_DATA).toString('base64')
    const first = await withDisks({ ...common, name: 'one', config_drive: true, user_data })
    const second = await createServer(cloud.demo, things, { ...common, name: 'two' })
    one = await guest(first)
    two = await guest(second)
  })
  after(async () => {
    await one?.shell.close()
    await two?.shell.close()
    await cloud?.remove()
  })

  /** Two ephemeral disks, of another bus each, and a swap besides its root. */
  async function withDisks(parts: object): Promise<string> {
    const headers = { 'openstack-api-version': 'compute 2.90' }
    const sizes = { ram: 192, vcpus: 1, disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 3, swap: 32 }
    const { flavor } = await cloud.admin.ask<{ flavor: { id: string } }>({
      ...{ method: 'POST', path: '/compute/v2.1/flavors', headers, body: { flavor: { name: 'disks', ...sizes } } },
    })
    const local = { destination_type: 'local', delete_on_termination: true }
    const blank = { ...local, source_type: 'blank' }
    const block_device_mapping_v2 = [
      { ...local, source_type: 'image', uuid: things.image, boot_index: 0 },
      { ...blank, volume_size: 1, tag: 'scratch', disk_bus: 'ide' },
      { ...blank, volume_size: 2, guest_format: 'ext3', tag: 'data' },
      { ...blank, volume_size: 16, guest_format: 'swap' },
    ]
    const server = { imageRef: things.image, flavorRef: flavor.id, networks: [{ uuid: things.network }], ...parts }
    const made = await cloud.demo.ask<{ server: { id: string } }>({
      ...{ method: 'POST', path: '/compute/v2.1/servers', headers },
      body: { server: { ...server, block_device_mapping_v2 } },
    })
    return made.server.id
  }

  async function guest(id: string): Promise<Guest> {
    const address = fixedAddress(await active(cloud.demo, id))
    const { network: networkId } = things
    const shell = new GuestShell({ directory: cloud.state.path, keyFile, networkId, address })
    await booted(cloud.demo, id)
    await shell.open()
    return { id, address, shell }
  }

  const inNamespace = (...command: string[]) =>
    run('ip', ['netns', 'exec', namespace, ...command], { accept: [0, 1, 143] })
  const pidOf = async ({ id }: Guest): Promise<string> => {
    const { stdout } = await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`])
    return stdout.trim()
  }

  it('has the address, by DHCP, that the API shows', async () => {
    const { ports } = await cloud.demo.ask<{ ports: { mac_address: string; status: string }[] }>({
      path: `/network/v2.0/ports?device_id=${one.id}`,
    })
    const shown = await one.shell.run(
      'ip -4 -o addr show eth0; cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu',
    )
    assert.match(shown, new RegExp(`inet ${one.address}/`))
    assert.ok(shown.includes(ports[0]!.mac_address), shown)
    assert.equal(ports[0]!.status, 'ACTIVE')
    const leases = join(cloud.state.network, 'dhcp', things.network, 'leases')
    assert.match((await run('cat', [leases])).stdout, new RegExp(`${ports[0]!.mac_address} ${one.address} `))
    assert.notEqual(one.address, two.address)
    assert.match(await one.shell.run(`ping -c 1 ${two.address}`), / 0% packet loss/)
  })

  it('seed-8.5.18-1: finds its config drive', async () => {
    const label = await one.shell.run(
      'blkid=$(findfs LABEL=config-2) && echo $blkid && cd /media/config-2 && find . -type f',
    )
    const files = label.split('\n').slice(1).toSorted()
    const always = ['ec2/2009-04-04/meta-data.json', 'ec2/latest/meta-data.json']
    const since = (version: string, first: string): boolean => version >= first // `latest` is after all dates
    const expected = VERSIONS.flatMap((version) => [
      `openstack/${version}/meta_data.json`,
      `openstack/${version}/user_data`,
      ...(since(version, '2013-10-17') ? [`openstack/${version}/vendor_data.json`] : []),
      ...(since(version, '2015-10-15') ? [`openstack/${version}/network_data.json`] : []),
      ...(since(version, '2016-10-06') ? [`openstack/${version}/vendor_data2.json`] : []),
    ])
    const missing = [...always, ...expected].filter((file) => !files.includes(`./${file}`))
    assert.deepEqual(missing, [])
    const early = files.filter((file) => /2012-08-10\/(vendor|network)/.test(file))
    assert.deepEqual(early, [])
    assert.equal(await one.shell.run('cat /media/config-2/openstack/latest/user_data'), USER_DATA.trim())
    assert.equal(await one.shell.run('cat /run/user-data-ran'), 'user data ran')
  })

  const drive = async (file: string): Promise<Record<string, unknown>> =>
    JSON.parse(await one.shell.run(`cat /media/config-2/openstack/${file}`))
  const service = async ({ shell }: Guest, file: string): Promise<Record<string, unknown>> =>
    JSON.parse(await shell.run(`timeout 60 wget -q -O - ${METADATA}/openstack/${file}`))

  it('seed-8.5.18-3: reads who it is on the config drive', async () => {
    const meta = await drive('latest/meta_data.json')
    assert.equal(meta['uuid'], one.id)
    assert.equal(meta['name'], 'one')
    assert.equal(meta['hostname'], 'one.novalocal')
    assert.deepEqual(meta['meta'], { role: 'web', size: 'groß' })
    assert.equal(meta['project_id'], cloud.demo.projectId)
    assert.equal(meta['availability_zone'], 'nova')
    assert.deepEqual(Object.keys(meta['public_keys'] as object), ['test'])
    assert.equal(Buffer.from(String(meta['random_seed']), 'base64').length, 512)
    assert.ok(Array.isArray(meta['devices']) && Array.isArray(meta['keys']))
    assert.equal(typeof meta['admin_pass'], 'string')
    assert.equal('random_seed' in (await drive('2012-08-10/meta_data.json')), false)
    const network = (await drive('latest/network_data.json')) as {
      networks: { type: string }[]
      links: { mtu: unknown }[]
    }
    assert.deepEqual(
      network.networks.map(({ type }) => type),
      ['ipv4_dhcp'],
    )
    assert.equal(network.links[0]!.mtu, null)
    assert.equal(await one.shell.run('hostname'), 'one')
  })

  it('has the disks that were asked for, formatted, and is told of them', async () => {
    const found = await one.shell.run(
      'findfs LABEL=ephemeral0; findfs LABEL=ephemeral1; dd if=/dev/vdc bs=1 skip=4086 count=10 2>/dev/null; echo; ' +
        'cat /sys/block/vda/size /sys/block/sda/size /sys/block/vdb/size /sys/block/vdc/size',
    )
    const [first, second, swap, ...sectors] = found.split('\n')
    assert.deepEqual([first, second, swap], ['/dev/sda', '/dev/vdb', 'SWAPSPACE2'])
    assert.deepEqual(sectors, ['2097152', '2097152', '4194304', '32768'])
    const told = (path: string) =>
      one.shell.run(`timeout 60 wget -q -O - ${METADATA}/latest/meta-data/block-device-mapping/${path}`)
    assert.equal(await told(''), 'ami\nephemeral0\nephemeral1\nroot\nswap')
    assert.deepEqual(
      [await told('ephemeral0'), await told('ephemeral1'), await told('swap')],
      ['/dev/hda', '/dev/vdb', '/dev/vdc'],
    )
    const { devices } = (await drive('latest/meta_data.json')) as { devices: Record<string, unknown>[] }
    assert.deepEqual(
      devices.map(({ type, bus, tags }) => [type, bus, tags]),
      [
        ['disk', 'ide', ['scratch']],
        ['disk', 'pci', ['data']],
      ],
    )
    assert.match(await one.shell.run(`ls /sys/bus/pci/devices/${devices[1]!['address']}/virtio*/block`), /^vdb$/)
  })

  it('seed-8.5.18-7: is told the same by the metadata service', async () => {
    for (const version of VERSIONS) {
      const { random_seed: seed, admin_pass: _, files: __, ...told } = await service(one, `${version}/meta_data.json`)
      const { random_seed: other, admin_pass, files, ...written } = await drive(`${version}/meta_data.json`)
      assert.deepEqual(told, written, version)
      assert.equal(seed === undefined, other === undefined)
      if (seed !== undefined) assert.notEqual(seed, other)
    }
    for (const file of ['network_data.json', 'vendor_data.json', 'vendor_data2.json'])
      assert.deepEqual(await service(one, `latest/${file}`), await drive(`latest/${file}`), file)
    const fetch = (path: string) => one.shell.run(`timeout 60 wget -q -O - ${METADATA}/${path}`)
    assert.equal(await fetch('openstack/latest/user_data'), USER_DATA.trim())
    assert.equal(await fetch('latest/meta-data/local-ipv4'), one.address)
    assert.match(await fetch('latest/meta-data/instance-id'), /^i-[0-9a-f]{8}$/)
  })

  it('without a config drive asked the metadata service, as itself', async () => {
    const meta = await service(two, 'latest/meta_data.json')
    assert.equal(meta['uuid'], two.id)
    assert.equal('admin_pass' in meta, false)
    assert.equal(await two.shell.run('hostname'), 'two')
    const lie = `wget -q -O - --header "X-Instance-ID: ${one.id}" --header "X-Forwarded-For: ${one.address}"`
    const told = await two.shell.run(`timeout 10 ${lie} ${METADATA}/openstack/latest/meta_data.json`)
    assert.equal((JSON.parse(told) as { uuid: string }).uuid, two.id)
    assert.equal((await two.shell.try('findfs LABEL=config-2')).code, 1)
  })

  it('answers on an allowed port only', async () => {
    await one.shell.run('mkdir -p /run/www && echo "this is one" >/run/www/index.html')
    await one.shell.run('httpd -p 8080 -h /run/www && httpd -p 9090 -h /run/www')
    assert.equal(await one.shell.run(`wget -q -O - http://${one.address}:9090/`), 'this is one')
    const fromTwo = (port: number) => two.shell.try(`timeout 2 wget -q -O - http://${one.address}:${port}/`)
    assert.equal((await fromTwo(8080)).stdout, 'this is one\n')
    assert.equal((await fromTwo(9090)).stdout, '')
    const fromOutside = (port: number) =>
      inNamespace('timeout', '2', 'busybox', 'wget', '-q', '-O', '-', `http://${one.address}:${port}/`).catch(
        () => null,
      )
    assert.equal((await fromOutside(8080))?.stdout, 'this is one\n')
    assert.equal((await fromOutside(9090))?.stdout ?? '', '')
  })

  it('cannot send from an address that is not its own', async () => {
    const { stdout } = await inNamespace('ip', '-4', '-json', 'address', 'show', 'scope', 'global')
    const [device] = JSON.parse(stdout) as { addr_info: { local: string }[] }[]
    const server = device!.addr_info[0]!.local
    const pings = async (): Promise<number> => {
      const lines = (await inNamespace('cat', '/proc/net/snmp')).stdout
        .split('\n')
        .filter((line) => /^Icmp:/.test(line))
      const [heads, values] = lines.map((line) => line.split(' '))
      return Number(values![heads!.indexOf('InEchos')])
    }
    const spoofed = one.address.replace(/\d+$/, '250')
    const before = await pings()
    await one.shell.run(`ping -c 2 ${server}`)
    const honest = await pings()
    assert.equal(honest - before, 2)
    await one.shell.run(`ip addr add ${spoofed}/32 dev eth0`)
    const lying = await one.shell.try(`ping -c 2 -W 1 -I ${spoofed} ${server}`)
    await one.shell.run(`ip addr del ${spoofed}/32 dev eth0`)
    assert.match(lying.stdout, /2 packets transmitted, 0 packets received/)
    assert.equal(await pings(), honest)
  })

  /** What connects to the host from the guests: the address that each connection comes from. */
  async function listening(work: (port: number, from: string[]) => Promise<void>): Promise<void> {
    const from: string[] = []
    const server = createTcpServer((socket) => {
      from.push(socket.remoteAddress!.replace('::ffff:', ''))
      socket.on('error', () => undefined).end('HTTP/1.0 200 OK\r\n\r\nthe outside\n')
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    try {
      await work((server.address() as { port: number }).port, from)
    } finally {
      server.close()
    }
  }

  const outside = '198.51.100.77'

  async function withOutside(work: () => Promise<void>): Promise<void> {
    await run('ip', ['address', 'add', `${outside}/32`, 'dev', 'lo'])
    try {
      await work()
    } finally {
      await run('ip', ['address', 'del', `${outside}/32`, 'dev', 'lo'])
    }
  }

  it('reaches the outside through its router, as the router', async () => {
    interface Router {
      id: string
      external_gateway_info: { external_fixed_ips: { ip_address: string }[] }
    }
    const { routers } = await cloud.admin.ask<{ routers: Router[] }>({ path: '/network/v2.0/routers' })
    const gateway = routers[0]!.external_gateway_info.external_fixed_ips[0]!.ip_address
    await withOutside(() =>
      listening(async (port, from) => {
        assert.equal(await one.shell.run(`timeout 60 wget -q -O - http://${outside}:${port}/`), 'the outside')
        assert.deepEqual(from, [gateway])
      }),
    )
  })

  it('is reached at its floating address, on allowed ports, and is seen outside under it', async () => {
    const { networks } = await cloud.demo.ask<{ networks: { id: string }[] }>({
      path: '/network/v2.0/networks?name=public',
    })
    const { ports } = await cloud.demo.ask<{ ports: { id: string }[] }>({
      path: `/network/v2.0/ports?device_id=${one.id}`,
    })
    const body = { floatingip: { floating_network_id: networks[0]!.id, port_id: ports[0]!.id } }
    const path = '/network/v2.0/floatingips'
    const { floatingip } = await cloud.demo.ask<{ floatingip: { id: string; floating_ip_address: string } }>({
      method: 'POST',
      path,
      body,
    })
    const address = floatingip.floating_ip_address
    const get = (port: number) =>
      fetch(`http://${address}:${port}/`, { signal: AbortSignal.timeout(2_000) }).then(
        (reply) => reply.text(),
        () => undefined,
      )
    assert.equal(await until(120, () => get(8080)), 'this is one\n')
    assert.equal(await get(9090), undefined)
    const shown = await until(120, async () => {
      const addresses = Object.values((await showServer(cloud.demo, one.id)).addresses).flat()
      return addresses.find(({ addr }) => addr === address)
    })
    assert.equal(shown?.['OS-EXT-IPS:type'], 'floating')
    await withOutside(() =>
      listening(async (port, from) => {
        await one.shell.run(`timeout 60 wget -q -O - http://${outside}:${port}/`)
        assert.deepEqual(from, [address])
      }),
    )
    await cloud.demo.ask({ method: 'DELETE', path: `${path}/${floatingip.id}` })
    const isOff = await until(120, async () => ((await get(8080)) === undefined ? true : undefined))
    assert.equal(isOff, true)
  })

  it('gets an interface while it runs, and lets go of it', async () => {
    const path = `/compute/v2.1/servers/${one.id}/os-interface`
    const { interfaceAttachment: made } = await cloud.demo.ask<{
      interfaceAttachment: { port_id: string; mac_addr: string; port_state: string }
    }>({ method: 'POST', path, body: { interfaceAttachment: { net_id: things.network } } })
    const inside = () => one.shell.run('cat /sys/class/net/*/address')
    const sees = (wanted: boolean) =>
      until(120, async () => ((await inside()).includes(made.mac_addr) === wanted ? true : undefined))
    assert.ok(await sees(true), await inside())
    assert.match(await cloud.virsh('dumpxml', '--inactive', one.id), new RegExp(made.mac_addr))
    await cloud.demo.ask({ method: 'DELETE', path: `${path}/${made.port_id}` })
    assert.ok(await sees(false), await inside())
    const gone = async () => {
      const { ports } = await cloud.demo.ask<{ ports: unknown[] }>({ path: `/network/v2.0/ports?id=${made.port_id}` })
      return ports.length === 0 ? true : undefined
    }
    assert.ok(await until(120, gone))
    assert.doesNotMatch(await cloud.virsh('dumpxml', '--inactive', one.id), new RegExp(made.mac_addr))
    assert.deepEqual((await cloud.audit()).orphans, [])
  })

  it('goes on while the cloud is stopped, and when it is killed', async () => {
    const pid = await pidOf(one)
    await one.shell.run('touch /run/still-the-same')
    assert.deepEqual(await cloud.stop(), { code: 0, signal: null })
    assert.equal(await one.shell.run('ls /run/still-the-same'), '/run/still-the-same')
    assert.match(await one.shell.run(`ping -c 1 ${two.address}`), / 0% packet loss/)
    await cloud.up()
    await cloud.ready()
    await cloud.kill()
    await cloud.up()
    await cloud.ready()
    assert.equal(await pidOf(one), pid)
    assert.equal((await showServer(cloud.demo, one.id)).status, 'ACTIVE')
    assert.equal((await service(one, 'latest/meta_data.json'))['uuid'], one.id)
    assert.match(await cloud.virsh('domstate', one.id), /^running/)
  })

  const settle = async (status: string): Promise<ShownServer> => {
    const server = await settled(cloud.demo, two.id)
    assert.equal(server?.status, status, JSON.stringify(server))
    return server!
  }

  it('reboots softly by itself and hard by force', async () => {
    await two.shell.close()
    const pid = await pidOf(two)
    await act(cloud.demo, two.id, { reboot: { type: 'SOFT' } })
    await settle('ACTIVE')
    await booted(cloud.demo, two.id, 2)
    await act(cloud.demo, two.id, { reboot: { type: 'HARD' } })
    await settle('ACTIVE')
    assert.notEqual(await pidOf(two), pid)
    const output = await booted(cloud.demo, two.id, 3)
    assert.match(output, new RegExp(`kilonova-tiny ready: two ${two.id} ${two.address}`))
  })

  it('stops and starts', async () => {
    await act(cloud.demo, two.id, { 'os-stop': null })
    assert.equal((await settle('SHUTOFF'))['OS-EXT-STS:power_state'], 4)
    assert.equal(await cloud.virsh('domstate', two.id), 'shut off')
    await act(cloud.demo, two.id, { 'os-start': null })
    await settle('ACTIVE')
    assert.match(await cloud.virsh('domstate', two.id), /^running/)
    await two.shell.open()
    assert.equal(await two.shell.run('hostname'), 'two')
  })

  it('leaves nothing when it is deleted', async () => {
    const listed = await cloud.demo.ask<{ ports: { id: string }[] }>({ path: PORTS })
    assert.equal(listed.ports.length, 2)
    await one.shell.close()
    await two.shell.close()
    await Promise.all([removeServer(cloud.demo, one.id), removeServer(cloud.demo, two.id)])
    const { code, stdout: told } = await cloud.command('audit', '--json')
    const { orphans, unchecked, checked } = JSON.parse(told) as AuditReport
    assert.deepEqual([code, orphans, unchecked], [0, [], []])
    assert.equal(checked['domain'], 0)
    assert.equal(await cloud.virsh('list', '--all', '--name'), '')
    const traces = await cloud.traces()
    assert.deepEqual(
      traces.filter((trace) => /qemu-system|link tap/.test(trace)),
      [],
    )
    assert.deepEqual(await readdir(join(cloud.state.path, 'instances')), ['_base'])
    const { tag } = await cloud.state.identity()
    const { stdout } = await run('nft', ['list', 'table', 'bridge', `kn_${tag}`])
    for (const { id } of listed.ports) assert.ok(!stdout.includes(id.slice(0, 11)), stdout)
    const leases = join(cloud.state.network, 'dhcp', things.network, 'leases')
    assert.equal((await run('cat', [leases])).stdout.includes(one.address), false)
    assert.deepEqual((await cloud.demo.ask<{ ports: unknown[] }>({ path: PORTS })).ports, [])
  })

  it('leaves nothing on the machine when its cloud is stopped after it', async () => {
    assert.notDeepEqual(await cloud.traces(), [])
    assert.deepEqual(await cloud.stop(), { code: 0, signal: null })
    assert.deepEqual(await cloud.traces(), [])
    await cloud.up()
    await cloud.ready()
    assert.deepEqual((await cloud.audit()).orphans, [])
    assert.ok((await cloud.traces()).some((trace) => trace.includes(namespace)))
  })
})
