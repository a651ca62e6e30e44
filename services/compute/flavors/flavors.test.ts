import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { onBothStores } from '@kilonova/store/testing'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { defaultFlavors } from './defaults.ts'
import { checkExtraSpecs } from './extra-spec-rules.ts'
import { flavorForServer } from './for-server.ts'
import { flavorRoutes } from './routes.ts'
import { findFlavor } from './store.ts'

const BASE = 'http://localhost:80/compute'
const small = { name: 'small', ram: 512, vcpus: 1, disk: 1 }

async function withApi(work: (api: ApiUnderTest) => Promise<void>): Promise<void> {
  const api = await startApi(flavorRoutes)
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const create = (api: ApiUnderTest, flavor: object, version = '2.104') =>
  api.ask('POST /v2.1/flavors', { as: 'admin', version, body: { flavor } })

test('a new cloud gets the usual flavors once', () =>
  withApi(async ({ compute, ask }) => {
    await defaultFlavors(compute)
    const { body } = await ask('GET /v2.1/flavors')
    assert.deepEqual(
      body.flavors.map(({ id, name }: { id: string; name: string }) => `${id} ${name}`),
      ['1 m1.tiny', '2 m1.small', '3 m1.medium', '4 m1.large', '42 m1.nano', '5 m1.xlarge', '84 m1.micro'],
    )
    await ask('DELETE /v2.1/flavors/42', { as: 'admin' })
    await defaultFlavors(compute)
    assert.equal((await ask('GET /v2.1/flavors/42')).status, 404)
  }))

describe('the fields of a flavor', () => {
  const links = [
    { rel: 'self', href: `${BASE}/v2.1/flavors/10` },
    { rel: 'bookmark', href: `${BASE}/flavors/10` },
  ]
  const oldest = {
    id: '10',
    name: 'small',
    ram: 512,
    disk: 1,
    swap: '',
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    vcpus: 1,
    'os-flavor-access:is_public': true,
    rxtx_factor: 2,
    links,
  }
  const { rxtx_factor: _, 'OS-FLV-DISABLED:disabled': __, ...newest } = oldest
  const byVersion: [string, object][] = [
    ['2.1', oldest],
    ['2.54', oldest],
    ['2.55', { ...oldest, description: null }],
    ['2.61', { ...oldest, description: null, extra_specs: {} }],
    ['2.75', { ...oldest, description: null, extra_specs: {}, swap: 0 }],
    ['2.101', { ...oldest, description: null, extra_specs: {}, swap: 0 }],
    ['2.102', { ...newest, description: null, extra_specs: {}, swap: 0 }],
  ]
  for (const [version, flavor] of byVersion) {
    test(`at ${version}`, () =>
      withApi(async (api) => {
        const made = await create(api, { ...small, id: '10', rxtx_factor: 2 }, version === '2.102' ? '2.101' : version)
        assert.equal(made.status, 200)
        if (version !== '2.102') assert.deepEqual(made.body, { flavor })
        assert.deepEqual((await api.ask('GET /v2.1/flavors/10', { version })).body, { flavor })
        assert.deepEqual((await api.ask('GET /v2.1/flavors/detail', { version })).body, { flavors: [flavor] })
      }))
  }

  test('a list shows name, id, links and from 2.55 the description', () =>
    withApi(async (api) => {
      await create(api, { ...small, id: '10' })
      const plain = { id: '10', name: 'small', links }
      assert.deepEqual((await api.ask('GET /v2.1/flavors', { version: '2.54' })).body, { flavors: [plain] })
      const described = { ...plain, description: null }
      assert.deepEqual((await api.ask('GET /v2.1/flavors', { version: '2.55' })).body, { flavors: [described] })
    }))

  test('links keep the project of the path', () =>
    withApi(async (api) => {
      await create(api, { ...small, id: '10' })
      const { body } = await api.ask(`GET /v2.1/${PROJECTS.alice}/flavors/10`)
      assert.equal(body.flavor.links[0].href, `${BASE}/v2.1/${PROJECTS.alice}/flavors/10`)
      assert.equal(body.flavor.links[1].href, `${BASE}/${PROJECTS.alice}/flavors/10`)
    }))
})

test('what a new flavor may be', () =>
  withApi(async (api) => {
    const generated = await create(api, { ...small, id: null, ram: '512' })
    assert.match(generated.body.flavor.id, /^[0-9a-f-]{36}$/)
    assert.equal(generated.body.flavor.ram, 512)
    const wrong: [object, string][] = [
      [{ ...small, ram: 0 }, 'Invalid input for field/attribute ram. Value: 0. 0 is less than the minimum of 1'],
      [{ ...small, colour: 'red' }, "Additional properties are not allowed ('colour' was unexpected)"],
      [{ name: 'x', ram: 1, vcpus: 1 }, "'disk' is a required property"],
      [{ ...small, rxtx_factor: 1 }, "Additional properties are not allowed ('rxtx_factor' was unexpected)"],
    ]
    for (const [flavor, reason] of wrong) {
      const { status, body } = await create(api, flavor)
      assert.equal(status, 400)
      assert.ok(body.badRequest.message.endsWith(reason), body.badRequest.message)
    }
    const before = await create(api, { ...small, description: 'x' }, '2.54')
    assert.equal(before.status, 400)
  }))

test('names and ids are taken once', () =>
  withApi(async (api) => {
    await create(api, { ...small, id: '10' })
    assert.deepEqual((await create(api, { ...small, id: '11' })).body, {
      conflictingRequest: { code: 409, message: 'Flavor with name small already exists.' },
    })
    assert.deepEqual((await create(api, { ...small, name: 'other', id: '10' })).body, {
      conflictingRequest: { code: 409, message: 'Flavor with ID 10 already exists.' },
    })
  }))

test('only admins make, describe and delete flavors', () =>
  withApi(async (api) => {
    await create(api, { ...small, id: '10' })
    const refused = await api.ask('POST /v2.1/flavors', { body: { flavor: small } })
    assert.deepEqual(refused.body, {
      forbidden: {
        code: 403,
        message: "Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed.",
      },
    })
    const put = { as: 'admin', body: { flavor: { description: 'better' } } } as const
    assert.equal((await api.ask('PUT /v2.1/flavors/10', { ...put, version: '2.54' })).status, 404)
    const described = await api.ask('PUT /v2.1/flavors/10', { ...put, version: '2.55' })
    assert.equal(described.body.flavor.description, 'better')
    assert.equal((await api.ask('PUT /v2.1/flavors/11', { ...put, version: '2.55' })).status, 404)
    const gone = await api.ask('DELETE /v2.1/flavors/10', { as: 'admin' })
    assert.equal(gone.status, 202)
    assert.deepEqual((await api.ask('DELETE /v2.1/flavors/10', { as: 'admin' })).body, {
      itemNotFound: { code: 404, message: 'Flavor 10 could not be found.' },
    })
  }))

test('a private flavor is for the projects it is shared with', () =>
  withApi(async (api) => {
    await create(api, { ...small, id: 'p', 'os-flavor-access:is_public': false })
    const listed = async (as: 'alice' | 'bob' | 'admin', query = '') =>
      (await api.ask(`GET /v2.1/flavors${query}`, { as })).body.flavors.length
    const forServer = () => flavorForServer(api.compute, { projectId: PROJECTS.alice, isAdmin: false } as never, 'p')
    assert.equal((await api.ask('GET /v2.1/flavors/p')).status, 404)
    await assert.rejects(forServer(), { code: 'FlavorInRequestNotFound' })
    assert.equal(await listed('admin'), 0)
    assert.equal(await listed('admin', '?is_public=none'), 1)
    assert.equal(await listed('admin', '?is_public=False'), 1)
    assert.equal(await listed('alice', '?is_public=none'), 0)

    const share = (action: string, version = '2.104') =>
      api.ask('POST /v2.1/flavors/p/action', { as: 'admin', version, body: { [action]: { tenant: PROJECTS.alice } } })
    const access = { flavor_access: [{ flavor_id: 'p', tenant_id: PROJECTS.alice }] }
    assert.deepEqual((await share('addTenantAccess')).body, access)
    assert.equal((await share('addTenantAccess')).status, 409)
    assert.deepEqual((await api.ask('GET /v2.1/flavors/p/os-flavor-access', { as: 'admin' })).body, access)
    assert.equal((await api.ask('GET /v2.1/flavors/p')).status, 200)
    assert.equal((await forServer()).vcpus, 1)
    assert.equal(await listed('alice'), 1)
    assert.equal(await listed('bob'), 0)
    assert.deepEqual((await share('removeTenantAccess')).body, { flavor_access: [] })
    assert.deepEqual(
      (await share('removeTenantAccess')).body.itemNotFound.message,
      `Flavor access not found for p / ${PROJECTS.alice} combination.`,
    )

    await create(api, { ...small, name: 'public', id: 'q' })
    assert.deepEqual((await api.ask('GET /v2.1/flavors/q/os-flavor-access', { as: 'admin' })).body, {
      itemNotFound: { code: 404, message: 'Access list not available for public flavors.' },
    })
    const add = { addTenantAccess: { tenant: PROJECTS.bob } }
    const shared = (version: string) => api.ask('POST /v2.1/flavors/q/action', { as: 'admin', version, body: add })
    assert.equal((await shared('2.6')).status, 200)
    assert.equal((await shared('2.7')).body.conflictingRequest.message, 'Can not add access to a public flavor.')
  }))

test('a disabled flavor is for no new server and in no list of users', () =>
  withApi(async (api) => {
    await create(api, { ...small, id: '10' })
    await api.compute.store
      .as<{ compute_flavors: { disabled: number } }>()
      .updateTable('compute_flavors')
      .set({ disabled: 1 })
      .execute()
    const context = { projectId: PROJECTS.alice, isAdmin: false } as never
    await assert.rejects(flavorForServer(api.compute, context, '10'), { code: 'FlavorInRequestNotFound' })
    assert.equal((await findFlavor(api.compute, context, '10'))?.id, '10')
    assert.deepEqual((await api.ask('GET /v2.1/flavors')).body, { flavors: [] })
    assert.equal((await api.ask('GET /v2.1/flavors', { as: 'admin' })).body.flavors.length, 1)
  }))

test('extra specs are added, replaced, read and removed', () =>
  withApi(async (api) => {
    await create(api, { ...small, id: '10' })
    const path = '/v2.1/flavors/10/os-extra_specs'
    const admin = { as: 'admin' } as const
    const specs = { extra_specs: { 'hw:cpu_policy': 'shared', 'hw:numa_nodes': 1 } }
    assert.deepEqual((await api.ask(`POST ${path}`, { ...admin, body: specs })).body, specs)
    const put = { ...admin, body: { 'hw:numa_nodes': '2' } }
    assert.deepEqual((await api.ask(`PUT ${path}/hw:numa_nodes`, put)).body, { 'hw:numa_nodes': '2' })
    const mismatch = await api.ask(`PUT ${path}/hw:cpu_policy`, put)
    assert.equal(mismatch.body.badRequest.message, 'Request body and URI mismatch')
    const kept = { extra_specs: { 'hw:cpu_policy': 'shared', 'hw:numa_nodes': '2' } }
    assert.deepEqual((await api.ask(`GET ${path}`)).body, kept)
    assert.deepEqual((await api.ask(`GET ${path}/hw:numa_nodes`)).body, { 'hw:numa_nodes': '2' })
    assert.deepEqual(
      (await api.ask('GET /v2.1/flavors/10', { version: '2.61' })).body.flavor.extra_specs,
      kept.extra_specs,
    )
    assert.equal((await api.ask(`DELETE ${path}/hw:numa_nodes`, admin)).status, 200)
    const missing = { itemNotFound: { code: 404, message: 'Flavor 10 has no extra specs with key hw:numa_nodes.' } }
    assert.deepEqual((await api.ask(`DELETE ${path}/hw:numa_nodes`, admin)).body, missing)
    assert.deepEqual((await api.ask(`GET ${path}/hw:numa_nodes`)).body, missing)
    assert.equal((await api.ask(`GET ${path}/toString`)).status, 404)
    assert.equal((await api.ask(`POST ${path}`, { body: specs })).status, 403)
    assert.equal((await api.ask('GET /v2.1/flavors/11/os-extra_specs')).status, 404)
  }))

describe('extra specs are checked from 2.86 on', () => {
  const good: [string, string][] = [
    ['hw:cpu_policy', 'shared'],
    ['hw:numa_cpus.12', '0-3,^2'],
    ['hw:mem_page_size', '1GB'],
    ['quota:disk_read_bytes_sec', '1000'],
    ['quota:cpu_shares_level', 'high'],
    ['resources:VCPU', '2'],
    ['resources_net:CUSTOM_A', '0'],
    ['trait:HW_CPU_X86_AVX', 'required'],
    ['capabilities:cpu_info:features', '<in> aes'],
    ['my:own', 'anything'],
    ['nothing', 'anything'],
    ['constructor', 'anything'],
  ]
  const unknown = (name: string) => `extra spec '${name}' does not appear to be a valid extra spec.`
  const bad: [string, string, string][] = [
    ['hw:cpu_policy', 'best', "'best' is not one of: dedicated, shared, mixed."],
    ['hw:beer', '1', unknown('hw:beer')],
    ['hw:numa_cpus.x', '1', unknown('hw:numa_cpus.x')],
    ['hw:numa_nodes', '0', "'0' is less than the min value of '1'."],
    ['hw:numa_nodes', 'two', "'two' is not a valid integer value."],
    ['hw:redirected_usb_ports', '16', "'16' is greater than the max value of '15'."],
    ['hw:boot_menu', 'maybe', "'maybe' is not a valid boolean-like value."],
    ['trait:CUSTOM_A', 'optional', "'optional' is not one of: required, forbidden."],
    ['group_policy', 'x', "'x' is not one of: isolate, none."],
  ]
  test('good ones', () => {
    for (const [name, value] of good) checkExtraSpecs({ [name]: value })
  })
  test('bad ones', () => {
    for (const [name, value, why] of bad) {
      assert.throws(() => checkExtraSpecs({ [name]: value }), { status: 400, message: `Validation failed; ${why}` })
    }
  })
  test('in requests', () =>
    withApi(async (api) => {
      await create(api, { ...small, id: '10' })
      const body = { extra_specs: { 'hw:cpu_policy': 'best' } }
      const post = (version: string) => api.ask('POST /v2.1/flavors/10/os-extra_specs', { as: 'admin', version, body })
      assert.equal((await post('2.86')).status, 400)
      assert.equal((await post('2.85')).status, 200)
    }))
})

onBothStores('lists of flavors', (open) => {
  let api: ApiUnderTest
  before(async () => {
    api = await startApi(flavorRoutes, { store: await open(computeSchema), toml: '[compute]\nmax_limit = 3' })
    for (const [name, ram, disk] of [
      ['e', 64, 9],
      ['d', 512, 0],
      ['c', 64, 5],
      ['b', 128, 1],
      ['a', 64, 7],
    ]) {
      await create(api, { name: `m.${name}`, id: `id-${name}`, ram, disk, vcpus: 1 })
    }
  })
  after(() => api.close())

  const page = async (query: string, version = '2.104') => {
    const { body } = await api.ask(`GET /v2.1/flavors?${query}`, { version })
    return { ids: body.flavors?.map(({ id }: { id: string }) => id.slice(3)).join(''), body }
  }

  test('pages follow one another in every order', async () => {
    const orders: [string, string][] = [
      ['', 'abcde'],
      ['sort_dir=desc', 'edcba'],
      ['sort_key=memory_mb', 'acebd'],
      ['sort_key=memory_mb&sort_dir=desc', 'dbace'],
      ['sort_key=root_gb', 'dbcae'],
      ['sort_key=description', 'abcde'],
      ['sort_key=updated_at', 'abcde'],
    ]
    for (const [order, expected] of orders) {
      let url: string | undefined = `GET /v2.1/flavors?limit=2&${order}`
      let seen = ''
      while (url) {
        const { body } = await api.ask(url, { version: '2.104' })
        seen += body.flavors.map(({ id }: { id: string }) => id.slice(3)).join('')
        const next: string | undefined = body.flavors_links?.[0].href
        url = next && `GET ${next.slice(BASE.length)}`
      }
      assert.equal(seen, expected, order)
    }
  })

  test('limit is capped and may be nothing', async () => {
    assert.equal((await page('limit=100')).ids, 'abc')
    assert.deepEqual((await page('limit=0')).body, { flavors: [] })
  })

  test('filters', async () => {
    assert.equal((await page('minRam=128')).ids, 'bd')
    assert.equal((await page('minDisk=6')).ids, 'ae')
    assert.equal((await page('name=m.[bd]$')).ids, 'bd')
    assert.equal((await page('colour=red', '2.74')).ids, 'abc')
  })

  test('wrong input is said to be so', async () => {
    const wrong: [string, string][] = [
      ['minRam=x', 'Invalid minRam filter [x]'],
      ['minDisk=x', 'Invalid minDisk filter [x]'],
      ['marker=x', 'marker [x] not found'],
      ['name=(', 'Invalid name filter [(]'],
      ['colour=red', "Additional properties are not allowed ('colour' was unexpected)"],
      ['limit=-1', "Invalid input for query parameters limit. Value: -1. '-1' is less than the minimum of 0"],
      ['sort_dir=up', "Invalid input for query parameters sort_dir. Value: up. 'up' is not one of ['asc', 'desc']"],
    ]
    for (const [query, expected] of wrong) {
      const { message } = (await page(query)).body.badRequest
      assert.ok(message.endsWith(expected), message)
    }
    const { body } = await api.ask('GET /v2.1/flavors?is_public=maybe', { as: 'admin' })
    assert.equal(body.badRequest.message, 'Invalid is_public filter [maybe]')
    assert.equal((await page('sort_key=rxtx_factor')).body.badRequest.code, 400)
    assert.equal((await page('sort_key=rxtx_factor', '2.101')).ids, 'abc')
    assert.equal((await page('name=a', '2.101')).body.badRequest.code, 400)
  })
})
