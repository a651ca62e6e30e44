import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Body, Reply, TestCloud } from './testing.ts'
import { BOOTSTRAP, onProject, SYSTEM_SCOPE, testCloud } from './testing.ts'

let cloud: TestCloud
let token: string
before(async () => {
  cloud = await testCloud()
  token = await cloud.admin()
})
after(() => cloud.close())

const ask = (method: string, path: string, body?: unknown): Promise<Reply> => cloud.ask(method, path, { token, body })
const keys = (body: Body): string[] => Object.keys(body).sort()
const BASE = 'http://cloud.test:8774/identity/v3'

interface Case {
  /** As in the address; the body's key is `key`. */
  path: string
  key: string
  create: Record<string, unknown>
  /** What Keystone's reply has. */
  shape: string[]
  update: Record<string, unknown>
}

const CASES: Case[] = [
  {
    path: 'domains',
    key: 'domain',
    create: { name: 'myDomain', description: 'Domain description', enabled: false },
    shape: ['description', 'enabled', 'id', 'links', 'name', 'options', 'tags'],
    update: { name: 'renamed' },
  },
  {
    path: 'projects',
    key: 'project',
    create: {
      name: 'myNewProject',
      description: 'My new project',
      domain_id: 'default',
      is_domain: false,
      options: {},
    },
    shape: ['description', 'domain_id', 'enabled', 'id', 'is_domain', 'links', 'name', 'options', 'parent_id', 'tags'],
    update: { description: 'My updated project', enabled: false },
  },
  {
    path: 'users',
    key: 'user',
    create: {
      name: 'James Doe',
      password: 'secret',
      email: 'j@example.com',
      options: { ignore_password_expiry: true },
    },
    shape: ['domain_id', 'email', 'enabled', 'id', 'links', 'name', 'options', 'password_expires_at'],
    update: { name: 'James', enabled: false },
  },
  {
    path: 'groups',
    key: 'group',
    create: { name: 'Contract developers', description: 'Contract developers', domain_id: 'default' },
    shape: ['description', 'domain_id', 'id', 'links', 'name'],
    update: { name: 'Developers' },
  },
  {
    path: 'roles',
    key: 'role',
    create: { name: 'developer', description: 'My new role' },
    shape: ['description', 'domain_id', 'id', 'links', 'name', 'options'],
    update: { description: 'Another' },
  },
  {
    path: 'regions',
    key: 'region',
    create: { id: 'RegionOneSubRegion', description: 'My subregion', parent_region_id: 'RegionOne' },
    shape: ['description', 'id', 'links', 'parent_region_id'],
    update: { description: 'My subregion 3' },
  },
  {
    path: 'services',
    key: 'service',
    create: { type: 'compute', name: 'compute2', description: 'Compute service 2' },
    shape: ['description', 'enabled', 'id', 'links', 'name', 'type'],
    update: { name: 'compute3', enabled: false },
  },
]

