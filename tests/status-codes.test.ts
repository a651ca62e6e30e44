// Every status code of compute's API, each by a real request: its fault's key, and the code inside. docs/modify/status-codes.md
// lists the same.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { computeManners } from '@kilonova/api/manners/compute'
import { any } from '@kilonova/api/policy'
import { routeOf } from '@kilonova/api/route'
import type { Bearer } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import { faultsOf } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { LocalBus } from '@kilonova/bus/local'
import { translate } from '@kilonova/cloud/translate'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import { computeOptions } from '@kilonova/compute/options'
import { computeSchema } from '@kilonova/compute/schema'
import { computeService } from '@kilonova/compute/service'
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import { startPostgres } from '@kilonova/store/testing'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const NONE = '00000000-0000-4000-8000-000000000000'
const LARGE = 120_000

interface Request {
  method?: string
  path: string
  body?: unknown
  headers?: Record<string, string>
  /** Null: without a token. */
  as?: 'admin' | 'demo' | null
}

interface Reply {
  status: number
  body: Record<string, { code?: unknown; message?: string }>
}

/** What a code's body has: the key of a fault, or null for what is no fault. */
interface Row {
  code: number
  key: string | null
  request: (server: string) => Request
  /** What has to be asked before it. */
  first?: Request
}

const action = (server: string, body: unknown): Request => ({
  method: 'POST',
  path: `/v2.1/servers/${server}/action`,
  body,
})
const flavor = (parts: object): Request => ({
  ...{ method: 'POST', path: '/v2.1/flavors', as: 'admin' },
  body: { flavor: { name: 'f', vcpus: 1, ram: 64, disk: 1, ...parts } },
})
const externalEvents = (...servers: string[]): Request => ({
  ...{ method: 'POST', path: '/v2.1/os-server-external-events', as: 'admin' },
  body: { events: servers.map((server_uuid) => ({ name: 'network-changed', server_uuid })) },
})
const at = (version: string): { headers: Record<string, string> } => ({
  headers: { 'openstack-api-version': `compute ${version}` },
})

const KEYED = { 'idempotency-key': '8e03978e-40d5-43e8-bc93-6894a57f9324' }

const ROWS: Row[] = [
  { code: 200, key: null, request: (id) => ({ path: `/v2.1/servers/${id}` }) },
  { code: 201, key: null, request: (id) => ({ method: 'PUT', path: `/v2.1/servers/${id}/tags/new` }) },
  { code: 202, key: null, request: (id) => action(id, { lock: null }) },
  { code: 204, key: null, request: (id) => ({ method: 'DELETE', path: `/v2.1/servers/${id}/tags` }) },
  { code: 207, key: null, request: (id) => externalEvents(id, NONE) },
  { code: 300, key: 'choices', request: () => ({ path: '/somewhere', as: null }) },
  { code: 400, key: 'badRequest', request: () => flavor({ colour: 1 }) },
  { code: 401, key: 'error', request: () => ({ path: '/v2.1/servers', as: null }) },
  { code: 403, key: 'forbidden', request: () => ({ ...flavor({}), as: 'demo' }) },
  { code: 404, key: 'itemNotFound', request: () => ({ path: `/v2.1/servers/${NONE}` }) },
  { code: 406, key: 'computeFault', request: () => ({ path: '/v2.1/servers', ...at('2.999') }) },
  { code: 409, key: 'conflictingRequest', request: (id) => action(id, { 'os-start': null }) },
  { code: 410, key: 'computeFault', request: () => ({ path: '/v2.1/os-cells' }) },
  { code: 413, key: 'overLimit', request: () => flavor({ description: 'x'.repeat(LARGE) }) },
  {
    ...{ code: 415, key: 'badMediaType' },
    request: () => ({ ...flavor({}), headers: { 'content-type': 'application/xml' } }),
  },
  {
    ...{ code: 422, key: 'computeFault', first: { ...flavor({ name: 'first' }), headers: KEYED } },
    request: () => ({ ...flavor({ name: 'second' }), headers: KEYED }),
  },
  { code: 500, key: 'computeFault', request: () => ({ path: '/v2.1/servers/broken', as: 'admin' }) },
  { code: 501, key: 'notImplemented', request: () => ({ path: '/v2.1/servers/unable/diagnostics', as: 'admin' }) },
]

