// Security groups of servers, in a whole cloud on fake hosts: put on all ports, taken off, and shown.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ApiClient } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

interface Group {
  id: string
  name: string
}

interface Port {
  id: string
  security_groups: string[]
  revision_number: number
}

describe('security groups of a server', () => {
  let fake: FakeCloud
  let id: string
  let web: string
  before(async () => {
    fake = await startFakeCloud()
    id = await createServer(fake, { networks: [{ uuid: fake.network }, { uuid: fake.network }] })
    await settledServer(fake, id)
    web = await newGroup('web')
  })
  after(() => fake?.stop())

  const network = <T>(path: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE' = 'GET', body?: object): Promise<T> =>
    fake.demo.ask<T>({ method, path: `/network/v2.0/${path}`, ...(body ? { body } : {}) })
  const newGroup = async (name: string): Promise<string> => {
    const body = { security_group: { name } }
    return (await network<{ security_group: Group }>('security-groups', 'POST', body)).security_group.id
  }
  const ports = async (): Promise<Port[]> =>
    (await network<{ ports: Port[] }>(`ports?device_id=${id}&sort_key=id`)).ports
  const onPorts = async (): Promise<number[]> =>
    (await ports()).map(({ security_groups: groups }) => groups.filter((one) => one === web).length)
  /** The status, and the sentence when it is refused. */
  const act = async (body: object, as: ApiClient = fake.demo, server = id): Promise<[number, string]> => {
    const reply = await as.send({ method: 'POST', path: `/compute/v2.1/servers/${server}/action`, body })
    const text = await reply.text()
    if (text === '') return [reply.status, '']
    const [told] = Object.values(JSON.parse(text) as Record<string, { code: number; message: string }>)
    assert.equal(told!.code, reply.status)
    return [reply.status, told!.message]
  }
  const add = (name: string, as?: ApiClient, server?: string) => act({ addSecurityGroup: { name } }, as, server)
  const remove = (name: string, as?: ApiClient, server?: string) => act({ removeSecurityGroup: { name } }, as, server)
  const namesIn = (server: { security_groups?: { name: string }[] }) => server.security_groups?.map(({ name }) => name)
  const shown = async (server = id) =>
    namesIn(
      (await fake.demo.ask<{ server: { security_groups?: Group[] } }>({ path: `/compute/v2.1/servers/${server}` }))
        .server,
    )
  const listed = async (as: ApiClient, server = id) => {
    const path = `/compute/v2.1/servers/${server}/os-security-groups`
    return (await as.ask<{ security_groups: (Group & { rules: object[] })[] }>({ path })).security_groups
  }
  const ACCEPTED = [202, '']

  it('are on all of its ports or on none, however often it is asked', async () => {
    assert.deepEqual(await shown(), ['default', 'default'])
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await add('web'), ACCEPTED)
      assert.deepEqual(await onPorts(), [1, 1])
    }
    assert.deepEqual((await shown())?.toSorted(), ['default', 'default', 'web', 'web'])
    const path = '/compute/v2.1/servers/detail'
    const [row] = (await fake.demo.ask<{ servers: { security_groups?: Group[] }[] }>({ path })).servers
    assert.deepEqual(namesIn(row!)?.toSorted(), ['default', 'default', 'web', 'web'])
    assert.deepEqual(await remove(web), ACCEPTED)
    assert.deepEqual(await onPorts(), [0, 0])
    assert.deepEqual(await remove('web'), [404, `Security group web not associated with the instance ${id}`])
  })

  it('are added where some ports have them, and taken from those', async () => {
    const [first] = await ports()
    const both = [...first!.security_groups, web]
    await network(`ports/${first!.id}`, 'PUT', { port: { security_groups: both } })
    assert.deepEqual(await remove('web'), ACCEPTED)
    await network(`ports/${first!.id}`, 'PUT', { port: { security_groups: both } })
    const before = await ports()
    assert.deepEqual(await add(web), ACCEPTED)
    const changes = (await ports()).map(({ revision_number }, at) => revision_number - before[at]!.revision_number)
    assert.deepEqual(changes, [0, 1])
    assert.deepEqual(await remove('web'), ACCEPTED)
  })

  it('are listed with what they let in', async () => {
    const rule = {
      security_group_id: web,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 81,
    }
    const remote_ip_prefix = '10.0.0.0/8'
    await network('security-group-rules', 'POST', { security_group_rule: { ...rule, remote_ip_prefix } })
    const all = { security_group_id: web, direction: 'ingress', protocol: 'udp' }
    await network('security-group-rules', 'POST', { security_group_rule: all })
    await add('web')
    const groups = await listed(fake.demo)
    assert.deepEqual(
      groups.map(({ name }) => name),
      ['default', 'default', 'web', 'web'],
    )
    const [own] = groups
    const tenant_id = fake.demo.projectId
    const { rules, ...parts } = groups.at(-1)!
    assert.deepEqual(parts, { id: web, name: 'web', description: '', tenant_id })
    const told = rules.map((one) => ({ ...one, id: undefined }))
    const common = { id: undefined, parent_group_id: web, group: {} }
    assert.deepEqual(told, [
      { ...common, ip_protocol: 'tcp', from_port: 80, to_port: 81, ip_range: { cidr: remote_ip_prefix } },
      { ...common, ip_protocol: 'udp', from_port: 1, to_port: 65_535, ip_range: { cidr: '0.0.0.0/0' } },
    ])
    const members = own!.rules.map((one) => ({ ...one, id: undefined }))
    const group = { name: 'default', tenant_id }
    const fromMembers = { ip_protocol: null, from_port: null, to_port: null, group, ip_range: {} }
    assert.deepEqual(members[0], { ...common, parent_group_id: own!.id, ...fromMembers })
    await remove('web')
  })

  it("are those of the server's project, also for an admin", async () => {
    assert.deepEqual(await add('web', fake.admin), ACCEPTED)
    assert.deepEqual(
      (await listed(fake.admin)).map(({ name }) => name),
      ['default', 'default', 'web', 'web'],
    )
    assert.deepEqual(await remove('web', fake.admin), ACCEPTED)
  })

  it('are found by older clients', async () => {
    const headers = { 'openstack-api-version': 'compute 2.35' }
    const path = '/compute/v2.1/os-security-groups'
    const ask = async (more: string, as = fake.demo) => {
      const reply = await as.send({ path: path + more, headers })
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
    }
    const named = async (more: string, as = fake.demo) =>
      ((await ask(more, as)).body['security_groups'] as Group[]).map(({ name }) => name)
    assert.deepEqual(await named(''), ['default', 'web'])
    assert.equal((await named('?limit=1')).length, 1)
    assert.deepEqual(await named('?offset=2&name=web'), [])
    assert.deepEqual(await named('', fake.admin), ['default'])
    assert.equal((await named('?all_tenants=1', fake.admin)).length, 3)
    assert.deepEqual(await named('?all_tenants=1'), ['default', 'web'])
    const shown = (await ask(`/${web}`)).body['security_group'] as Group
    assert.deepEqual([shown.id, shown.name], [web, 'web'])
    const { security_groups: foreign } = await fake.admin.ask<{ security_groups: Group[] }>({
      path: `/network/v2.0/security-groups?project_id=${fake.admin.projectId}`,
    })
    assert.equal((await ask(`/${foreign[0]!.id}`)).status, 404)
    assert.equal((await ask('/web')).status, 400)
    assert.equal((await fake.demo.send({ path })).status, 404)
  })

  it('are refused by name', async () => {
    const before = await ports()
    const project = fake.demo.projectId
    assert.deepEqual(await add('nobody'), [404, `Security group nobody is not found for project ${project}`])
    assert.deepEqual(await remove('nobody'), [404, `Security group nobody is not found for project ${project}`])
    const twins = [await newGroup('twin'), await newGroup('twin')]
    for (const ask of [add, remove])
      assert.deepEqual(await ask('twin'), [
        409,
        "Multiple security_group matches found for name 'twin', use an ID to be more specific.",
      ])
    assert.deepEqual(await add(' '), [400, 'Security group name cannot be empty'])
    assert.equal((await add(''))[0], 400)
    assert.equal((await act({ addSecurityGroup: 'web' }))[0], 400)
    assert.equal((await act({ addSecurityGroup: { name: 'web', colour: 1 } }))[0], 400)
    assert.deepEqual(await ports(), before)
    for (const twin of twins) await network(`security-groups/${twin}`, 'DELETE')
  })

  it('are refused by a server without ports', async () => {
    const bare = await createServer(fake, { networks: 'none' })
    await settledServer(fake, bare)
    const sentence = `instance_id ${bare} could not be found as device id on any ports`
    for (const ask of [add, remove]) assert.deepEqual(await ask('web', fake.demo, bare), [404, sentence])
    assert.equal(await shown(bare), undefined)
    assert.deepEqual(await listed(fake.demo, bare), [])
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${bare}` })
  })

  it('are refused by all ports when one is without port security', async () => {
    const [, second] = await ports()
    const port = { security_groups: [], port_security_enabled: false }
    await fake.admin.ask({ method: 'PUT', path: `/network/v2.0/ports/${second!.id}`, body: { port } })
    const sentence = 'Network requires port_security_enabled and subnet associated in order to apply security groups.'
    assert.deepEqual(await add('web'), [400, sentence])
    assert.deepEqual(await onPorts(), [0, 0])
    assert.deepEqual(await remove('default'), ACCEPTED)
    assert.deepEqual(
      (await ports()).flatMap((one) => one.security_groups),
      [],
    )
    assert.equal(await shown(), undefined)
  })

  it('are not changed by strangers', async () => {
    const other = await fake.admin.ask<{ server: { id: string } }>({
      ...{ method: 'POST', path: '/compute/v2.1/servers' },
      body: { server: { name: 'foreign', imageRef: fake.image, flavorRef: fake.flavor, networks: 'none' } },
    })
    const foreign = other.server.id
    const sentence = `Instance ${foreign} could not be found.`
    for (const ask of [add, remove]) assert.deepEqual(await ask('web', fake.demo, foreign), [404, sentence])
    await assert.rejects(listed(fake.demo, foreign), { status: 404 })
  })
})