describe('every resource', () => {
  for (const { path, key, create, shape, update } of CASES) {
    it(`${path}: is made, shown, listed, changed and removed in Keystone's shapes`, async () => {
      const made = await ask('POST', `/v3/${path}`, { [key]: create })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      const { id } = made.body[key]
      assert.deepEqual(keys(made.body[key]), shape)
      assert.deepEqual(made.body[key].links, { self: `${BASE}/${path}/${id}` })
      const { password: _, ...visible } = create
      for (const [name, value] of Object.entries(visible)) assert.deepEqual(made.body[key][name], value, name)
      assert.deepEqual((await ask('GET', `/v3/${path}/${id}`)).body[key], made.body[key])
      assert.equal((await ask('HEAD', `/v3/${path}/${id}`)).status, 200)

      const list = await ask('GET', `/v3/${path}`)
      assert.equal(list.status, 200)
      assert.deepEqual(list.body.links, { self: `${BASE}/${path}`, previous: null, next: null })
      assert.ok(list.body[path].some((one: Body) => one.id === id))

      const changed = await ask('PATCH', `/v3/${path}/${id}`, { [key]: update })
      assert.equal(changed.status, 200, JSON.stringify(changed.body))
      assert.deepEqual(changed.body[key], { ...made.body[key], ...update })
      assert.deepEqual((await ask('GET', `/v3/${path}/${id}`)).body, changed.body)

      const gone = await ask('DELETE', `/v3/${path}/${id}`)
      assert.equal(gone.status, 204)
      assert.equal(gone.body, undefined)
      for (const method of ['GET', 'DELETE']) {
        const missing = await ask(method, `/v3/${path}/${id}`)
        assert.equal(missing.status, 404)
        assert.deepEqual(missing.body, {
          error: { code: 404, message: `Could not find ${key}: ${id}.`, title: 'Not Found' },
        })
      }
      assert.equal((await ask('PATCH', `/v3/${path}/${id}`, { [key]: update })).status, 404)
    })

    it(`${path}: refuses wrong types and empty bodies`, async () => {
      const wrong: unknown[] = [
        {},
        [],
        'text',
        null,
        { [key]: null },
        { [key]: [] },
        { [key]: { name: 7, type: 7, id: 7 } },
      ]
      if (shape.includes('enabled')) {
        wrong.push({ [key]: { ...create, enabled: 'False' } }, { [key]: { ...create, enabled: 0 } })
      }
      if (shape.includes('name') && path !== 'services') {
        wrong.push({ [key]: { ...create, name: '' } }, { [key]: { ...create, name: 'x'.repeat(256) } })
      }
      for (const body of wrong) {
        const { status } = await ask('POST', `/v3/${path}`, body)
        assert.equal(status, 400, JSON.stringify(body))
      }
      assert.equal((await ask('POST', `/v3/${path}`, '{')).status, 400)
      assert.equal((await ask('DELETE', `/v3/${path}`)).status, 405)
    })
  }

  it('keeps keys that it does not know, and removes them by null', async () => {
    const made = await ask('POST', '/v3/projects', { project: { name: 'extra', cost_center: '42', id: 'forged' } })
    const { id } = made.body.project
    assert.notEqual(id, 'forged')
    assert.equal(made.body.project.cost_center, '42')
    const changed = await ask('PATCH', `/v3/projects/${id}`, { project: { cost_center: null, owner: 'me' } })
    assert.equal('cost_center' in changed.body.project, false)
    assert.equal(changed.body.project.owner, 'me')
  })

  it('pages by limit and marker', async () => {
    const seen: string[] = []
    let url = '/v3/users?limit=1&domain_id=default'
    for (let page = 0; page < 20; page++) {
      const { body } = await ask('GET', url)
      assert.equal(body.users.length, 1)
      seen.push(body.users[0].id)
      if (body.links.next === null) break
      url = body.links.next.replace('http://cloud.test:8774/identity', '')
    }
    const all = (await ask('GET', '/v3/users')).body.users.map((one: Body) => one.id)
    assert.deepEqual(seen, all)
    for (const limit of ['0', '-1', 'x']) assert.equal((await ask('GET', `/v3/users?limit=${limit}`)).status, 400)
    assert.equal((await ask('GET', '/v3/users?unknown_filter=1')).status, 200)
  })
})

