import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultsOf } from '@kilonova/base/fault'
import { integerLike, metadata, name, nullable, oneOf } from './fields.ts'
import { stripOf } from './legacy.ts'
import { computeManners } from './manners/compute.ts'
import { networkManners } from './manners/network.ts'
import { placementManners } from './manners/placement.ts'
import { any, member } from './policy.ts'
import { Answer, routeOf } from './route.ts'
import type { Api, Bearer } from './server.ts'
import { createApi } from './server.ts'
import { Type } from './type.ts'
import { compile } from './validate.ts'
import type { JsonSchema } from './versions.ts'
import { closed, closedSince, requiredSince, since, until } from './versions.ts'

const bearer: Bearer = {
  userId: 'u1',
  userName: 'alice',
  userDomainId: 'default',
  projectId: 'a'.repeat(32),
  projectName: 'demo',
  projectDomainId: 'default',
  domainId: null,
  systemScope: null,
  roles: ['member', 'reader'],
  isAdmin: false,
}

const fault = faultsOf({
  ThingNotFound: {
    status: 404,
    kind: 'itemNotFound',
    say: ({ id }: { id: string }) => `Thing ${id} could not be found.`,
  },
})

const policy = { 'things:create': member, 'things:list': any, 'things:admin': () => false }
const route = routeOf<{ made: unknown[] }, typeof policy>(policy)

const routes = [
  route({
    method: 'POST',
    path: '/v2.1/things',
    policy: 'things:create',
    body: Type.Object(
      {
        thing: Type.Object(
          {
            name: name(),
            size: Type.Optional(integerLike(1, 5)),
            description: Type.Optional(nullable(Type.String(), since('2.19'))),
            personality: Type.Optional(Type.Array(Type.String(), until('2.56'))),
            networks: Type.Optional(
              Type.Union([Type.Array(Type.String()), Type.Literal('auto', since('2.37'))], requiredSince('2.37')),
            ),
          },
          closed,
        ),
      },
      closed,
    ),
    success: { '2.1': 200, '2.2': 201 },
    reply: Type.Object({ thing: Type.Object({ id: Type.String(), tags: Type.Array(Type.String(), since('2.26')) }) }),
    handler: async (deps, { body }) => {
      deps.made.push(body.thing)
      return { thing: { id: body.thing.name, tags: [] } }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/things/:id',
    policy: 'things:list',
    success: 200,
    handler: async (_, { params }) => {
      throw fault('ThingNotFound', { id: params['id']! })
    },
  }),
  route({ method: 'GET', path: '/v2.1/things', policy: 'things:admin', success: 200, handler: async () => ({}) }),
  route({
    method: 'POST',
    path: '/v2.1/things/:id/action',
    action: 'stop',
    policy: 'things:create',
    body: Type.Object({ stop: Type.Unknown() }),
    success: 202,
    handler: async () => undefined,
  }),
  route({
    method: 'POST',
    path: '/v2.1/things/:id/action',
    action: 'paint',
    since: '2.5',
    policy: 'things:create',
    body: Type.Object({ paint: oneOf(['red', 'blue']) }),
    success: 202,
    handler: async () => new Answer({ headers: { location: 'there' } }),
  }),
  route({
    method: 'GET',
    path: '/v2.1/pages',
    policy: 'things:list',
    query: Type.Object({ limit: Type.Optional(integerLike(0, undefined, since('2.35'))) }, closedSince('2.35')),
    success: 200,
    handler: async (_, { query }) => ({ query }),
  }),
  route({
    method: 'GET',
    path: '/v2.1/broken',
    policy: 'things:list',
    success: 200,
    handler: async () => {
      throw new TypeError('secret path /var/lib')
    },
  }),
]

function anApi(): { api: Api; made: unknown[] } {
  const made: unknown[] = []
  const api = createApi({ authenticate: async (token) => (token === 'good' ? bearer : undefined) })
  api.mount({ manners: computeManners({ min: '2.1', max: '2.104' }), policy, routes, deps: { made } })
  api.mount({ manners: networkManners, policy, routes, deps: { made } })
  api.mount({ manners: placementManners({ min: '1.0', max: '1.39' }), policy, routes: [], deps: {} })
  return { api, made }
}

interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: string
  version?: string
  body?: unknown
  headers?: Record<string, string>
}

