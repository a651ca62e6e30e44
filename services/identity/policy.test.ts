import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Identity } from './identity.ts'
import type { ActorKind } from './schema/tables.ts'
import { identityService } from './service.ts'
import type { Scope, TestCloud } from './testing.ts'
import { BOOTSTRAP, onProject, SYSTEM_SCOPE, testCloud } from './testing.ts'

// Who passes, by the kind of rule: on a thing of the domain `home`, and on one of the domain `away`.
const ALL = ['admin', 'systemReader', 'homeReader', 'homeManager', 'member', 'projectManager', 'unscoped', 'service']
const KINDS: Record<string, { home: string[]; away: string[] }> = {
  any: { home: ALL, away: ALL },
  admin: { home: ['admin'], away: ['admin'] },
  systemRead: { home: ['admin', 'systemReader'], away: ['admin', 'systemReader'] },
  roleRead: { home: ['admin', 'systemReader', 'homeManager'], away: ['admin', 'systemReader', 'homeManager'] },
  read: { home: ['admin', 'systemReader', 'homeReader', 'homeManager'], away: ['admin', 'systemReader'] },
  // lists without a target show a domain's reader what is in the domain
  list: {
    home: ['admin', 'systemReader', 'homeReader', 'homeManager'],
    away: ['admin', 'systemReader', 'homeReader', 'homeManager'],
  },
  write: { home: ['admin', 'homeManager'], away: ['admin'] },
  ownDomain: {
    home: ['admin', 'systemReader', 'homeReader', 'homeManager', 'member', 'projectManager', 'service'],
    away: ['admin', 'systemReader'],
  },
}

const name = { name: 'some-name' }
type Row = [method: string, path: string, kind: keyof typeof KINDS, body?: unknown]

const grants = (actor: ActorKind): Row[] =>
  ['projects/:project', 'domains/:domain'].flatMap((target): Row[] => {
    const roles = `${target}/${actor}s/:${actor}/roles`
    const inherited = `OS-INHERIT/${roles}`
    const ones = [`/v3/${roles}/:role`, `/v3/${inherited}/:role/inherited_to_projects`]
    const lists: Row[] = [
      ['GET', `/v3/${roles}`, 'read'],
      ['GET', `/v3/${inherited}/inherited_to_projects`, 'read'],
    ]
    const rows = ones.flatMap((one): Row[] => [
      ['PUT', one, 'write'],
      ['GET', one, 'read'],
      ['DELETE', one, 'write'],
    ])
    return [...lists, ...rows]
  })

const systemGrants = (actor: ActorKind): Row[] => {
  const roles = `/v3/system/${actor}s/:${actor}/roles`
  return [
    ['GET', roles, 'systemRead'],
    ['GET', `${roles}/:role`, 'systemRead'],
    ['PUT', `${roles}/:role`, 'admin'],
    ['DELETE', `${roles}/:role`, 'admin'],
  ]
}