describe('projects', () => {
  it('show what stands above and below', async () => {
    const make = async (name: string, parent_id?: string): Promise<string> =>
      (await ask('POST', '/v3/projects', { project: { name, ...(parent_id ? { parent_id } : {}) } })).body.project.id
    const top = await make('top')
    const middle = await make('middle', top)
    const low = await make('low', middle)
    const shown = await ask('GET', `/v3/projects/${middle}?parents_as_ids&subtree_as_ids`)
    assert.deepEqual(shown.body.project.parents, { [top]: { default: null } })
    assert.deepEqual(shown.body.project.subtree, { [low]: null })
    const lists = await ask('GET', `/v3/projects/${middle}?parents_as_list&subtree_as_list`)
    assert.deepEqual(lists.body.project.parents, [])
    const refused = await ask('DELETE', `/v3/projects/${top}`)
    assert.equal(refused.status, 403)
    assert.match(refused.body.error.message, /not a leaf/)
    assert.equal((await ask('PATCH', `/v3/projects/${low}`, { project: { parent_id: top } })).status, 403)
    assert.equal((await ask('PATCH', `/v3/projects/${low}`, { project: { domain_id: 'other' } })).status, 400)
  })

  it('have tags', async () => {
    const { id } = (await ask('POST', '/v3/projects', { project: { name: 'tagged' } })).body.project
    const tags = `/v3/projects/${id}/tags`
    assert.deepEqual((await ask('PUT', tags, { tags: ['foo', 'bar'] })).body.tags, ['bar', 'foo'])
    assert.equal((await ask('PUT', `${tags}/baz`)).status, 201)
    assert.equal((await ask('GET', `${tags}/baz`)).status, 204)
    assert.equal((await ask('DELETE', `${tags}/foo`)).status, 204)
    assert.equal((await ask('GET', `${tags}/foo`)).status, 404)
    assert.deepEqual((await ask('GET', tags)).body.tags, ['bar', 'baz'])
    assert.equal((await ask('PUT', tags, { tags: ['a,b'] })).status, 400)
    assert.equal((await ask('GET', '/v3/projects?tags=baz')).body.projects[0].id, id)
    assert.equal((await ask('DELETE', tags)).status, 204)
    assert.deepEqual((await ask('GET', `/v3/projects/${id}`)).body.project.tags, [])
  })

  it('are refused a second time by name, in words that clients know', async () => {
    const { status, body } = await ask('POST', '/v3/projects', { project: { name: 'demo' } })
    assert.equal(status, 409)
    assert.deepEqual(body.error, {
      code: 409,
      message:
        'Conflict occurred attempting to store project - Duplicate entry found with name demo at domain ID default.',
      title: 'Conflict',
    })
  })

  it('may be domains', async () => {
    const made = await ask('POST', '/v3/projects', { project: { name: 'asProject', is_domain: true } })
    assert.equal(made.status, 201)
    const { id, domain_id, parent_id } = made.body.project
    const forged = { name: 'forged', is_domain: true, explicit_domain_id: { length: 1 } }
    const other = await ask('POST', '/v3/projects', { project: forged })
    assert.match(other.body.project.id, /^[0-9a-f]{32}$/)
    const chosen = await ask('POST', '/v3/domains', { domain: { name: 'chosen', explicit_domain_id: 'e'.repeat(32) } })
    assert.equal(chosen.body.domain.id, 'e'.repeat(32))
    assert.deepEqual([domain_id, parent_id], [null, null])
    assert.equal((await ask('GET', `/v3/domains/${id}`)).body.domain.name, 'asProject')
    const enabled = await ask('DELETE', `/v3/domains/${id}`)
    assert.equal(enabled.status, 403)
    assert.match(enabled.body.error.message, /please disable it first/)
    assert.equal((await ask('PATCH', `/v3/domains/${id}`, { domain: { enabled: false } })).status, 200)
    assert.equal((await ask('DELETE', `/v3/domains/${id}`)).status, 204)
  })
})

