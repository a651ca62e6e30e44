import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TestCloud } from '../testing.ts'
import { BOOTSTRAP, onProject, passwordAuth, SYSTEM_SCOPE, testCloud, tokenAuth } from '../testing.ts'

const UNAUTHORIZED = {
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
}

let cloud: TestCloud
before(async () => {
  cloud = await testCloud()
})
after(() => cloud.close())

const subject = (token: string) => ({ 'x-subject-token': token })

describe('discovery', () => {
  it('answers 300 at the root, with and without the last slash', async () => {
    for (const path of ['', '/']) {
      const { status, body } = await cloud.ask('GET', path)
      assert.equal(status, 300)
      const [version] = body.versions.values
      assert.equal(version.id, 'v3.14')
      assert.deepEqual(version.links, [{ rel: 'self', href: 'http://cloud.test:8774/identity/v3/' }])
    }
  })

  it('describes v3 without a token', async () => {
    for (const path of ['/v3', '/v3/']) {
      const { status, body } = await cloud.ask('GET', path)
      assert.equal(status, 200)
      assert.deepEqual(Object.keys(body.version).sort(), ['id', 'links', 'media-types', 'status', 'updated'])
    }
  })
})

describe('a new token', () => {
  it('is opaque, short, and for the project asked for', async () => {
    const { status, body, headers } = await cloud.login('admin', BOOTSTRAP.adminPassword, onProject('admin'))
    assert.equal(status, 201)
    assert.equal(headers['vary'], 'X-Auth-Token')
    const text = headers['x-subject-token'] as string
    assert.ok(text.length <= 255)
    assert.doesNotMatch(text, /admin/)
    const { token } = body
    assert.deepEqual(Object.keys(token).sort(), [
      'audit_ids',
      'catalog',
      'expires_at',
      'is_domain',
      'issued_at',
      'methods',
      'project',
      'roles',
      'user',
    ])
    assert.deepEqual(token.methods, ['password'])
    assert.equal(token.project.name, 'admin')
    assert.deepEqual(token.project.domain, { id: 'default', name: 'Default' })
    assert.deepEqual(
      token.roles.map((role: { name: string }) => role.name),
      ['admin', 'manager', 'member', 'reader'],
    )
    assert.match(token.issued_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    assert.equal(Date.parse(token.expires_at) - Date.parse(token.issued_at), 3_600_000)
    assert.equal(token.user.password_expires_at, null)
  })

  it('has a catalog with the address that the caller used', async () => {
    const { body } = await cloud.login('demo', BOOTSTRAP.demoPassword, onProject('demo'))
    const { catalog, project } = body.token
    const url = (type: string) => catalog.find((entry: { type: string }) => entry.type === type).endpoints[0].url
    assert.equal(url('compute'), 'http://cloud.test:8774/compute/v2.1')
    assert.equal(url('volumev3'), `http://cloud.test:8774/volume/v3/${project.id}`)
    const identity = catalog.find((entry: { type: string }) => entry.type === 'identity')
    assert.deepEqual(Object.keys(identity).sort(), ['endpoints', 'id', 'name', 'type'])
    assert.deepEqual(Object.keys(identity.endpoints[0]).sort(), ['id', 'interface', 'region', 'region_id', 'url'])
    assert.deepEqual(identity.endpoints.map((one: { interface: string }) => one.interface).sort(), [
      'admin',
      'internal',
      'public',
    ])
  })

  it('has no catalog when none is wanted', async () => {
    const auth = passwordAuth(
      { name: 'demo', domain: { name: 'Default' }, password: BOOTSTRAP.demoPassword },
      onProject('demo'),
    )
    const { status, body } = await cloud.ask('POST', '/v3/auth/tokens?nocatalog', { body: auth })
    assert.equal(status, 201)
    assert.equal('catalog' in body.token, false)
    assert.ok(body.token.roles)
  })

  it('is unscoped when nothing else is asked for or possible', async () => {
    for (const scope of [undefined, 'unscoped', { unscoped: {} }] as const) {
      const { status, body } = await cloud.login('demo', BOOTSTRAP.demoPassword, scope)
      assert.equal(status, 201)
      const keys = Object.keys(body.token).sort()
      assert.deepEqual(keys, ['audit_ids', 'expires_at', 'issued_at', 'methods', 'user'])
    }
  })

  it('may be for the system, without endpoints that need a project', async () => {
    const { status, body } = await cloud.login('admin', BOOTSTRAP.adminPassword, SYSTEM_SCOPE)
    assert.equal(status, 201)
    assert.deepEqual(body.token.system, { all: true })
    const volume = body.token.catalog.find((entry: { type: string }) => entry.type === 'volumev3')
    assert.deepEqual(volume.endpoints, [])
  })

  it('goes to the default project when no scope is named', async () => {
    const token = await cloud.admin()
    const { body } = await cloud.ask('GET', '/v3/projects?name=demo', { token })
    const project = body.projects[0].id
    const user = { name: 'defaulted', password: 'secret', default_project_id: project }
    const made = await cloud.ask('POST', '/v3/users', { token, body: { user } })
    const before = await cloud.login('defaulted', 'secret')
    assert.equal(before.status, 201)
    assert.equal(before.body.token.project, undefined)
    const role = (await cloud.ask('GET', '/v3/roles?name=reader', { token })).body.roles[0].id
    const grant = `/v3/projects/${project}/users/${made.body.user.id}/roles/${role}`
    assert.equal((await cloud.ask('PUT', grant, { token })).status, 204)
    assert.equal((await cloud.login('defaulted', 'secret')).body.token.project.id, project)
    assert.equal((await cloud.login('defaulted', 'secret', 'unscoped')).body.token.project, undefined)
  })
})

describe('a token made from a token', () => {
  it('keeps its end and names its parent', async () => {
    const first = await cloud.login('demo', BOOTSTRAP.demoPassword)
    await cloud.clock.advance(60_000)
    const text = first.headers['x-subject-token'] as string
    const second = await cloud.ask('POST', '/v3/auth/tokens', { body: tokenAuth(text, onProject('demo')) })
    assert.equal(second.status, 201)
    assert.deepEqual(second.body.token.methods, ['token', 'password'])
    assert.equal(second.body.token.audit_ids.length, 2)
    assert.equal(second.body.token.audit_ids[1], first.body.token.audit_ids[0])
    assert.equal(second.body.token.expires_at, first.body.token.expires_at)
    assert.equal(second.body.token.project.name, 'demo')
  })
})

describe('a refused login', () => {
  it('says the same whatever is wrong', async () => {
    const token = await cloud.admin()
    await cloud.ask('POST', '/v3/users', { token, body: { user: { name: 'off', password: 'pw', enabled: false } } })
    await cloud.ask('POST', '/v3/users', { token, body: { user: { name: 'passwordless' } } })
    const tries: [string, string, Parameters<typeof cloud.login>[2]][] = [
      ['nobody', 'x', undefined],
      ['demo', 'wrong', undefined],
      ['off', 'pw', undefined],
      ['passwordless', '', undefined],
      ['demo', BOOTSTRAP.demoPassword, onProject('admin')],
      ['demo', BOOTSTRAP.demoPassword, onProject('no-such-project')],
      ['demo', BOOTSTRAP.demoPassword, { project: { id: 'f'.repeat(32) } }],
      ['demo', BOOTSTRAP.demoPassword, SYSTEM_SCOPE],
      ['demo', BOOTSTRAP.demoPassword, { domain: { id: 'default' } }],
      ['demo', BOOTSTRAP.demoPassword, { domain: { name: 'no-such-domain' } }],
    ]
    for (const [name, password, scope] of tries) {
      const { status, body, headers } = await cloud.login(name, password, scope)
      assert.equal(status, 401, `${name} ${JSON.stringify(scope)}`)
      assert.deepEqual(body, UNAUTHORIZED)
      assert.match(String(headers['www-authenticate']), /^Keystone uri=/)
    }
  })

  it('hashes once for every name, known or not', async () => {
    const hashes = async (work: () => Promise<unknown>): Promise<number> => {
      const start = cloud.identity.passwords.hashed
      await work()
      return cloud.identity.passwords.hashed - start
    }
    assert.equal(await hashes(() => cloud.login('nobody', 'x')), 1)
    assert.equal(await hashes(() => cloud.login('demo', 'x')), 1)
    assert.equal(await hashes(() => cloud.login('off', 'pw')), 1)
    assert.equal(await hashes(() => cloud.login('passwordless', 'x')), 1)
    const stranger = passwordAuth({ name: 'demo', domain: { name: 'nowhere' }, password: 'x' })
    assert.equal(await hashes(() => cloud.ask('POST', '/v3/auth/tokens', { body: stranger })), 1)
  })

  it('tells what is missing in a body, and never shows what was in it', async () => {
    const password = 'canary-5e1f'
    const bodies: unknown[] = [
      {},
      { auth: {} },
      { auth: { identity: { methods: [] } } },
      { auth: { identity: { methods: ['password'] } } },
      { auth: { identity: { methods: ['password'], password: { user: { name: 'demo', password } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { password } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { id: 'x', password: [password] } } } } },
      { auth: { identity: { methods: ['password'], password: { user: { id: 7, password } } } } },
      { auth: { identity: { methods: 'password', password: { user: { id: 'x', password } } } } },
      passwordAuth({ id: 'x', password, extra: password }),
      passwordAuth({ id: 'x', password }, { project: { name: 'p' } }),
      passwordAuth({ id: 'x', password }, { system: { all: false } }),
      passwordAuth({ id: 'x', password }, { system: { all: true }, domain: { id: 'default' } }),
      passwordAuth({ id: 'x', password }, { 'OS-TRUST:trust': { id: 'x' } }),
      { auth: password },
      `{"auth": "${password}`,
    ]
    for (const body of bodies) {
      const reply = await cloud.ask('POST', '/v3/auth/tokens', { body })
      const rejected = reply.status === 400 || reply.status === 401
      assert.ok(rejected, `${reply.status} ${JSON.stringify(body)}`)
      assert.doesNotMatch(JSON.stringify(reply), new RegExp(password))
    }
  })

  it('does not know other methods', async () => {
    const body = { auth: { identity: { methods: ['totp'] } } }
    const reply = await cloud.ask('POST', '/v3/auth/tokens', { body })
    assert.equal(reply.status, 401)
    assert.equal(reply.body.error.message, 'Attempted to authenticate with an unsupported method.')
  })
})

describe('asking about a token', () => {
  it('shows it to its bearer and to an admin, and to nobody else', async () => {
    const demo = await cloud.token('demo', BOOTSTRAP.demoPassword, onProject('demo'))
    const admin = await cloud.admin()
    for (const token of [demo, admin]) {
      const { status, body, headers } = await cloud.ask('GET', '/v3/auth/tokens', { token, headers: subject(demo) })
      assert.equal(status, 200)
      assert.equal(headers['x-subject-token'], demo)
      assert.equal(body.token.user.name, 'demo')
      assert.equal((await cloud.ask('HEAD', '/v3/auth/tokens', { token, headers: subject(demo) })).status, 200)
    }
    const foreign = await cloud.ask('GET', '/v3/auth/tokens', { token: demo, headers: subject(admin) })
    assert.equal(foreign.status, 403)
    const message = 'You are not authorized to perform the requested action: identity:validate_token.'
    assert.equal(foreign.body.error.message, message)
    assert.equal((await cloud.ask('DELETE', '/v3/auth/tokens', { token: demo, headers: subject(admin) })).status, 403)
    assert.equal((await cloud.ask('GET', '/v3/auth/tokens', { headers: subject(demo) })).status, 401)
    assert.equal((await cloud.ask('GET', '/v3/auth/tokens', { token: demo })).status, 400)
  })

  it('does not find what is no token', async () => {
    const token = await cloud.admin()
    for (const text of ['x', 'A'.repeat(200), '', 'ä', '%00', '../../etc']) {
      const { status } = await cloud.ask('GET', '/v3/auth/tokens', { token, headers: subject(text) })
      assert.equal(status, 404, text)
      assert.equal((await cloud.ask('GET', '/v3/auth/projects', { token: text })).status, 401, text)
    }
  })

  it('shows an expired one to whoever asks for it', async () => {
    const old = await cloud.token('demo', BOOTSTRAP.demoPassword)
    await cloud.clock.advance(3_600_001)
    const token = await cloud.admin()
    assert.equal((await cloud.ask('GET', '/v3/auth/tokens', { token, headers: subject(old) })).status, 404)
    const asked = await cloud.ask('GET', '/v3/auth/tokens?allow_expired=1', { token, headers: subject(old) })
    assert.equal(asked.status, 200)
    assert.equal((await cloud.ask('GET', '/v3/auth/projects', { token: old })).status, 401)
  })

  it('ends one token by its revocation', async () => {
    const demo = await cloud.token('demo', BOOTSTRAP.demoPassword)
    const other = await cloud.token('demo', BOOTSTRAP.demoPassword)
    const revoke = () => cloud.ask('DELETE', '/v3/auth/tokens', { token: other, headers: subject(demo) })
    assert.equal((await revoke()).status, 204)
    assert.equal((await cloud.ask('GET', '/v3/auth/projects', { token: demo })).status, 401)
    assert.equal((await cloud.ask('GET', '/v3/auth/projects', { token: other })).status, 200)
    assert.equal((await revoke()).status, 404)
    await cloud.clock.advance(3_600_001)
    const admin = await cloud.admin()
    const expired = await cloud.ask('GET', '/v3/auth/tokens?allow_expired=1', { token: admin, headers: subject(demo) })
    assert.equal(expired.status, 404)
  })
})

describe('what a token can scope to', () => {
  it('lists the projects of its user from an unscoped token', async () => {
    const token = await cloud.token('demo', BOOTSTRAP.demoPassword)
    const { status, body } = await cloud.ask('GET', '/v3/auth/projects', { token })
    assert.equal(status, 200)
    assert.deepEqual(
      body.projects.map((project: { name: string }) => project.name),
      ['demo'],
    )
    assert.deepEqual(body.links, {
      self: 'http://cloud.test:8774/identity/v3/auth/projects',
      previous: null,
      next: null,
    })
    assert.deepEqual((await cloud.ask('GET', '/v3/auth/domains', { token })).body.domains, [])
    assert.deepEqual((await cloud.ask('GET', '/v3/auth/system', { token })).body.system, [])
    assert.equal((await cloud.ask('GET', '/v3/auth/catalog', { token })).status, 403)
  })

  it('lists the system for an admin, and the catalog', async () => {
    const token = await cloud.admin()
    assert.deepEqual((await cloud.ask('GET', '/v3/auth/system', { token })).body.system, [{ all: true }])
    const { body } = await cloud.ask('GET', '/v3/auth/catalog', { token })
    assert.equal(body.catalog.length, BOOTSTRAP.services.length)
  })
})

describe('failed logins', () => {
  it('are limited for one user at one address, after many, and pass with time', async () => {
    const own = await testCloud()
    try {
      for (let i = 0; i < 30; i++) assert.equal((await own.login('demo', 'wrong')).status, 401)
      const refused = await own.login('demo', BOOTSTRAP.demoPassword)
      assert.equal(refused.status, 429)
      assert.equal((await own.login('admin', BOOTSTRAP.adminPassword)).status, 201)
      await own.clock.advance(4000)
      assert.equal((await own.login('demo', BOOTSTRAP.demoPassword)).status, 201)
    } finally {
      await own.close()
    }
  })

  it('are never caused by successful ones', async () => {
    for (let i = 0; i < 50; i++) assert.equal((await cloud.login('demo', BOOTSTRAP.demoPassword)).status, 201)
  })
})
