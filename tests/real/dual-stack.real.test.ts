// Real guests on networks of both IP versions: their addresses, the way out and in, filters; then nothing.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { until } from '@kilonova/cloud/api-client'
import { GuestShell } from './guest-shell.ts'
import type { Call } from './outside.ts'
import { Outside } from './outside.ts'
import { RealCloud } from './real-cloud.ts'
import type { ShownServer, Things } from './servers.ts'
import {
  active,
  booted,
  createGroup,
  createKey,
  createServer,
  fixedAddress,
  removeServer,
  thingsOf,
} from './servers.ts'

const METADATA = ['http://169.254.169.254', 'http://[fe80::a9fe:a9fe%eth0]']
const INSIDE = 'fd4b:6e01::/64'
const SLAAC = { ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' }
const STATEFUL = { ipv6_address_mode: 'dhcpv6-stateful', ipv6_ra_mode: 'dhcpv6-stateful' }
const ECHO = 'nc -ll -p 8080 -e cat </dev/null >/dev/null 2>&1 &'
/** How long a packet has to stay away until it counts as dropped. */
const SILENCE = 2
const PATIENCE = 20

interface Guest {
  id: string
  ipv4: string
  /** In the network where guests make their address, and in the one where they ask for it. */
  slaac: string
  stateful: string
  shell: GuestShell
}

interface Router {
  id: string
  external_gateway_info: { external_fixed_ips: { ip_address: string }[] }
}

type Made = Record<string, { id: string }>

describe('guests of both IP versions', () => {
  let cloud: RealCloud
  let outside: Outside
  let things: Things
  let router: Router
  /** External, with addresses of both versions by router, with IPv6 by DHCP alone. */
  const nets = { external: '', dual: '', stateful: '' }
  const subnets = { inside4: '', inside6: '' }
  let keyFile = ''
  /** Knows who it is from a config drive. */
  let one: Guest
  /** Asks the metadata service. */
  let two: Guest
  /** Has nothing but IPv6. */
  let three: string

  const ask = <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<T> =>
    cloud.demo.ask<T>({ method, path: `/network/v2.0/${path}`, ...(body ? { body } : {}) })
  const make = async (collection: string, kind: string, body: object, by = cloud.demo): Promise<string> => {
    const path = `/network/v2.0/${collection}`
    return (await by.ask<Made>({ method: 'POST', path, body: { [kind]: body } }))[kind]!.id
  }
  const subnet = (network_id: string, cidr: string, parts: object = {}, by = cloud.demo): Promise<string> =>
    make('subnets', 'subnet', { network_id, cidr, ip_version: cidr.includes(':') ? 6 : 4, ...parts }, by)

  before(async () => {
    cloud = await RealCloud.start()
    things = await thingsOf(cloud.demo)
    outside = await Outside.make()
    await makeNetworks()
    await makeRouter()
    keyFile = await createKey(cloud.demo, cloud.state.path, 'test')
    const group = await createGroup(cloud.demo, 'test', [22, 8080])
    const ipv6 = { security_group_id: group, direction: 'ingress', ethertype: 'IPv6' }
    await make('security-group-rules', 'security_group_rule', { ...ipv6, protocol: 'ipv6-icmp' })
    const port = { port_range_min: 8080, port_range_max: 8080 }
    await make('security-group-rules', 'security_group_rule', { ...ipv6, protocol: 'tcp', ...port })
    const networks = [{ uuid: nets.dual }, { uuid: nets.stateful }]
    const common = { key_name: 'test', security_groups: [{ name: 'test' }], networks }
    const first = await createServer(cloud.demo, things, { ...common, name: 'one', config_drive: true })
    const second = await createServer(cloud.demo, things, { ...common, name: 'two' })
    three = await createServer(cloud.demo, things, { ...common, name: 'three', networks: networks.slice(1) })
    one = await guest(first)
    two = await guest(second)
    for (const { shell } of [one, two]) await shell.run(ECHO)
    await outside.listen()
  })
  after(async () => {
    await one?.shell.close()
    await two?.shell.close()
    await cloud?.remove()
    await outside?.remove()
  })

  async function makeNetworks(): Promise<void> {
    const { admin } = cloud
    nets.external = await make('networks', 'network', { name: 'external', 'router:external': true }, admin)
    const [third, ...more] = systemRandom.bytes(3)
    await subnet(nets.external, `198.18.${third}.0/24`, { enable_dhcp: false }, admin)
    await subnet(nets.external, `2001:db8:${Buffer.from(more).toString('hex')}::/64`, { enable_dhcp: false }, admin)
    nets.dual = await make('networks', 'network', { name: 'dual' })
    subnets.inside4 = await subnet(nets.dual, '10.50.0.0/24')
    subnets.inside6 = await subnet(nets.dual, INSIDE, SLAAC)
    nets.stateful = await make('networks', 'network', { name: 'stateful' })
    await subnet(nets.stateful, 'fd4b:6e02::/64', { gateway_ip: null, ...STATEFUL })
  }

  async function makeRouter(): Promise<void> {
    const info = { external_gateway_info: { network_id: nets.external } }
    router = (await ask<{ router: Router }>('POST', 'routers', { router: info })).router
    for (const subnet_id of Object.values(subnets))
      await ask('PUT', `routers/${router.id}/add_router_interface`, { subnet_id })
    const addresses = router.external_gateway_info.external_fixed_ips.map(({ ip_address }) => ip_address)
    const gateway6 = addresses.find((address) => address.includes(':'))!
    // IPv6 is not translated: whoever runs the network outside says where guests are.
    const device = `kng${nets.external.slice(0, 11)}`
    const routed = async () =>
      (await run('ip', ['-6', 'route', 'replace', INSIDE, 'via', gateway6, 'dev', device], { accept: [0, 1, 2] }))
        .code === 0
        ? true
        : undefined
    assert.ok(await until(PATIENCE, routed))
  }

  async function guest(id: string): Promise<Guest> {
    const server = await active(cloud.demo, id)
    const ipv4 = fixedAddress(server)
    const shell = new GuestShell({ directory: cloud.state.path, keyFile, networkId: nets.dual, address: ipv4 })
    await booted(cloud.demo, id)
    await shell.open()
    return { id, ipv4, slaac: ipv6In(server, 'dual'), stateful: ipv6In(server, 'stateful'), shell }
  }

  const ipv6In = ({ addresses }: ShownServer, network: string): string =>
    addresses[network]!.find(({ version }) => version === 6)!.addr

  const addressesIn = async ({ shell }: Guest, device: string): Promise<string[]> => {
    const shown = await shell.run(`ip -o addr show dev ${device} scope global`)
    return [...shown.matchAll(/ inet6? ([^/ ]+)/g)].map(([, address]) => address!).toSorted()
  }

  /** Waits until nothing comes back any more. */
  async function silence(call: Call): Promise<void> {
    let said = 0
    const isSilent = async () => ((await call.echoes(`still ${said++}`, SILENCE)) ? undefined : true)
    assert.ok(await until(PATIENCE, isSilent))
  }

  it('have the addresses that the API shows: by DHCP, of router advertisements, by DHCPv6', async () => {
    for (const each of [one, two]) {
      const has = async (device: string, wanted: string[]) => {
        const found = await until(PATIENCE, async () => {
          const now = await addressesIn(each, device)
          return now.length >= wanted.length ? now : undefined
        })
        assert.deepEqual(found ?? (await addressesIn(each, device)), wanted.toSorted())
      }
      await has('eth0', [each.ipv4, each.slaac])
      await has('eth1', [each.stateful])
      const { ports } = await ask<{ ports: { fixed_ips: { ip_address: string }[] }[] }>(
        'GET',
        `ports?device_id=${each.id}`,
      )
      const held = ports.flatMap(({ fixed_ips }) => fixed_ips.map(({ ip_address }) => ip_address))
      assert.deepEqual(held.toSorted(), [each.ipv4, each.slaac, each.stateful].toSorted())
      assert.match(await each.shell.run('ip -6 route show default'), /^default via fe80::\S+ dev eth0 /)
    }
    assert.match(one.slaac, /^fd4b:6e01::.*ff:fe/)
  })

  it('are told the same networks by config drive and metadata, at both of its addresses', async () => {
    const drive = JSON.parse(await one.shell.run('cat /media/config-2/openstack/latest/network_data.json'))
    const types = drive.networks.map(({ type }: { type: string }) => type)
    assert.deepEqual(types, ['ipv4_dhcp', 'ipv6_slaac', 'ipv6_dhcpv6-stateful'])
    assert.deepEqual(drive.networks[1].ip_address, one.slaac)
    for (const url of METADATA) {
      const told = (file: string) => one.shell.run(`timeout 10 wget -q -O - '${url}/openstack/latest/${file}'`)
      assert.deepEqual(JSON.parse(await told('network_data.json')), drive, url)
      assert.equal(JSON.parse(await told('meta_data.json')).uuid, one.id)
    }
    assert.equal(await two.shell.run('hostname'), 'two')
  })

  it('need no IPv4: without any, metadata and addresses come by IPv6', async () => {
    const address = ipv6In(await active(cloud.demo, three), 'stateful')
    const said = await booted(cloud.demo, three)
    assert.ok(said.includes(`kilonova-tiny ready: three ${three} ${address}`), said)
    assert.match(await one.shell.run(`ping -c 1 ${address}`), / 0% packet loss/)
  })

  it('reach each other on either network', async () => {
    for (const address of [two.ipv4, two.slaac, two.stateful])
      assert.match(await one.shell.run(`ping -c 1 ${address}`), / 0% packet loss/)
    const { stdout } = await one.shell.try(`echo hello | timeout 5 nc ${two.slaac} 8080`)
    assert.equal(stdout, 'hello\n')
  })

  it('reach the outside: by IPv4 behind the host, by IPv6 as themselves', async () => {
    const from = (address: string) => one.shell.run(`timeout 10 nc ${address} 7070`)
    assert.equal(await from(outside.ipv4), outside.host4)
    assert.equal(await from(outside.ipv6), one.slaac)
    assert.equal(await outside.pings(one.slaac), true)
    assert.equal(await outside.pings(one.stateful), false, 'no router leads there')
  })

  it('are reached at a floating address until it is taken away, also by who is speaking', async () => {
    const { ports } = await ask<{ ports: { id: string; network_id: string }[] }>('GET', `ports?device_id=${one.id}`)
    const { id: port_id } = ports.find(({ network_id }) => network_id === nets.dual)!
    const made = await ask<{ floatingip: { id: string; floating_ip_address: string } }>('POST', 'floatingips', {
      floatingip: { floating_network_id: nets.external, port_id },
    })
    const { id, floating_ip_address: address } = made.floatingip
    const status = async (wanted: string) => {
      const { floatingip } = await ask<{ floatingip: { status: string } }>('GET', `floatingips/${id}`)
      return floatingip.status === wanted ? true : undefined
    }
    assert.ok(await until(PATIENCE, () => status('ACTIVE')))
    const call = outside.call(address, 8080)
    assert.equal(await call.echoes('before', PATIENCE), true)
    await ask('PUT', `floatingips/${id}`, { floatingip: { port_id: null } })
    assert.ok(await until(PATIENCE, () => status('DOWN')))
    const away = async () => ((await outside.pings(address)) ? undefined : true)
    assert.ok(await until(PATIENCE, away))
    await silence(call)
    assert.equal(await outside.call(address, 8080).echoes('anew', SILENCE), false)
    await ask('DELETE', `floatingips/${id}`)
  })

  it('are closed to whom a rule let in as soon as it is gone', async () => {
    const call = outside.call(one.slaac, 8080)
    assert.equal(await call.echoes('open', PATIENCE), true)
    const query = 'security-group-rules?ethertype=IPv6&protocol=tcp'
    const { security_group_rules: rules } = await ask<{ security_group_rules: { id: string }[] }>('GET', query)
    assert.equal(rules.length, 1)
    await ask('DELETE', `security-group-rules/${rules[0]!.id}`)
    await silence(call)
    assert.equal(await outside.call(one.slaac, 8080).echoes('anew', SILENCE), false)
    assert.equal(await outside.pings(one.slaac), true)
  })

  it('cannot send from an IPv6 address that is not their own', async () => {
    const echoes = async () => Number(await two.shell.run("awk '/Icmp6InEchos / { print $2 }' /proc/net/snmp6"))
    const before = await echoes()
    await one.shell.run(`ping -c 2 ${two.slaac}`)
    const honest = await echoes()
    assert.equal(honest - before, 2)
    const other = one.slaac.replace(/[^:]+$/, 'bad')
    await one.shell.run(`ip addr add ${other}/64 dev eth0`)
    await one.shell.run(`while ip addr show dev eth0 | grep ${other} | grep -q tentative; do usleep 100000; done`)
    const lying = await one.shell.try(`ping -c 2 -W 1 -I ${other} ${two.slaac}`)
    await one.shell.run(`ip addr del ${other}/64 dev eth0`)
    assert.match(lying.stdout, /2 packets transmitted, 0 packets received/)
    assert.equal(await echoes(), honest)
  })

  it('leave nothing when they and their networks are deleted', async () => {
    for (const { shell } of [one, two]) await shell.close()
    await Promise.all([one.id, two.id, three].map((id) => removeServer(cloud.demo, id)))
    for (const subnet_id of Object.values(subnets))
      await ask('PUT', `routers/${router.id}/remove_router_interface`, { subnet_id })
    await ask('DELETE', `routers/${router.id}`)
    for (const id of [nets.dual, nets.stateful]) await ask('DELETE', `networks/${id}`)
    await cloud.admin.ask({ method: 'DELETE', path: `/network/v2.0/networks/${nets.external}` })
    const ids = [one.id, two.id, three, router.id, ...Object.values(nets)].map((id) => id.slice(0, 11))
    const { tag } = await cloud.state.identity()
    const filters = async (): Promise<string[]> => {
      const tables = ['bridge', 'inet'].map((family) => run('nft', ['list', 'table', family, `kn_${tag}`]))
      return (await Promise.all(tables)).flatMap(({ stdout }) => stdout.split('\n'))
    }
    const left = async (): Promise<string[]> =>
      [...(await cloud.traces()), ...(await filters())].filter((trace) => ids.some((id) => trace.includes(id)))
    await until(PATIENCE, async () => ((await left()).length === 0 ? true : undefined))
    assert.deepEqual(await left(), [])
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})