describe('users', () => {
  it('change their own password, which ends their tokens', async () => {
    const { id } = (await ask('POST', '/v3/users', { user: { name: 'changer', password: 'old' } })).body.user
    const own = await cloud.token('changer', 'old')
    const change = (password: string, original_password: string, by = own) =>
      cloud.ask('POST', `/v3/users/${id}/password`, { token: by, body: { user: { password, original_password } } })
    assert.equal((await change('new', 'wrong')).status, 401)
    assert.equal((await change('new', 'old', token)).status, 403)
    assert.equal((await change('new', 'old')).status, 204)
    assert.equal((await cloud.ask('GET', '/v3/auth/projects', { token: own })).status, 401)
    assert.equal((await cloud.login('changer', 'old')).status, 401)
    assert.equal((await cloud.login('changer', 'new')).status, 201)
  })

  it('never show a password or its hash', async () => {
    const made = await ask('POST', '/v3/users', { user: { name: 'shy', password: 'canary-77' } })
    const { id } = made.body.user
    const replies = [
      made,
      await ask('GET', `/v3/users/${id}`),
      await ask('GET', '/v3/users'),
      await ask('PATCH', `/v3/users/${id}`, { user: { password: 'canary-78' } }),
      await ask('PATCH', `/v3/users/${id}`, { user: { password: ['canary-79'] } }),
      await ask('POST', '/v3/users', { user: { name: ['canary-80'], password: 'canary-81' } }),
      await ask('POST', '/v3/users', { user: { password: 'canary-82' } }),
    ]
    assert.doesNotMatch(JSON.stringify(replies), /canary-(77|78|79|81|82)|scrypt|password_hash/)
  })

  it('do not take options that would promise more than is done', async () => {
    const body = { user: { name: 'mfa', options: { multi_factor_auth_enabled: true } } }
    assert.equal((await ask('POST', '/v3/users', body)).status, 400)
  })
})

describe('groups', () => {
  it('have members, who have their roles', async () => {
    const user = (await ask('POST', '/v3/users', { user: { name: 'grouped', password: 'pw' } })).body.user.id
    const group = (await ask('POST', '/v3/groups', { group: { name: 'group' } })).body.group.id
    const member = `/v3/groups/${group}/users/${user}`
    assert.equal((await ask('HEAD', member)).status, 404)
    assert.equal((await ask('PUT', member)).status, 204)
    assert.equal((await ask('HEAD', member)).status, 204)
    assert.equal((await ask('GET', `/v3/groups/${group}/users`)).body.users[0].id, user)
    assert.equal((await ask('GET', `/v3/users/${user}/groups`)).body.groups[0].id, group)
    const project = (await ask('GET', '/v3/projects?name=service')).body.projects[0].id
    const role = (await ask('GET', '/v3/roles?name=reader')).body.roles[0].id
    assert.equal((await ask('PUT', `/v3/projects/${project}/groups/${group}/roles/${role}`)).status, 204)
    const own = await cloud.token('grouped', 'pw', onProject('service'))
    assert.equal((await ask('DELETE', member)).status, 204)
    assert.equal((await ask('DELETE', member)).status, 404)
    assert.equal((await cloud.ask('GET', '/v3/regions', { token: own })).status, 401)
  })
})

describe('roles', () => {
  it('of a new cloud cannot be changed before they are unlocked', async () => {
    const { id } = (await ask('GET', '/v3/roles?name=service')).body.roles[0]
    assert.equal((await ask('PATCH', `/v3/roles/${id}`, { role: { name: 'x' } })).status, 403)
    assert.equal((await ask('DELETE', `/v3/roles/${id}`)).status, 403)
    const unlocked = await ask('PATCH', `/v3/roles/${id}`, { role: { options: { immutable: false } } })
    assert.deepEqual(unlocked.body.role.options, { immutable: false })
    assert.equal((await ask('PATCH', `/v3/roles/${id}`, { role: { description: 'd' } })).status, 200)
  })

  it('imply others', async () => {
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (name) => (await ask('POST', '/v3/roles', { role: { name } })).body.role.id),
    )
    const made = await ask('PUT', `/v3/roles/${a}/implies/${b}`)
    assert.equal(made.status, 201)
    assert.deepEqual(keys(made.body), ['links', 'role_inference'])
    assert.equal(made.body.role_inference.implies.id, b)
    assert.equal((await ask('GET', `/v3/roles/${a}/implies`)).body.role_inference.implies[0].id, b)
    assert.deepEqual((await ask('GET', `/v3/roles/${a}/implies/${b}`)).body, made.body)
    assert.equal((await ask('HEAD', `/v3/roles/${a}/implies/${b}`)).status, 204)
    const rules = (await ask('GET', '/v3/role_inferences')).body.role_inferences
    assert.ok(rules.some((rule: Body) => rule.prior_role.id === a))
    assert.equal((await ask('DELETE', `/v3/roles/${a}/implies/${b}`)).status, 204)
    assert.equal((await ask('GET', `/v3/roles/${a}/implies/${b}`)).status, 404)
  })
})

