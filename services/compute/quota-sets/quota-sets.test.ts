import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Caller } from '@kilonova/api/testing-callers'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { onBothStores } from '@kilonova/store/testing'
import { limitRoutes } from '../limits/routes.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer } from '../testing-rows.ts'
import { checkServerQuota } from './check.ts'
import { quotaSetRoutes } from './routes.ts'

const { alice, bob } = PROJECTS

async function withApi(work: (api: ApiUnderTest) => Promise<void>): Promise<void> {
  const api = await startApi([...quotaSetRoutes, ...limitRoutes])
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const NEWEST = {
  instances: 10,
  cores: 20,
  ram: 51200,
  metadata_items: 128,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
}
const INJECTED = { injected_files: 5, injected_file_content_bytes: 10240, injected_file_path_bytes: 255 }
const NETWORK = { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 }
const BY_VERSION: [string, Record<string, number>][] = [
  ['2.1', { ...NEWEST, ...INJECTED, ...NETWORK }],
  ['2.35', { ...NEWEST, ...INJECTED, ...NETWORK }],
  ['2.36', { ...NEWEST, ...INJECTED }],
  ['2.56', { ...NEWEST, ...INJECTED }],
  ['2.57', NEWEST],
]

const get = (api: ApiUnderTest, path: string, version = '2.104', as: Caller = 'alice') =>
  api.ask(`GET /v2.1/os-quota-sets/${path}`, { as, version })
const put = (api: ApiUnderTest, limits: object, version = '2.104', query = '') =>
  api.ask(`PUT /v2.1/os-quota-sets/${alice}${query}`, { as: 'admin', version, body: { quota_set: limits } })

for (const [version, limits] of BY_VERSION) {
  test(`the resources at ${version}`, () =>
    withApi(async (api) => {
      assert.deepEqual((await get(api, alice, version)).body, { quota_set: { id: alice, ...limits } })
      assert.deepEqual((await get(api, `${alice}/defaults`, version)).body, { quota_set: { id: alice, ...limits } })
      const detail = Object.entries(limits).map(([name, limit]) => [name, { limit, in_use: 0, reserved: 0 }])
      assert.deepEqual((await get(api, `${alice}/detail`, version)).body, {
        quota_set: { id: alice, ...Object.fromEntries(detail) },
      })
      assert.deepEqual((await put(api, { cores: '45' }, version)).body, { quota_set: { ...limits, cores: 45 } })
    }))
}

test('readers see the quota of their own project, admins change it', () =>
  withApi(async (api) => {
    assert.equal((await get(api, alice, '2.1', 'guest')).status, 200)
    assert.equal((await get(api, bob)).status, 403)
    assert.equal((await get(api, `${bob}/detail`)).status, 403)
    assert.equal((await get(api, `${bob}/defaults`)).status, 200)
    const own = await api.ask(`PUT /v2.1/os-quota-sets/${alice}`, { body: { quota_set: { cores: 99 } } })
    assert.equal(own.status, 403)
    await put(api, { cores: 99, ram: -1 })
    assert.deepEqual((await get(api, alice)).body.quota_set, { id: alice, ...NEWEST, cores: 99, ram: -1 })
    assert.equal((await get(api, `${alice}/defaults`)).body.quota_set.cores, 20)
    assert.equal((await get(api, bob, '2.1', 'bob')).body.quota_set.cores, 20)
    assert.equal((await api.ask(`DELETE /v2.1/os-quota-sets/${alice}?user_id=x`, { as: 'admin' })).status, 202)
    assert.equal((await get(api, alice)).body.quota_set.cores, 99)
    assert.equal((await api.ask(`DELETE /v2.1/os-quota-sets/${alice}`, { as: 'admin' })).status, 202)
    assert.deepEqual((await get(api, alice)).body.quota_set, { id: alice, ...NEWEST })
  }))

test('wrong input', () =>
  withApi(async (api) => {
    const wrong: [object, string][] = [
      [{ cores: -2 }, 'Invalid input for field/attribute cores. Value: -2. -2 is less than the minimum of -1'],
      [{ beer: 1 }, "Additional properties are not allowed ('beer' was unexpected)"],
      [{ fixed_ips: 1 }, "Additional properties are not allowed ('fixed_ips' was unexpected)"],
    ]
    for (const [limits, expected] of wrong) {
      const { message } = (await put(api, limits)).body.badRequest
      assert.ok(message.endsWith(expected), message)
    }
    assert.equal((await put(api, { cores: 1 }, '2.104', '?user_id=alice')).status, 400)
    assert.equal((await put(api, { cores: 1 }, '2.104', '?colour=red')).status, 400)
  }))

onBothStores('what a project uses', (open) => {
  let api: ApiUnderTest
  before(async () => {
    api = await startApi([...quotaSetRoutes, ...limitRoutes], { store: await open(computeSchema) })
    await addServer(api.compute, {})
    await addServer(api.compute, { vm_state: 'stopped' })
    await addServer(api.compute, { deleted_at: 1 })
    await addServer(api.compute, { project_id: bob })
  })
  after(() => api.close())

  test('is shown in detail and as limits', async () => {
    const { instances, cores, ram } = (await get(api, `${alice}/detail`)).body.quota_set
    assert.deepEqual(instances, { limit: 10, in_use: 2, reserved: 0 })
    assert.deepEqual(cores, { limit: 20, in_use: 4, reserved: 0 })
    assert.deepEqual(ram, { limit: 51200, in_use: 8192, reserved: 0 })
  })

  test('bounds a new quota unless it is forced', async () => {
    const below = await put(api, { ram: 8191 })
    assert.deepEqual(
      below.body.badRequest.message,
      'Quota limit 8191 for ram must be greater than or equal to already used and reserved 8192.',
    )
    assert.equal((await put(api, { ram: 8192 })).status, 200)
    assert.equal((await put(api, { instances: 1, force: 'True' })).body.quota_set.instances, 1)
  })

  test('bounds new servers', async () => {
    await put(api, { instances: 3, cores: 5, ram: -1 })
    const check = (instances: number, cores: number) =>
      api.compute.store.transaction(() => checkServerQuota(api.compute, alice, { instances, cores, ram: 1 }))
    await check(1, 1)
    await assert.rejects(check(2, 4), {
      status: 403,
      message: 'Quota exceeded for instances, cores: Requested 2, 4, but already used 2, 4 of 3, 5 instances, cores',
    })
  })

  const limits = async (version: string, query = '', as: Caller = 'alice') =>
    (await api.ask(`GET /v2.1/limits${query}`, { version, as })).body

  test('stands in limits, by version', async () => {
    await api.ask(`DELETE /v2.1/os-quota-sets/${alice}`, { as: 'admin' })
    const at257 = {
      maxServerMeta: 128,
      maxTotalCores: 20,
      maxTotalInstances: 10,
      maxTotalKeypairs: 100,
      maxTotalRAMSize: 51200,
      maxServerGroups: 10,
      maxServerGroupMembers: 10,
      totalCoresUsed: 4,
      totalInstancesUsed: 2,
      totalRAMUsed: 8192,
      totalServerGroupsUsed: 0,
    }
    const at239 = { ...at257, maxPersonality: 5, maxPersonalitySize: 10240 }
    const at236 = { ...at239, maxImageMeta: 128 }
    const at21 = {
      ...at236,
      maxSecurityGroupRules: -1,
      maxSecurityGroups: -1,
      maxTotalFloatingIps: -1,
      totalSecurityGroupsUsed: 0,
      totalFloatingIpsUsed: 0,
    }
    for (const [version, absolute] of Object.entries({ '2.1': at21, '2.36': at236, '2.39': at239, '2.57': at257 })) {
      assert.deepEqual(await limits(version), { limits: { rate: [], absolute } }, version)
    }
  })

  test('of another project is for admins', async () => {
    const denied = "Policy doesn't allow os_compute_api:limits:other_project to be performed."
    assert.equal((await limits('2.1', `?tenant_id=${bob}`)).forbidden.message, denied)
    assert.equal((await limits('2.1', `?tenant_id=${bob}`, 'admin')).limits.absolute.totalInstancesUsed, 1)
    assert.equal((await limits('2.1', '?reserved=1')).limits.absolute.totalInstancesUsed, 2)
    assert.equal((await limits('2.75', '?colour=red')).badRequest.code, 400)
  })
})