const ROUTES: Row[] = [
  ['GET', '/v3/auth/projects', 'any'],
  ['GET', '/v3/auth/domains', 'any'],
  ['GET', '/v3/auth/system', 'any'],
  ['GET', '/v3/domains', 'systemRead'],
  ['POST', '/v3/domains', 'admin', { domain: name }],
  ['GET', '/v3/domains/:domain', 'ownDomain'],
  ['PATCH', '/v3/domains/:domain', 'admin', { domain: { description: 'd' } }],
  ['DELETE', '/v3/domains/:domain', 'admin'],
  ['GET', '/v3/projects', 'list'],
  ['POST', '/v3/projects', 'write', { project: { ...name, domain_id: ':domain' } }],
  ['GET', '/v3/projects/:project', 'read'],
  ['PATCH', '/v3/projects/:project', 'write', { project: { description: 'd' } }],
  ['DELETE', '/v3/projects/:project', 'write'],
  ['GET', '/v3/projects/:project/tags', 'read'],
  ['PUT', '/v3/projects/:project/tags', 'write', { tags: ['t'] }],
  ['DELETE', '/v3/projects/:project/tags', 'write'],
  ['GET', '/v3/projects/:project/tags/t', 'read'],
  ['PUT', '/v3/projects/:project/tags/t', 'write'],
  ['DELETE', '/v3/projects/:project/tags/t', 'write'],
  ['GET', '/v3/users', 'list'],
  ['POST', '/v3/users', 'write', { user: { ...name, domain_id: ':domain' } }],
  ['GET', '/v3/users/:user', 'read'],
  ['PATCH', '/v3/users/:user', 'write', { user: { description: 'd' } }],
  ['DELETE', '/v3/users/:user', 'write'],
  ['GET', '/v3/users/:user/projects', 'read'],
  ['GET', '/v3/users/:user/groups', 'read'],
  ['GET', '/v3/groups', 'list'],
  ['POST', '/v3/groups', 'write', { group: { ...name, domain_id: ':domain' } }],
  ['GET', '/v3/groups/:group', 'read'],
  ['PATCH', '/v3/groups/:group', 'write', { group: { description: 'd' } }],
  ['DELETE', '/v3/groups/:group', 'write'],
  ['GET', '/v3/groups/:group/users', 'read'],
  ['PUT', '/v3/groups/:group/users/:user', 'write'],
  ['GET', '/v3/groups/:group/users/:user', 'read'],
  ['DELETE', '/v3/groups/:group/users/:user', 'write'],
  ['GET', '/v3/roles', 'roleRead'],
  ['POST', '/v3/roles', 'admin', { role: name }],
  ['GET', '/v3/roles/:fresh', 'roleRead'],
  ['PATCH', '/v3/roles/:fresh', 'admin', { role: { description: 'd' } }],
  ['DELETE', '/v3/roles/:fresh', 'admin'],
  ['GET', '/v3/roles/:fresh/implies', 'systemRead'],
  ['PUT', '/v3/roles/:fresh/implies/:other', 'admin'],
  ['GET', '/v3/roles/:fresh/implies/:other', 'systemRead'],
  ['HEAD', '/v3/roles/:fresh/implies/:other', 'systemRead'],
  ['DELETE', '/v3/roles/:fresh/implies/:other', 'admin'],
  ['GET', '/v3/role_inferences', 'systemRead'],
  ['GET', '/v3/role_assignments', 'list'],
  ...grants('user'),
  ...grants('group'),
  ...systemGrants('user'),
  ...systemGrants('group'),
  ['GET', '/v3/regions', 'any'],
  ['POST', '/v3/regions', 'admin', { region: {} }],
  ['GET', '/v3/regions/:region', 'any'],
  ['PUT', '/v3/regions/new', 'admin', { region: {} }],
  ['PATCH', '/v3/regions/:region', 'admin', { region: { description: 'd' } }],
  ['DELETE', '/v3/regions/:region', 'admin'],
  ['GET', '/v3/services', 'systemRead'],
  ['POST', '/v3/services', 'admin', { service: { type: 't' } }],
  ['GET', '/v3/services/:service', 'systemRead'],
  ['PATCH', '/v3/services/:service', 'admin', { service: { description: 'd' } }],
  ['DELETE', '/v3/services/:service', 'admin'],
  ['GET', '/v3/endpoints', 'systemRead'],
  ['POST', '/v3/endpoints', 'admin', { endpoint: { service_id: ':service', interface: 'public', url: 'http://x' } }],
  ['GET', '/v3/endpoints/:endpoint', 'systemRead'],
  ['PATCH', '/v3/endpoints/:endpoint', 'admin', { endpoint: { enabled: false } }],
  ['DELETE', '/v3/endpoints/:endpoint', 'admin'],
]

/** Routes whose rule looks at the bearer of a token or at the caller's own user: their own tests drive them. */
const ELSEWHERE = [
  'POST /v3/auth/tokens',
  'GET /v3/auth/tokens',
  'HEAD /v3/auth/tokens',
  'DELETE /v3/auth/tokens',
  'GET /v3/auth/catalog',
  'POST /v3/users/:/password',
]

let cloud: TestCloud
const domains: Record<'home' | 'away', string> = { home: '', away: '' }
const tokens: Record<string, string> = {}

