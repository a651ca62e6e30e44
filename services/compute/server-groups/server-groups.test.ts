import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '@kilonova/api/testing-callers'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { limitRoutes } from '../limits/routes.ts'
import { quotaSetRoutes } from '../quota-sets/routes.ts'
import type { ApiUnderTest, Setting } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer } from '../testing-rows.ts'
import { hintedGroup, joinGroup } from './members.ts'
import { serverGroupRoutes } from './routes.ts'

async function withApi(work: (api: ApiUnderTest) => Promise<void>, setting: Setting = {}): Promise<void> {
  const api = await startApi([...serverGroupRoutes, ...quotaSetRoutes, ...limitRoutes], setting)
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const PATH = '/v2.1/os-server-groups'
const make = (api: ApiUnderTest, group: object, version = '2.64', as: Caller = 'alice') =>
  api.ask(`POST ${PATH}`, { version, as, body: { server_group: group } })

test('a server group by version', () =>
  withApi(async (api) => {
    const oldest = await make(api, { name: 'g', policies: ['anti-affinity'] }, '2.1')
    const { id, ...rest } = oldest.body.server_group
    const old = { name: 'g', policies: ['anti-affinity'], members: [], metadata: {} }
    assert.deepEqual([oldest.status, rest], [200, old])
    const show = async (version: string) => (await api.ask(`GET ${PATH}/${id}`, { version })).body.server_group
    const owner = { project_id: PROJECTS.alice, user_id: 'alice' }
    assert.deepEqual(await show('2.12'), { id, ...old })
    assert.deepEqual(await show('2.13'), { id, ...old, ...owner })
    const young = { id, name: 'g', policy: 'anti-affinity', rules: {}, members: [], ...owner }
    assert.deepEqual(await show('2.64'), young)
    assert.deepEqual((await api.ask(`GET ${PATH}`, { version: '2.64' })).body, { server_groups: [young] })
    const ruled = await make(api, { name: 'r', policy: 'anti-affinity', rules: { max_server_per_host: 3 } })
    assert.deepEqual(ruled.body.server_group.rules, { max_server_per_host: 3 })
    assert.equal((await api.ask(`DELETE ${PATH}/${id}`)).status, 204)
    const gone = await api.ask(`GET ${PATH}/${id}`)
    assert.deepEqual([gone.status, gone.body.itemNotFound.message], [404, `Instance group ${id} could not be found.`])
  }))

const REFUSED: [string, string, object][] = [
  ['a soft policy before 2.15', '2.14', { name: 'g', policies: ['soft-affinity'] }],
  ['two policies', '2.15', { name: 'g', policies: ['affinity', 'anti-affinity'] }],
  ['no policy', '2.15', { name: 'g', policies: [] }],
  ['policies left out', '2.63', { name: 'g' }],
  ['policy before 2.64', '2.63', { name: 'g', policy: 'affinity' }],
  ['policies from 2.64 on', '2.64', { name: 'g', policies: ['affinity'] }],
  ['policy left out', '2.64', { name: 'g' }],
  ['rules of affinity', '2.64', { name: 'g', policy: 'affinity', rules: { max_server_per_host: 2 } }],
  ['no server per host', '2.64', { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 0 } }],
  ['an unknown rule', '2.64', { name: 'g', policy: 'anti-affinity', rules: { max: 1 } }],
  ['an unknown policy', '2.64', { name: 'g', policy: 'near' }],
]
for (const [what, version, group] of REFUSED)
  test(`${what} is refused`, () => withApi(async (api) => assert.equal((await make(api, group, version)).status, 400)))

test('soft policies from 2.15 on', () =>
  withApi(async (api) => {
    assert.equal((await make(api, { name: 'g', policies: ['soft-anti-affinity'] }, '2.15')).status, 200)
    assert.equal((await make(api, { name: 'g', policy: 'affinity', rules: {} })).status, 200)
  }))