describe('grants', () => {
  it('are given, seen and taken', async () => {
    const user = (await ask('POST', '/v3/users', { user: { name: 'granted' } })).body.user.id
    const role = (await ask('GET', '/v3/roles?name=member')).body.roles[0].id
    const project = (await ask('GET', '/v3/projects?name=demo')).body.projects[0].id
    const roles = [
      `projects/${project}/users/${user}/roles`,
      `domains/default/users/${user}/roles`,
      `system/users/${user}/roles`,
    ]
    for (const path of roles) {
      const one = `/v3/${path}/${role}`
      assert.equal((await ask('HEAD', one)).status, 404)
      assert.equal((await ask('PUT', one)).status, 204)
      assert.equal((await ask('PUT', one)).status, 204)
      assert.equal((await ask('HEAD', one)).status, 204)
      assert.deepEqual(
        (await ask('GET', `/v3/${path}`)).body.roles.map((row: Body) => row.id),
        [role],
      )
      assert.equal((await ask('DELETE', one)).status, 204)
      const again = await ask('DELETE', one)
      assert.equal(again.status, 404)
      assert.match(again.body.error.message, /^Could not find role assignment with role: /)
    }
    for (const path of [
      `projects/${project}/users/none/roles/${role}`,
      `projects/none/users/${user}/roles/${role}`,
      `projects/default/users/${user}/roles/${role}`,
      `domains/${project}/users/${user}/roles/${role}`,
      `projects/${project}/users/${user}/roles/none`,
    ]) {
      assert.equal((await ask('PUT', `/v3/${path}`)).status, 404, path)
    }
  })

  it('are listed as given and as they reach users', async () => {
    const user = (await ask('POST', '/v3/users', { user: { name: 'assigned' } })).body.user.id
    const group = (await ask('POST', '/v3/groups', { group: { name: 'assigned' } })).body.group.id
    await ask('PUT', `/v3/groups/${group}/users/${user}`)
    const role = (await ask('GET', '/v3/roles?name=member')).body.roles[0].id
    const project = (await ask('POST', '/v3/projects', { project: { name: 'assigned' } })).body.project.id
    await ask('PUT', `/v3/projects/${project}/groups/${group}/roles/${role}`)
    const list = async (query: string): Promise<Body[]> =>
      (await ask('GET', `/v3/role_assignments?${query}`)).body.role_assignments

    const assignment = `${BASE}/projects/${project}/groups/${group}/roles/${role}`
    assert.deepEqual(await list(`scope.project.id=${project}`), [
      { links: { assignment }, role: { id: role }, scope: { project: { id: project } }, group: { id: group } },
    ])
    assert.deepEqual(await list(`user.id=${user}`), [])

    const effective = await list(`user.id=${user}&effective&include_names=true`)
    assert.deepEqual(
      effective.map((one) => one.role.name),
      ['member', 'reader'],
    )
    const domain = { id: 'default', name: 'Default' }
    assert.deepEqual(effective[0].user, { id: user, name: 'assigned', domain })
    assert.deepEqual(effective[0].scope.project, { id: project, name: 'assigned', domain })
    assert.equal(effective[0].links.assignment, assignment)
    assert.equal(effective[0].links.membership, `${BASE}/groups/${group}/users/${user}`)
    assert.match(effective[1].links.prior_role, /\/prior_role\//)

    const inherited = `/v3/OS-INHERIT/domains/default/users/${user}/roles/${role}/inherited_to_projects`
    assert.equal((await ask('PUT', inherited)).status, 204)
    const [given] = await list(`user.id=${user}`)
    assert.equal(given.scope['OS-INHERIT:inherited_to'], 'projects')
    assert.ok((await list(`user.id=${user}&effective&role.id=${role}`)).length > 3)
    assert.equal((await list('scope.system=all')).length, 1)

    for (const query of [
      'user.id=x&group.id=y',
      'scope.project.id=x&scope.domain.id=y',
      'effective&group.id=x',
      'include_subtree=1',
    ]) {
      assert.equal((await ask('GET', `/v3/role_assignments?${query}`)).status, 400, query)
    }
  })
})

describe('the catalog', () => {
  it('takes endpoints and shows them in new tokens, filled in', async () => {
    const service = (await ask('POST', '/v3/services', { service: { type: 'dns', name: 'designate' } })).body.service.id
    const endpoint = { service_id: service, interface: 'public', region: 'RegionTwo', url: 'http://dns/$(tenant_id)s' }
    const made = await ask('POST', '/v3/endpoints', { endpoint })
    assert.equal(made.status, 201)
    assert.deepEqual(keys(made.body.endpoint), [
      'enabled',
      'id',
      'interface',
      'links',
      'region',
      'region_id',
      'service_id',
      'url',
    ])
    assert.equal(made.body.endpoint.region_id, 'RegionTwo')
    assert.equal((await ask('GET', '/v3/regions/RegionTwo')).status, 200)
    const urls = async (): Promise<string[]> => {
      const { body } = await cloud.login('admin', BOOTSTRAP.adminPassword, onProject('admin'))
      const entry = body.token.catalog.find((one: Body) => one.id === service)
      return entry?.endpoints.map((one: Body) => one.url)
    }
    const project = (await ask('GET', '/v3/projects?name=admin')).body.projects[0].id
    assert.deepEqual(await urls(), [`http://dns/${project}`])
    const path = `/v3/endpoints/${made.body.endpoint.id}`
    assert.equal((await ask('PATCH', path, { endpoint: { enabled: false } })).status, 200)
    assert.deepEqual(await urls(), [])
    assert.equal((await ask('PATCH', `/v3/services/${service}`, { service: { enabled: false } })).status, 200)
    assert.equal(await urls(), undefined)
    assert.equal((await ask('DELETE', `/v3/services/${service}`)).status, 204)
    assert.equal((await ask('GET', path)).status, 404)
  })

  it('refuses endpoints that lead nowhere', async () => {
    const service_id = (await ask('GET', '/v3/services?type=compute')).body.services[0].id
    const good = { service_id, interface: 'public', url: 'http://x' }
    const wrong: [unknown, number][] = [
      [{ ...good, service_id: 'none' }, 404],
      [{ ...good, region_id: 'none' }, 404],
      [{ ...good, interface: 'secret' }, 400],
      [{ ...good, url: 'javascript:alert(1)' }, 400],
      [{ ...good, url: 'http://x/$(admin_password)s' }, 400],
      [{ ...good, enabled: 'False' }, 400],
      [{ service_id }, 400],
    ]
    for (const [endpoint, status] of wrong) {
      assert.equal((await ask('POST', '/v3/endpoints', { endpoint })).status, status, JSON.stringify(endpoint))
    }
  })

  it('has the configured address, if there is one', async () => {
    const own = await testCloud({ public_endpoint: 'https://cloud.example.com/' })
    try {
      const { body } = await own.login('admin', BOOTSTRAP.adminPassword, SYSTEM_SCOPE)
      const compute = body.token.catalog.find((one: Body) => one.type === 'compute')
      assert.equal(compute.endpoints[0].url, 'https://cloud.example.com/compute/v2.1')
      const admin = await own.admin()
      const listed = await own.ask('GET', '/v3/endpoints', { token: admin })
      assert.ok(listed.body.endpoints.every((one: Body) => one.url.startsWith('https://cloud.example.com/')))
      const { href } = (await own.ask('GET', '/v3')).body.version.links[0]
      assert.equal(href, 'https://cloud.example.com/identity/v3/')
    } finally {
      await own.close()
    }
  })
})