before(async () => {
  cloud = await testCloud()
  const { projects } = cloud.identity
  for (const side of ['home', 'away'] as const) {
    domains[side] = (await projects.create({ name: side, is_domain: true }, '')).id
  }
  const project = await projects.create({ name: 'p' }, domains.home)
  tokens['admin'] = await cloud.admin()
  tokens['systemReader'] = await caller('reader', { kind: 'system', id: 'all' }, SYSTEM_SCOPE)
  const home = { kind: 'domain', id: domains.home } as const
  tokens['homeReader'] = await caller('reader', home, { domain: { id: home.id } })
  tokens['homeManager'] = await caller('manager', home, { domain: { id: home.id } })
  const onP = { project: { id: project.id } }
  tokens['member'] = await caller('member', { kind: 'project', id: project.id }, onP)
  tokens['projectManager'] = await caller('manager', { kind: 'project', id: project.id }, onP)
  tokens['service'] = await caller('service', { kind: 'project', id: project.id }, onP)
  tokens['unscoped'] = await cloud.token('demo', BOOTSTRAP.demoPassword)
})
after(() => cloud.close())

async function caller(
  role: string,
  target: Parameters<Identity['assignments']['grant']>[1],
  scope: Scope,
): Promise<string> {
  const { users, roles, assignments } = cloud.identity
  const user = await users.create({ name: `${role} on ${target.kind}`, password: 'pw' }, 'default')
  await assignments.grant({ kind: 'user', id: user.id }, target, (await roles.byName(role))!.id)
  return cloud.token(user.name, 'pw', scope)
}

let made = 0
const MAKERS: Record<string, (domainId: string) => Promise<string>> = {
  ':domain': async (domainId) => domainId,
  ':project': async (domainId) => (await cloud.identity.projects.create({ name: `p${made++}` }, domainId)).id,
  ':user': async (domainId) => (await cloud.identity.users.create({ name: `u${made++}` }, domainId)).id,
  ':group': async (domainId) => (await cloud.identity.groups.create({ name: `g${made++}` }, domainId)).id,
  ':role': async () => (await cloud.identity.roles.byName('member'))!.id,
  ':fresh': async () => (await cloud.identity.roles.create({ name: `r${made++}` })).id,
  ':other': async () => (await cloud.identity.roles.create({ name: `r${made++}` })).id,
  ':region': async () => (await cloud.identity.regions.create({})).id,
  ':service': async () => (await cloud.identity.services.create({ type: 't' })).id,
  ':endpoint': async () => {
    const service_id = (await cloud.identity.services.create({ type: 't' })).id
    return (await cloud.identity.endpoints.create({ service_id, interface: 'public', url: 'http://x' })).id
  },
}

