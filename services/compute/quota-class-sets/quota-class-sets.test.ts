import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { onBothStores } from '@kilonova/store/testing'
import { limitRoutes } from '../limits/routes.ts'
import { quotaSetRoutes } from '../quota-sets/routes.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { serverMetadataRoutes } from '../server-metadata/routes.ts'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer } from '../testing-rows.ts'
import { quotaClassSetRoutes } from './routes.ts'

const { alice, bob } = PROJECTS
const FIRST = { instances: 10, cores: 20, ram: 51_200, metadata_items: 128, key_pairs: 100 }
const GROUPS = { server_groups: 10, server_group_members: 10 }
const INJECTED = { injected_files: 5, injected_file_content_bytes: 10_240, injected_file_path_bytes: 255 }
const NETWORK = { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 }
const BY_VERSION: [string, Record<string, number>][] = [
  ['2.1', { ...FIRST, ...INJECTED, ...NETWORK }],
  ['2.49', { ...FIRST, ...INJECTED, ...NETWORK }],
  ['2.50', { ...FIRST, ...GROUPS, ...INJECTED }],
  ['2.57', { ...FIRST, ...GROUPS }],
]

onBothStores('quota classes', (open) => {
  let api: ApiUnderTest
  before(async () => {
    const store = await open(computeSchema)
    api = await startApi([...quotaClassSetRoutes, ...quotaSetRoutes, ...limitRoutes, ...serverMetadataRoutes], {
      store,
    })
  })
  after(() => api.close())

  const get = (name: string, version = '2.104') =>
    api.ask(`GET /v2.1/os-quota-class-sets/${name}`, { as: 'admin', version })
  const put = (name: string, limits: object, version = '2.104') =>
    api.ask(`PUT /v2.1/os-quota-class-sets/${name}`, { as: 'admin', version, body: { quota_class_set: limits } })
  const quota = async (path: string) =>
    (await api.ask(`GET /v2.1/os-quota-sets/${path}`, { as: 'admin' })).body.quota_set

  for (const [version, limits] of BY_VERSION) {
    test(`have these limits at ${version}`, async () => {
      assert.deepEqual((await get('some', version)).body, { quota_class_set: { id: 'some', ...limits } })
      assert.deepEqual((await put('some', { cores: '20' }, version)).body, { quota_class_set: limits })
    })
  }

  test('of another name change nobody', async () => {
    await put('gold', { cores: 99 })
    assert.equal((await get('gold')).body.quota_class_set.cores, 99)
    assert.equal((await quota(alice)).cores, 20)
  })

  test('of the name default stand for projects without limits of their own', async () => {
    await api.ask(`PUT /v2.1/os-quota-sets/${bob}`, { as: 'admin', body: { quota_set: { cores: 5 } } })
    const changed = await put('default', { cores: 30, ram: -1 })
    assert.deepEqual(changed.body.quota_class_set, { ...FIRST, ...GROUPS, cores: 30, ram: -1 })
    for (const path of [alice, `${alice}/defaults`]) {
      const { cores, ram, instances } = await quota(path)
      assert.deepEqual([cores, ram, instances], [30, -1, 10], path)
    }
    const { cores, ram } = await quota(bob)
    assert.deepEqual([cores, ram], [5, -1])
    const limits = (await api.ask('GET /v2.1/limits')).body.limits.absolute
    assert.deepEqual([limits.maxTotalCores, limits.maxTotalRAMSize], [30, -1])
    await put('default', { cores: 31 })
    assert.deepEqual((await get('default')).body.quota_class_set, {
      id: 'default',
      ...FIRST,
      ...GROUPS,
      cores: 31,
      ram: -1,
    })
    await api.ask(`DELETE /v2.1/os-quota-sets/${bob}`, { as: 'admin' })
    assert.equal((await quota(bob)).cores, 31)
  })

  test('bound the metadata of servers', async () => {
    const { id } = await addServer(api.compute, {})
    const set = (metadata: object) => api.ask(`POST /v2.1/servers/${id}/metadata`, { body: { metadata } })
    await put('default', { metadata_items: 1 })
    assert.equal((await set({ a: '1', b: '2' })).body.forbidden.message, 'Maximum number of metadata items exceeds 1')
    await put('default', { metadata_items: 128 })
    assert.equal((await set({ a: '1', b: '2' })).status, 200)
  })

  test('are for admins', async () => {
    assert.equal((await api.ask('GET /v2.1/os-quota-class-sets/default')).status, 403)
    const body = { quota_class_set: { cores: 1 } }
    assert.equal((await api.ask('PUT /v2.1/os-quota-class-sets/default', { body })).status, 403)
  })

  test('refuse what they do not have', async () => {
    const before = (await get('default')).body
    for (const limits of [
      { cores: -2 },
      { cores: 2 ** 31 },
      { force: true },
      { beer: 1 },
      { fixed_ips: 1 },
      { cores: 'x' },
    ])
      assert.equal((await put('default', limits)).status, 400, JSON.stringify(limits))
    assert.equal((await put('default', { injected_files: 1 }, '2.57')).status, 400)
    const long = await put('x'.repeat(256), { cores: 1 })
    assert.equal(
      long.body.badRequest.message,
      'Invalid input received: quota_class_name has 256 characters, more than 255.',
    )
    assert.equal(
      (await api.ask('GET /v2.1/os-quota-class-sets/x?colour=1', { as: 'admin', version: '2.102' })).status,
      400,
    )
    assert.deepEqual((await get('default')).body, before)
  })
})
