// Debian's `openstack` client against a real cloud with real guests.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import { RealCloud } from '../real/real-cloud.ts'
import { OpenStackSession } from './openstack-session.ts'

type Row = Record<string, unknown>

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/
const LIMIT_SECONDS = 300
const HEX_ID = /^[0-9a-f]{32}$/

describe('the openstack client', () => {
  let cloud: RealCloud
  let admin: OpenStackSession
  let demo: OpenStackSession
  let directory: string

  before(async () => {
    cloud = await RealCloud.start()
    directory = cloud.state.path
    admin = await OpenStackSession.start(cloud, 'admin')
    demo = await OpenStackSession.start(cloud, 'demo')
  })
  after(async () => {
    await admin?.close()
    await demo?.close()
    await cloud?.remove()
  })

  const names = (rows: Row[], column = 'Name'): unknown[] => rows.map((row) => row[column])
  const list = (session: OpenStackSession, command: string) => session.json<Row[]>(command)

  it('logs in and finds every service in the catalog', async () => {
    const token = await demo.json('token issue')
    assert.match(String(token['project_id']), HEX_ID)
    assert.match(String(token['user_id']), HEX_ID)
    assert.ok(Date.parse(String(token['expires'])) > Date.now())
    const catalog = await list(demo, 'catalog list')
    const types = names(catalog, 'Type')
    assert.deepEqual(types.toSorted(), ['compute', 'identity', 'image', 'network', 'placement'])
    for (const { Endpoints: endpoints } of catalog) {
      const published = endpoints as { region: string; interface: string; url: string }[]
      assert.ok(published.some((one) => one.interface === 'public' && one.url.startsWith(cloud.url)))
      assert.ok(published.every(({ region }) => region === 'RegionOne'))
    }
  })

  it('shows users, projects and roles to the admin, and refuses them to others', async () => {
    const users = names(await list(admin, 'user list'))
    assert.ok(users.includes('admin') && users.includes('demo'), String(users))
    const projects = names(await list(admin, 'project list'))
    assert.ok(
      ['admin', 'demo', 'service'].every((name) => projects.includes(name)),
      String(projects),
    )
    const roles = names(await list(admin, 'role list'))
    for (const role of ['admin', 'manager', 'member', 'reader', 'service']) assert.ok(roles.includes(role), role)
    assert.match(await demo.refusal('user list'), /HTTP 403|not authorized/)
  })

  it('keeps an image byte for byte', async () => {
    const [file, saved] = [join(directory, 'disk.raw'), join(directory, 'saved.raw')]
    const bytes = randomBytes(300_000)
    await writeFile(file, bytes)
    const made = await demo.json(
      `image create disk --file ${file} --disk-format raw --container-format bare --property os_distro=none --tag small`,
    )
    assert.match(String(made['id']), UUID)
    const listed = (await list(demo, 'image list')).find(({ Name: name }) => name === 'disk')
    assert.deepEqual(listed, { ID: made['id'], Name: 'disk', Status: 'active' })
    const shown = await demo.json('image show disk')
    assert.deepEqual(
      [shown['status'], shown['size'], shown['disk_format'], shown['visibility'], shown['tags']],
      ['active', bytes.length, 'raw', 'shared', ['small']],
    )
    assert.equal((shown['properties'] as Row)['os_distro'], 'none')
    await demo.run(`image save --file ${saved} disk`)
    assert.ok(bytes.equals(await readFile(saved)))
    await demo.run('image delete disk')
    assert.ok(!names(await list(demo, 'image list')).includes('disk'))
    assert.match(await demo.refusal('image show disk'), /No Image found for disk/)
  })

  it('makes and removes flavors', async () => {
    const made = await admin.json('flavor create own --id 4711 --ram 300 --disk 2 --vcpus 2 --property quota:x=1')
    assert.deepEqual([made['id'], made['ram'], made['disk'], made['vcpus']], ['4711', 300, 2, 2])
    const seen = (await list(demo, 'flavor list')).find(({ Name: name }) => name === 'own')
    assert.deepEqual([seen?.['ID'], seen?.['RAM'], seen?.['VCPUs'], seen?.['Is Public']], ['4711', 300, 2, true])
    assert.deepEqual((await demo.json('flavor show own'))['properties'], { 'quota:x': '1' })
    assert.match(await demo.refusal('flavor delete own'), /403|Policy doesn't allow/)
    await admin.run('flavor delete own')
    assert.match(await demo.refusal('flavor show own'), /No Flavor found for own/)
  })

  it('keeps key pairs', async () => {
    const privateKey = join(directory, 'id_generated')
    await demo.run(`keypair create generated --private-key ${privateKey}`)
    assert.match(await readFile(privateKey, 'utf8'), /^-----BEGIN [A-Z ]*PRIVATE KEY-----/)
    const listed = (await list(demo, 'keypair list')).find(({ Name: name }) => name === 'generated')
    const shown = await demo.json('keypair show generated')
    assert.equal(shown['fingerprint'], listed?.['Fingerprint'])
    assert.equal(shown['type'], 'ssh')
    assert.deepEqual(await list(admin, 'keypair list'), [])
    await demo.run('keypair delete generated')
    assert.deepEqual(await list(demo, 'keypair list'), [])
  })

  it('makes networks, subnets and ports, and removes them', async () => {
    const net = await demo.json('network create lab --description things')
    assert.deepEqual([net['name'], net['status'], net['router:external']], ['lab', 'ACTIVE', false])
    const subnet = await demo.json(
      'subnet create lab4 --network lab --subnet-range 10.77.0.0/24 --dns-nameserver 10.77.0.9 --allocation-pool start=10.77.0.20,end=10.77.0.30',
    )
    assert.deepEqual(
      [subnet['cidr'], subnet['gateway_ip'], subnet['enable_dhcp'], subnet['dns_nameservers']],
      ['10.77.0.0/24', '10.77.0.1', true, ['10.77.0.9']],
    )
    assert.ok(names(await list(demo, 'network list')).includes('lab'))
    assert.deepEqual((await demo.json('network show lab'))['subnets'], [subnet['id']])
    assert.equal((await demo.json('subnet show lab4'))['network_id'], net['id'])
    assert.ok(names(await list(demo, 'subnet list --network lab')).includes('lab4'))
    const port = await demo.json('port create --network lab --fixed-ip subnet=lab4,ip-address=10.77.0.40 plug')
    assert.deepEqual(port['fixed_ips'], [{ subnet_id: subnet['id'], ip_address: '10.77.0.40' }])
    assert.equal((await demo.json('port show plug'))['mac_address'], port['mac_address'])
    assert.ok(names(await list(demo, 'port list --network lab')).includes('plug'))
    assert.match(await demo.refusal('network delete lab'), /in use/)
    assert.match(
      await demo.refusal('port create --network lab --fixed-ip ip-address=10.77.0.40 again'),
      /already allocated|IpAddressAlreadyAllocated|10\.77\.0\.40/,
    )
    await demo.run('port delete plug')
    await demo.run('subnet delete lab4')
    await demo.run('network delete lab')
    assert.ok(!names(await list(demo, 'network list')).includes('lab'))
  })

  it('makes security groups with rules, and removes them', async () => {
    const group = await demo.json('security group create web')
    assert.equal((group['rules'] as Row[]).length, 2)
    const rule = await demo.json(
      'security group rule create web --protocol tcp --dst-port 80:81 --remote-ip 10.0.0.0/8',
    )
    assert.deepEqual(
      [rule['protocol'], rule['port_range_min'], rule['port_range_max'], rule['remote_ip_prefix'], rule['direction']],
      ['tcp', 80, 81, '10.0.0.0/8', 'ingress'],
    )
    assert.ok(names(await list(demo, 'security group rule list web'), 'ID').includes(rule['id']))
    assert.equal((await demo.json(`security group rule show ${rule['id']}`))['security_group_id'], group['id'])
    assert.equal(((await demo.json('security group show web'))['rules'] as Row[]).length, 3)
    await demo.run(`security group rule delete ${rule['id']}`)
    await demo.run('security group delete web')
    assert.deepEqual(names(await list(demo, 'security group list')), ['default'])
  })

  it('shows the router to the outside', async () => {
    const [row] = await list(demo, 'router list')
    assert.ok(row, 'there is no router')
    const router = await demo.json(`router show ${row['ID']}`)
    assert.equal(router['status'], 'ACTIVE')
    const gateway = router['external_gateway_info'] as { network_id: string; external_fixed_ips: unknown[] }
    assert.equal((await demo.json('network show public'))['id'], gateway.network_id)
    assert.equal(gateway.external_fixed_ips.length, 1)
  })

  it('takes a server through its life', async () => {
    const made = await demo.json(
      'server create --image kilonova-tiny --flavor m1.nano --network private --property role=test --wait vm',
    )
    const id = String(made['id'])
    assert.deepEqual([made['name'], made['status'], made['OS-EXT-STS:power_state']], ['vm', 'ACTIVE', 1])
    const [listed] = await list(demo, 'server list --long')
    assert.deepEqual([listed?.['ID'], listed?.['Status'], listed?.['Power State']], [id, 'ACTIVE', 1])
    assert.equal(listed?.['Image Name'], 'kilonova-tiny')
    assert.equal(listed?.['Availability Zone'], 'nova')
    const shown = await demo.json('server show vm')
    assert.deepEqual(shown['properties'], { role: 'test' })
    assert.deepEqual(shown['addresses'], listed?.['Networks'])
    assert.match(String(shown['flavor']), /m1\.nano/)
    assert.deepEqual(names(await list(demo, `port list --server ${id}`), 'Status'), ['ACTIVE'])

    await demo.run('security group create web')
    await demo.run('server add security group vm web')
    const groups = async () => names((await demo.json('server show vm'))['security_groups'] as Row[], 'name')
    assert.deepEqual((await groups()).toSorted(), ['default', 'web'])
    await demo.run('server remove security group vm web')
    assert.deepEqual(await groups(), ['default'])
    await demo.run('security group delete web')

    const READY = /kilonova-tiny ready: vm/
    const log = await until(LIMIT_SECONDS, async () => {
      const text = await demo.run('console log show vm')
      return READY.test(text) ? text : undefined
    })
    assert.match(log ?? '', READY)
    const { type, url } = await demo.json('console url show vm')
    assert.deepEqual([type, new URL(String(url)).pathname], ['novnc', '/console/vnc.html'])
    const serial = await demo.json('console url show --serial vm')
    assert.match(String(serial['url']), /^ws:.*\/console\/serial\?token=/)
    await demo.run('server stop vm')
    await becomes(demo, 'SHUTOFF')
    assert.match(await demo.refusal('server stop vm'), /409|Cannot 'stop' instance/)
    await demo.run('server start vm')
    await becomes(demo, 'ACTIVE')
    await demo.run('server reboot --hard --wait vm')
    assert.equal((await demo.json('server show vm'))['status'], 'ACTIVE')

    const events = await list(demo, `server event list ${id}`)
    assert.deepEqual(names(events, 'Action'), ['reboot', 'start', 'stop', 'create'])
    const created = await demo.json(`server event show ${id} ${events.at(-1)!['Request ID']}`)
    assert.equal(created['action'], 'create')
    const everywhere = await list(admin, 'server list --all-projects')
    assert.deepEqual(names(everywhere), ['vm'])
    assert.deepEqual(await list(admin, 'server list'), [])
    await demo.run('server delete --wait vm')
    const used = await demo.json('usage show')
    assert.ok(Number(used['RAM MB-Hours']) > 0, JSON.stringify(used))
    const [project] = names(await list(admin, 'usage list'), 'Project')
    assert.ok(project === 'demo' || project === used['Project'], String(project))
    assert.deepEqual(await list(demo, 'server list'), [])
    assert.deepEqual(await list(demo, 'port list --device-owner compute:nova'), [])
  })

  it('shows hosts and services to the admin', async () => {
    const [row] = await list(admin, 'hypervisor list')
    assert.deepEqual([row?.['Hypervisor Type'], row?.['State']], ['QEMU', 'up'])
    const shown = await admin.json(`hypervisor show ${row?.['ID']}`)
    assert.equal(shown['hypervisor_hostname'], row?.['Hypervisor Hostname'])
    assert.match(String(shown['load_average']), /\d/)
    const services = await list(admin, 'compute service list')
    assert.deepEqual(names(services, 'Binary').toSorted(), ['nova-compute', 'nova-conductor', 'nova-scheduler'])
    assert.ok(services.every((service) => service['State'] === 'up' && service['Status'] === 'enabled'))
    assert.match(await demo.refusal('compute service list'), /403|Policy doesn't allow/)
  })

  it('shows zones, quotas, limits and extensions', async () => {
    const zones = await list(demo, 'availability zone list --compute')
    assert.deepEqual(zones[0], { 'Zone Name': 'nova', 'Zone Status': 'available' })
    const limitsOf = async (...resources: string[]): Promise<unknown[]> => {
      const quota = await demo.json<Row[] | Row>('quota show')
      const limitOf = (name: string): unknown =>
        Array.isArray(quota) ? quota.find((row) => row['Resource'] === name)?.['Limit'] : quota[name]
      return resources.map(limitOf)
    }
    assert.deepEqual(await limitsOf('instances', 'cores', 'ram'), [10, 20, 51200])
    await admin.run('quota set --class --cores 21 default')
    assert.deepEqual(await limitsOf('instances', 'cores'), [10, 21])
    await admin.run('quota set --class --cores 20 default')
    const limits = await list(demo, 'limits show --absolute')
    const countOf = (name: string): unknown => limits.find((row) => row['Name'] === name)?.['Value']
    assert.deepEqual([countOf('maxTotalInstances'), countOf('totalInstancesUsed')], [10, 0])
    assert.ok(names(await list(demo, 'extension list --compute'), 'Alias').includes('os-keypairs'))
    const extensions = names(await list(demo, 'extension list --network'), 'Alias')
    assert.ok(extensions.includes('security-group') && extensions.includes('router'), String(extensions))
  })

  it('tells unknown things in a sentence', async () => {
    assert.match(await demo.refusal('server show nobody'), /'nobody' exists|No server found for nobody/i)
    assert.match(
      await demo.refusal('server create --image kilonova-tiny --flavor m1.none --network private x'),
      /'m1\.none' exists|No Flavor found for m1\.none/i,
    )
    assert.match(await demo.refusal('network show nowhere'), /No Network found for nowhere/i)
  })

  it('logs in by clouds.yaml, and not with a wrong password', async () => {
    const env = { ...process.env, OS_CLIENT_CONFIG_FILE: cloud.state.cloudsFile, HOME: directory }
    const ask = (...words: string[]) => run('openstack', ['--os-cloud', ...words], { env, accept: [0, 1] })
    const { stdout } = await ask('kilonova-demo', 'network', 'list', '-f', 'json')
    assert.ok(names(JSON.parse(stdout) as Row[]).includes('private'))
    const { code, stderr } = await ask('kilonova', '--os-password', 'wrong', 'token', 'issue')
    assert.equal(code, 1)
    assert.match(stderr, /The request you have made requires authentication.*401/)
  })

  it('has left nothing behind', async () => {
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})

/** Waits until the client shows the server `vm` with this status. */
async function becomes(session: OpenStackSession, status: string): Promise<void> {
  const shown = await until(LIMIT_SECONDS, async () => {
    const { status: now, fault } = await session.json('server show vm')
    if (now === 'ERROR') assert.fail(JSON.stringify(fault))
    return now === status ? now : undefined
  })
  assert.equal(shown, status)
}