const said = faultsOf({
  Slow: { status: 429, kind: '', say: () => 'This request was rate-limited.' },
})

const bearer: Bearer = {
  ...{ userId: 'u', userName: 'u', userDomainId: 'default', domainId: null, systemScope: null },
  ...{ projectId: 'p', projectName: 'p', projectDomainId: 'default', roles: ['member', 'reader'], isAdmin: false },
}

/** What compute has no request for, by a route of its own behind compute's manners; and why it has none. */
const ELSEWHERE: { code: number; key: string | null; why: RegExp; method: 'GET' | 'POST'; path: string }[] = [
  { code: 405, key: 'badMethod', why: /404/, method: 'POST', path: '/v2.1/slow' },
  { code: 429, key: 'overLimit', why: /rate/, method: 'GET', path: '/v2.1/slow' },
]

/** The key of a fault's body and the code in it. */
function assertFault({ status, body }: Reply, code: number, key: string | null): void {
  assert.equal(status, code, JSON.stringify(body))
  if (key === null) return
  assert.deepEqual(Object.keys(body), [key])
  if (key === 'choices') return
  assert.equal(body[key]!.code, code)
  assert.equal(typeof body[key]!.message, 'string')
}

describe('the status codes of compute', () => {
  let fake: FakeCloud
  let server: string
  const tokens: Record<string, string> = {}

  before(async () => {
    fake = await startFakeCloud()
    server = await createServer(fake)
    await settledServer(fake, server)
    for (const [name, password] of Object.entries(fake.passwords)) tokens[name] = await tokenOf(name, password)
    await copyServer('broken', { metadata_json: '{', project_id: 'another' })
    await copyServer('unable', { host: 'older' })
    await fake.cloud.parts.bus.serve(computeTopic('older'), {})
  })
  after(() => fake?.stop())

  async function tokenOf(name: string, password: string): Promise<string> {
    const domain = { id: 'default' }
    const user = { name, domain, password }
    const auth = { identity: { methods: ['password'], password: { user } }, scope: { project: { name, domain } } }
    const reply = await fetch(`${fake.cloud.url}/identity/v3/auth/tokens`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth }) },
    })
    return reply.headers.get('x-subject-token')!
  }

  /** Another server of the same making, but for these columns. */
  async function copyServer(id: string, columns: object): Promise<void> {
    const db = tables(fake.cloud.parts.compute)
    const row = await db.selectFrom('compute_servers').selectAll().where('id', '=', server).executeTakeFirstOrThrow()
    const { number, vcpus: _, memory_mb: __, ...kept } = row as typeof row & { vcpus: number; memory_mb: number }
    await db
      .insertInto('compute_servers')
      .values({ ...kept, id, number: number + id.length, ...columns })
      .execute()
  }

  async function ask({ method = 'GET', path, body, headers = {}, as = 'demo' }: Request): Promise<Reply> {
    const reply = await fetch(`${fake.cloud.url}/compute${path}`, {
      method,
      headers: {
        ...{ 'openstack-api-version': 'compute 2.90' },
        ...(as === null ? {} : { 'x-auth-token': tokens[as]! }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    return { status: reply.status, body: text === '' ? {} : JSON.parse(text) }
  }

  for (const { code, key, request, first } of ROWS) {
    it(`seed-8.5.14-1: ${code} ${key ?? ''}`, async () => {
      if (first) await ask(first)
      assertFault(await ask(request(server)), code, key)
    })
  }

  it('seed-8.5.14-2: an unknown route and an unknown method are 404', async () => {
    const unknown = { message: 'The resource could not be found.', code: '404 Not Found', title: 'Not Found' }
    for (const request of [{ path: '/v2.1/nowhere' }, { method: 'PUT', path: '/v2.1/servers', body: {} }])
      assert.deepEqual(await ask(request), { status: 404, body: unknown })
  })

  it('seed-8.5.14-3: a microversion that is too high is 406, and one that is none 400', async () => {
    const { status, body } = await ask({ path: '/v2.1/servers', ...at('2.105') })
    assert.equal(status, 406)
    assert.equal(
      body['computeFault']?.message,
      'Version 2.105 is not supported by the API. Minimum is 2.1 and maximum is 2.104.',
    )
    assertFault(await ask({ path: '/v2.1/servers', ...at('2.01') }), 400, 'badRequest')
  })

  it('seed-8.5.14-4: removed APIs are 410 at every microversion', async () => {
    const removed: Request[] = [
      { path: '/v2.1/os-fping' },
      { method: 'DELETE', path: '/v2.1/os-networks/1' },
      { method: 'POST', path: '/v2.1/os-agents', body: {} },
      action(server, { resetNetwork: null }),
      action(server, { 'os-getRDPConsole': { type: 'rdp-html5' } }),
      { method: 'POST', path: `/v2.1/servers/${server}/consoles`, body: {} },
    ]
    for (const request of removed)
      for (const version of ['2.1', '2.104'])
        assertFault(await ask({ ...request, ...at(version) }), 410, 'computeFault')
    assert.equal((await ask(action(server, { 'os-nothing': null }))).status, 400)
  })

  it('seed-8.5.14-5: over quota is 403, not 413', async () => {
    const parts = { name: 'q', imageRef: fake.image, flavorRef: fake.flavor, networks: 'none', min_count: 50 }
    const reply = await ask({ method: 'POST', path: '/v2.1/servers', body: { server: parts } })
    assertFault(reply, 403, 'forbidden')
    assert.match(reply.body['forbidden']!.message!, /^Quota exceeded for instances/)
  })
})

describe('the status codes that compute has no request for', () => {
  for (const { code, key, method, path } of ELSEWHERE)
    it(`seed-8.5.14-1: ${code} ${key ?? ''}`, async () => {
      const policy = { any }
      const route = routeOf<null, typeof policy>(policy)
      const api = createApi({ authenticate: async () => bearer })
      const slow = async (): Promise<never> => {
        throw said('Slow', {})
      }
      api.mount({
        manners: { ...computeManners({ min: '2.1', max: '2.104' }), wrongMethod: 405 },
        policy,
        routes: [route({ method: 'GET', path: '/v2.1/slow', policy: 'any', success: 200, handler: slow })],
        deps: null,
      })
      const reply = await api.fastify.inject({ method, url: `/compute${path}`, headers: { 'x-auth-token': 't' } })
      assertFault({ status: reply.statusCode, body: JSON.parse(reply.payload) }, code, key)
      await api.close()
    })

  it('seed-8.5.14-1: 503 serviceUnavailable while the database is away', async () => {
    const cluster = await startPostgres()
    let running = true
    const store = openStore({ url: await cluster.createDatabase() })
    const api = createApi({ authenticate: async () => bearer, translate })
    try {
      await syncSchema(store, [computeSchema])
      const { compute: options } = readConfig(computeOptions)
      api.mount(computeService({ store, options, bus: new LocalBus() } as unknown as Compute))
      const ask = () => api.fastify.inject({ url: '/compute/v2.1/flavors', headers: { 'x-auth-token': 't' } })
      assert.equal((await ask()).statusCode, 200)
      await cluster.stop()
      running = false
      const reply = await ask()
      assertFault({ status: reply.statusCode, body: JSON.parse(reply.payload) }, 503, 'serviceUnavailable')
      assert.equal(reply.headers['retry-after'], '1')
    } finally {
      await api.close()
      await store.close()
      if (running) await cluster.stop()
    }
  })
})

it('the page on status codes says what is so here', async () => {
  const page = await readFile(join(import.meta.dirname, '../docs/modify/status-codes.md'), 'utf8')
  const listed = page.split('\n').flatMap((line) => {
    const [, code, key, how = ''] = /^\| (\d{3}) \| (?:`(\w+)`|–) \| (.+) \|$/.exec(line) ?? []
    return code === undefined ? [] : [{ code: Number(code), key: key ?? null, how }]
  })
  const here = [...ROWS, ...ELSEWHERE, { code: 503, key: 'serviceUnavailable' }].map(({ code, key }) => ({ code, key }))
  assert.deepEqual(
    listed.map(({ code, key }) => ({ code, key })),
    here.toSorted((a, b) => a.code - b.code),
  )
  for (const { code, why } of ELSEWHERE) assert.match(listed.find((one) => one.code === code)!.how, why)
})