async function ask(api: Api, { method = 'GET', url, version, body, headers = {} }: Ask) {
  const answer = await api.fastify.inject({
    method,
    url,
    headers: {
      'x-auth-token': 'good',
      ...(version ? { 'openstack-api-version': `compute ${version}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: answer.statusCode, body: answer.body ? JSON.parse(answer.body) : undefined, headers: answer.headers }
}

const create = (thing: unknown, version?: string) => ({
  method: 'POST' as const,
  url: '/compute/v2.1/things',
  body: { thing },
  version,
})

describe('a request', () => {
  it('carries ids and versions in its answer', async () => {
    const { api } = anApi()
    const { status, headers, body } = await ask(api, create({ name: 'x' }, '2.20'))
    assert.equal(status, 201)
    assert.equal(headers['openstack-api-version'], 'compute 2.20')
    assert.equal(headers['x-openstack-nova-api-version'], '2.20')
    assert.match(String(headers['x-compute-request-id']), /^req-/)
    assert.equal(headers['vary'], 'OpenStack-API-Version, X-OpenStack-Nova-API-Version')
    assert.deepEqual(body, { thing: { id: 'x' } })
  })

  it('answers with the status and the fields of its version', async () => {
    const { api } = anApi()
    assert.equal((await ask(api, create({ name: 'x' }))).status, 200)
    assert.deepEqual((await ask(api, create({ name: 'x' }, '2.26'))).body, { thing: { id: 'x', tags: [] } })
  })

  const refused: [string, unknown, string | undefined, number, RegExp][] = [
    ['a missing key', {}, '2.1', 400, /^'name' is a required property$|name/],
    [
      'a wrong type',
      { name: 1 },
      '2.1',
      400,
      /^Invalid input for field\/attribute name\. Value: 1\. 1 is not of type 'string'$/,
    ],
    [
      'an unknown key',
      { name: 'x', colour: 1 },
      '2.1',
      400,
      /Additional properties are not allowed \('colour' was unexpected\)/,
    ],
    ['a field too young', { name: 'x', description: 'd' }, '2.18', 400, /'description' was unexpected/],
    ['a field too old', { name: 'x', networks: 'auto', personality: [] }, '2.57', 400, /'personality' was unexpected/],
    ['a member too young', { name: 'x', networks: 'auto' }, '2.36', 400, /'auto' is not of type 'array'/],
    ['a key required by version', { name: 'x' }, '2.37', 400, /'networks' is a required property/],
    ['an integer out of bounds', { name: 'x', size: '9' }, '2.1', 400, /'9' is greater than the maximum of 5/],
    ['a name too long', { name: 'x'.repeat(256) }, '2.1', 400, /is too long/],
    ['a name with blanks', { name: ' x' }, '2.1', 400, /does not match/],
  ]
  for (const [what, thing, version, status, message] of refused) {
    it(`refuses ${what}`, async () => {
      const { api, made } = anApi()
      const answer = await ask(api, create(thing, version))
      assert.equal(answer.status, status)
      assert.match(answer.body.badRequest.message, message)
      assert.equal(answer.body.badRequest.code, 400)
      assert.equal(made.length, 0)
    })
  }

  it('hands no parameter to its handler that its version does not have', async () => {
    const { api } = anApi()
    const pages = async (query: string, version: string) => {
      const { status, body } = await ask(api, { url: `/compute/v2.1/pages?${query}`, version })
      return status === 200 ? body.query : status
    }
    assert.deepEqual(await pages('limit=x&other=1', '2.34'), { other: '1' })
    assert.deepEqual(await pages('limit=x', '2.35'), 400)
    assert.deepEqual(await pages('limit=1', '2.35'), { limit: '1' })
  })

  it('refuses bad versions', async () => {
    const { api } = anApi()
    const tooHigh = await ask(api, create({ name: 'x' }, '2.999'))
    assert.equal(tooHigh.status, 406)
    assert.match(
      tooHigh.body.computeFault.message,
      /Version 2\.999 is not supported by the API\. Minimum is 2\.1 and maximum is 2\.104\./,
    )
    for (const text of ['2', '2.01', 'abc']) assert.equal((await ask(api, create({ name: 'x' }, text))).status, 400)
    assert.equal(
      (
        await ask(api, {
          ...create({ name: 'x', networks: [] }),
          headers: { 'x-openstack-nova-api-version': 'latest' },
        })
      ).headers['x-openstack-nova-api-version'],
      '2.104',
    )
  })

  it('asks for a token, in the words of its middleware', async () => {
    const { api } = anApi()
    const answer = await ask(api, { url: '/compute/v2.1/things/1', headers: { 'x-auth-token': 'bad' } })
    assert.equal(answer.status, 401)
    assert.deepEqual(answer.body, {
      error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
    })
    assert.match(String(answer.headers['www-authenticate']), /^Keystone uri=/)
  })

  it('takes project ids in paths, but only the own one', async () => {
    const { api } = anApi()
    assert.equal((await ask(api, { url: `/compute/v2.1/${'a'.repeat(32)}/things/1.json` })).status, 404)
    const foreign = await ask(api, { url: `/compute/v2.1/${'b'.repeat(32)}/things/1` })
    assert.equal(foreign.status, 400)
    assert.match(foreign.body.badRequest.message, /Malformed request URL/)
  })

  it('picks actions by their key and version', async () => {
    const { api } = anApi()
    const act = (body: unknown, version?: string) =>
      ask(api, { method: 'POST', url: '/compute/v2.1/things/1/action', body, version })
    assert.equal((await act({ stop: null })).status, 202)
    assert.equal((await act({ paint: 'red' })).status, 404)
    assert.equal((await act({ paint: 'red' }, '2.5')).headers['location'], 'there')
    assert.match((await act({ fly: null })).body.badRequest.message, /There is no such action: fly/)
    assert.match((await act({ stop: null, paint: 1 })).body.badRequest.message, /Malformed request body/)
    assert.match((await act('{')).body.badRequest.message, /Malformed request body/)
  })

  it('keeps the unexpected to the log', async () => {
    const { api } = anApi()
    const answer = await ask(api, { url: '/compute/v2.1/broken' })
    assert.equal(answer.status, 500)
    assert.doesNotMatch(JSON.stringify(answer.body), /secret/)
    assert.match(answer.body.computeFault.message, /req-/)
  })

  it('speaks in each service its own way', async () => {
    const { api } = anApi()
    assert.equal((await ask(api, { url: '/network/v2.1/things' })).body.NeutronError.type, 'HTTPForbidden')
    assert.equal(
      (await ask(api, { url: '/compute/v2.1/things' })).body.forbidden.message,
      "Policy doesn't allow os_compute_api:things:admin to be performed.",
    )
    assert.equal((await ask(api, { url: '/compute/v2.1/nowhere' })).status, 404)
    assert.equal((await ask(api, { url: '/placement/nowhere' })).body.errors[0].status, 404)
    const wrongType = await ask(api, { ...create({ name: 'x' }), headers: { 'content-type': 'application/xml' } })
    assert.equal(wrongType.status, 415)
    assert.ok(wrongType.body.badMediaType)
    const large = await ask(api, create({ name: 'x', description: 'y'.repeat(120_000) }))
    assert.equal(large.status, 413)
  })

  it('ignores versions and unknown keys in the compatibility mode', async () => {
    const { api } = anApi()
    const answer = await ask(api, { ...create({ name: 'x', colour: 1 }, '2.90'), url: '/compute/v2/things' })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['openstack-api-version'], undefined)
  })

  it('hides unknown keys and those of other versions from handlers in the compatibility mode', async () => {
    const { api, made } = anApi()
    const body = { thing: { name: 'x', description: 5, colour: { deep: 'red' }, networks: ['a'] }, beside: true }
    const answer = await ask(api, { ...create({}), url: '/compute/v2/things', body })
    assert.equal(answer.status, 200)
    assert.deepEqual(made, [{ name: 'x', networks: ['a'] }])
  })
})

describe('unknown keys below unions', () => {
  const schema = Type.Union([
    Type.Array(Type.Object({ id: Type.String(), map: Type.Optional(metadata()) }, closed)),
    Type.Object({ all: Type.Boolean() }, closed),
    Type.String(),
  ])
  const rows: [unknown, unknown][] = [
    [
      [{ id: 'a', x: 1 }, { id: 'b' }],
      [{ id: 'a' }, { id: 'b' }],
    ],
    [{ all: true, id: 'a' }, { all: true }],
    [[{ id: 'a', map: { k: 'v' } }], [{ id: 'a', map: { k: 'v' } }]],
    ['a', 'a'],
  ]
  for (const [given, left] of rows)
    it(`of ${JSON.stringify(given)} leave ${JSON.stringify(left)}`, () => {
      stripOf(schema as unknown as JsonSchema)(given)
      assert.deepEqual(given, left)
    })
})

describe('what is wrong below a union', () => {
  const item = Type.Object({ id: Type.String() }, closed)
  const check = compile(Type.Union([Type.Array(item), oneOf(['none', 'auto'])]))
  const rows: [unknown, string, string[]][] = [
    [[{ id: 'a', x: 1 }], "Additional properties are not allowed ('x' was unexpected)", ['0']],
    [[{ id: 1 }], "1 is not of type 'string'", ['0', 'id']],
    ['some', "'some' is not valid under any of the given schemas", []],
    [5, '5 is not valid under any of the given schemas', []],
  ]
  for (const [value, reason, path] of rows)
    it(`of ${JSON.stringify(value)} is told of the member that fits its type`, () => {
      const { value: _, ...invalid } = check(value)!
      assert.deepEqual(invalid, { path, reason })
    })
})