/** The text with fresh things of the domain in place of its names. */
async function filled(text: string, domainId: string): Promise<string> {
  let out = text
  for (const [name] of text.matchAll(/:[a-zA-Z]+(?=["/]|$)/g)) {
    const make = MAKERS[name]
    if (make) out = out.replace(new RegExp(`${name}(?=["/]|$)`), await make(domainId))
  }
  return out
}

describe('every route', () => {
  for (const [method, path, kind, body] of ROUTES) {
    it(`${method} ${path} lets pass: ${kind}`, async () => {
      for (const side of ['home', 'away'] as const) {
        for (const who of ALL) {
          const url = await filled(path, domains[side])
          const sent =
            body && JSON.parse((await filled(JSON.stringify(body), domains[side])).replace('some-name', `n${made++}`))
          const reply = await cloud.ask(method, url, { token: tokens[who]!, body: sent })
          const passes = reply.status !== 403 || !/not authorized/.test(JSON.stringify(reply.body))
          assert.notEqual(reply.status, 401, who)
          assert.ok(reply.status < 500, `${who}: ${reply.status}`)
          const allowed = KINDS[kind]![side].includes(who)
          if (method !== 'HEAD') assert.equal(passes, allowed, `${who} on ${side}: ${reply.status}`)
          else assert.equal(reply.status !== 403, allowed, `${who} on ${side}: ${reply.status}`)
        }
      }
      const url = await filled(path, domains.home)
      const stranger = await cloud.ask(method, url, { body })
      assert.equal(stranger.status, 401, 'without a token')
    })
  }

  it('is in the table', () => {
    const shape = (path: string): string => path.replaceAll(/:[a-zA-Z]+/g, ':')
    const listed = new Set([...ROUTES.map(([method, path]) => `${method} ${shape(path)}`), ...ELSEWHERE])
    const fixed = [...listed].map((one) => one.replace('/tags/t', '/tags/:').replace('/regions/new', '/regions/:'))
    const known = new Set(fixed)
    const { routes } = identityService(cloud.identity)
    const heads = routes.filter(
      ({ method, path }) => method === 'HEAD' && routes.some((r) => r.method === 'GET' && r.path === path),
    )
    const missing = routes
      .filter((route) => route.policy !== 'public' && !heads.includes(route))
      .map(({ method, path }) => `${method} ${shape(path)}`)
      .filter((one) => !known.has(one))
    assert.deepEqual(missing, [])
  })
})

describe('who may not look', () => {
  it('is not told whether a thing exists', async () => {
    const { identity, ask } = cloud
    const token = await cloud.token('demo', BOOTSTRAP.demoPassword, onProject('demo'))
    const admin = (await identity.users.byName('admin', 'default'))!.id
    const project = (await identity.projects.byName('admin', 'default'))!.id
    const group = (await identity.groups.create({ name: 'secret' }, 'default')).id
    const none = 'f'.repeat(32)
    const paths: [string, string][] = [
      [`/v3/users/${admin}`, `/v3/users/${none}`],
      [`/v3/projects/${project}`, `/v3/projects/${none}`],
      [`/v3/groups/${group}`, `/v3/groups/${none}`],
      [`/v3/domains/${domains.away}`, `/v3/domains/${none}`],
      [`/v3/projects/${project}/users/${admin}/roles`, `/v3/projects/${none}/users/${none}/roles`],
    ]
    for (const [existing, missing] of paths) {
      const replies = [await ask('GET', existing, { token }), await ask('GET', missing, { token })]
      assert.equal(replies[0]!.status, 403)
      assert.deepEqual(replies[0]!.body, replies[1]!.body)
    }
  })

  it('may look at itself', async () => {
    const { identity, ask } = cloud
    const token = await cloud.token('demo', BOOTSTRAP.demoPassword, onProject('demo'))
    const { id } = (await identity.users.byName('demo', 'default'))!
    const project = (await identity.projects.byName('demo', 'default'))!
    for (const path of [
      `/v3/users/${id}`,
      `/v3/users/${id}/projects`,
      `/v3/users/${id}/groups`,
      `/v3/projects/${project.id}`,
      `/v3/projects/${project.id}/tags`,
      '/v3/domains/default',
    ]) {
      assert.equal((await ask('GET', path, { token })).status, 200, path)
    }
    assert.equal((await ask('PATCH', `/v3/users/${id}`, { token, body: { user: { name: 'root' } } })).status, 403)
  })

  it('gets no identity from headers', async () => {
    const headers = {
      'x-roles': 'admin',
      'x-user-id': 'x',
      'x-is-admin-project': 'True',
      'x-identity-status': 'Confirmed',
    }
    assert.equal((await cloud.ask('GET', '/v3/users', { headers })).status, 401)
    const token = await cloud.token('demo', BOOTSTRAP.demoPassword, onProject('demo'))
    assert.equal((await cloud.ask('GET', '/v3/users', { token, headers })).status, 403)
  })
})

describe("a domain's manager", () => {
  it('hands out the lesser roles only, and sees only the domain', async () => {
    const { identity, ask } = cloud
    const token = tokens['homeManager']!
    const user = (await identity.users.create({ name: 'managed' }, domains.home)).id
    const project = (await identity.projects.create({ name: 'managed' }, domains.home)).id
    for (const [role, status] of Object.entries({ member: 204, manager: 204, reader: 204, admin: 403, service: 403 })) {
      const { id } = (await identity.roles.byName(role))!
      const grant = await ask('PUT', `/v3/projects/${project}/users/${user}/roles/${id}`, { token })
      assert.equal(grant.status, status, role)
    }
    const users = (await ask('GET', '/v3/users', { token })).body.users
    assert.ok(users.length > 0)
    assert.ok(users.every((one: { domain_id: string }) => one.domain_id === domains.home))
    const elsewhere = await ask('GET', `/v3/users?domain_id=${domains.away}`, { token })
    assert.deepEqual(elsewhere.body.users, [])
    const assignments = (await ask('GET', '/v3/role_assignments', { token })).body.role_assignments
    assert.ok(assignments.length > 0)
    assert.ok(!JSON.stringify(assignments).includes('"system"'))
    const domain = await ask('POST', '/v3/projects', { token, body: { project: { name: 'mine', is_domain: true } } })
    assert.equal(domain.status, 403)
  })
})