test('groups are the project’s; admins see all on request', () =>
  withApi(async (api) => {
    const { id } = (await make(api, { name: 'g', policy: 'affinity' })).body.server_group
    await make(api, { name: 'h', policy: 'affinity' }, '2.64', 'bob')
    assert.equal((await api.ask(`GET ${PATH}/${id}`, { as: 'guest' })).status, 200)
    assert.equal((await api.ask(`DELETE ${PATH}/${id}`, { as: 'guest' })).status, 403)
    assert.equal((await api.ask(`GET ${PATH}/${id}`, { as: 'bob' })).status, 403)
    assert.equal((await api.ask(`DELETE ${PATH}/${id}`, { as: 'bob' })).status, 403)
    const names = async (query: string, as: Caller) =>
      (await api.ask(`GET ${PATH}${query}`, { as, version: '2.74' })).body.server_groups.map(
        ({ name }: { name: string }) => name,
      )
    assert.deepEqual(await names('', 'alice'), ['g'])
    assert.deepEqual(await names('?all_projects=true', 'alice'), ['g'])
    assert.deepEqual(await names('?all_projects=true', 'admin'), ['g', 'h'])
    assert.deepEqual(await names('?all_projects=true&limit=1&offset=1', 'admin'), ['h'])
    assert.deepEqual(await names('?other=1', 'admin'), [])
    assert.equal((await api.ask(`GET ${PATH}?other=1`, { version: '2.75' })).status, 400)
  }))

test('as many groups as the quota says, shown as used', () =>
  withApi(
    async (api) => {
      const statuses = []
      for (const name of ['a', 'b', 'c']) statuses.push((await make(api, { name, policy: 'affinity' })).status)
      assert.deepEqual(statuses, [200, 200, 403])
      const refused = await make(api, { name: 'd', policy: 'affinity' })
      assert.equal(refused.body.forbidden.message, 'Quota exceeded, too many server groups.')
      const { quota_set } = (await api.ask(`GET /v2.1/os-quota-sets/${PROJECTS.alice}/detail`)).body
      assert.deepEqual(quota_set.server_groups, { limit: 2, in_use: 2, reserved: 0 })
      assert.equal((await api.ask('GET /v2.1/limits')).body.limits.absolute.totalServerGroupsUsed, 2)
    },
    { toml: '[compute]\nquota_server_groups = 2' },
  ))

test('members are the servers that exist, as many as the quota says', () =>
  withApi(
    async (api) => {
      const { compute } = api
      const { id } = (await make(api, { name: 'g', policy: 'affinity' })).body.server_group
      const context = { projectId: PROJECTS.alice, isAdmin: false } as Parameters<typeof hintedGroup>[1]
      const group = (await hintedGroup(compute, context, { group: [id] }))!
      const other = { ...context, projectId: PROJECTS.bob }
      await assert.rejects(hintedGroup(compute, other, { group: id }), { code: 'ServerGroupInRequestNotFound' })
      assert.equal(await hintedGroup(compute, context, {}), null)
      const [a, b, c] = [await addServer(compute, {}), await addServer(compute, {}), await addServer(compute, {})]
      const join = (...ids: string[]) => compute.store.transaction(() => joinGroup(compute, group, ids))
      await join(a.id, b.id)
      await assert.rejects(join(c.id), { code: 'TooManyServersInGroup' })
      const members = async () => (await api.ask(`GET ${PATH}/${id}`)).body.server_group.members
      assert.deepEqual(await members(), [a.id, b.id])
      const servers = compute.store.as<{ compute_servers: { id: string; deleted_at: number | null } }>()
      await servers.updateTable('compute_servers').set({ deleted_at: 1 }).where('id', '=', a.id).execute()
      assert.deepEqual(await members(), [b.id])
      await join(c.id)
      assert.deepEqual(await members(), [b.id, c.id])
    },
    { toml: '[compute]\nquota_server_group_members = 2' },
  ))
