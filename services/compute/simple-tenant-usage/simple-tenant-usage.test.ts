import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Caller } from '@kilonova/api/testing-callers'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { onBothStores } from '@kilonova/store/testing'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ApiUnderTest, Reply } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer } from '../testing-rows.ts'
import { simpleTenantUsageRoutes } from './routes.ts'

const { alice, bob } = PROJECTS
const HOUR = 3_600_000
/** 2023-11-14T22:13:20 */
const NOW = 1_700_000_000_000
const PATH = '/v2.1/os-simple-tenant-usage'
const ID = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`

onBothStores('what projects used', (open) => {
  let api: ApiUnderTest
  before(async () => {
    api = await startApi([...simpleTenantUsageRoutes], {
      store: await open(computeSchema),
      toml: '[compute]\nmax_limit = 3\n',
    })
    const add = (number: number, columns: object) => addServer(api.compute, { id: ID(number), ...columns })
    await add(1, { launched_at: NOW - 10 * HOUR })
    await add(2, { launched_at: NOW - 10 * HOUR, terminated_at: NOW - 2 * HOUR, deleted_at: NOW, vm_state: 'deleted' })
    await add(3, { launched_at: null, vm_state: 'building' })
    await add(4, { launched_at: NOW - 9 * HOUR, terminated_at: NOW - 8 * HOUR, deleted_at: NOW })
    await add(5, { launched_at: NOW - 0.5 * HOUR, project_id: bob, vm_state: 'stopped' })
  })
  after(() => api.close())

  const ask = (path: string, as: Caller = 'alice', version = '2.40'): Promise<Reply> =>
    api.ask(`GET ${PATH}${path}`, { as, version })
  const LAST_SIX = '?start=2023-11-14T16:13:20'

  test('counts the hours within the period, of deleted servers too', async () => {
    const { status, body } = await ask(`/${alice}${LAST_SIX}`)
    assert.equal(status, 200)
    const { server_usages: servers, ...sums } = body.tenant_usage
    assert.deepEqual(sums, {
      tenant_id: alice,
      total_hours: 10,
      total_vcpus_usage: 20,
      total_memory_mb_usage: 40_960,
      total_local_gb_usage: 210,
      start: '2023-11-14T16:13:20.000000',
      stop: '2023-11-14T22:13:20.000000',
    })
    const common = { tenant_id: alice, flavor: 'm2', memory_mb: 4096, local_gb: 21, vcpus: 2 }
    const started_at = '2023-11-14T12:13:20.000000'
    const names = servers.map(({ name }: { name: string }) => name)
    assert.deepEqual(servers, [
      {
        ...common,
        name: names[0],
        instance_id: ID(1),
        hours: 6,
        started_at,
        ended_at: null,
        state: 'active',
        uptime: 36_000,
      },
      {
        ...{ ...common, name: names[1], instance_id: ID(2), hours: 4, started_at, uptime: 28_800 },
        ...{ ended_at: '2023-11-14T20:13:20.000000', state: 'terminated' },
      },
    ])
  })

  test('are listed for admins, with servers when asked for', async () => {
    const { tenant_usages: usages } = (await ask(LAST_SIX, 'admin')).body
    assert.deepEqual(
      usages.map((usage: Record<string, unknown>) => [
        usage['tenant_id'],
        usage['total_hours'],
        'server_usages' in usage,
      ]),
      [
        [alice, 10, false],
        [bob, 0.5, false],
      ],
    )
    const detailed = (await ask(`${LAST_SIX}&detailed=1`, 'admin')).body.tenant_usages
    assert.deepEqual(
      detailed.map(({ server_usages }: { server_usages: unknown[] }) => server_usages.length),
      [2, 1],
    )
  })

  test('pages from 2.40 on, and stops at the largest page before', async () => {
    const first = (await ask(`${LAST_SIX}&limit=1&detailed=1`, 'admin')).body
    assert.equal(first.tenant_usages[0].server_usages[0].instance_id, ID(1))
    let [link] = first.tenant_usages_links
    const seen = [ID(1)]
    while (link) {
      assert.equal(link.rel, 'next')
      const { pathname, search } = new URL(link.href)
      const { body } = await api.ask(`GET ${pathname.replace('/compute', '')}${search}`, {
        as: 'admin',
        version: '2.40',
      })
      for (const { server_usages: usages } of body.tenant_usages) seen.push(usages[0].instance_id)
      ;[link] = body.tenant_usages_links ?? []
    }
    assert.deepEqual(seen, [ID(1), ID(2), ID(5)])
    const own = (await ask(`/${alice}${LAST_SIX}&limit=2`)).body.tenant_usage_links[0].href
    assert.match(own, new RegExp(`/compute/v2.1/os-simple-tenant-usage/${alice}\\?.*marker=${ID(2)}`))
    assert.deepEqual((await ask('?start=2000-01-01&limit=0', 'admin')).body, { tenant_usages: [] })
    const old = (await ask('?start=2000-01-01&detailed=1&limit=1', 'admin', '2.39')).body
    assert.deepEqual(Object.keys(old), ['tenant_usages'])
    assert.equal(old.tenant_usages[0].server_usages.length, 3)
  })

  test('are for readers of the own project', async () => {
    assert.equal((await ask(`/${alice}`, 'guest')).status, 400)
    assert.equal((await ask(`/${alice}${LAST_SIX}`, 'guest')).status, 200)
    assert.equal((await ask(`/${bob}${LAST_SIX}`)).status, 403)
    assert.equal((await ask(LAST_SIX)).status, 403)
    const nobody = await ask(`/nobody${LAST_SIX}`, 'admin')
    assert.deepEqual(nobody.body, { tenant_usage: {} })
    for (const marker of [ID(5), ID(9)]) {
      const refused = await ask(`/${alice}${LAST_SIX}&marker=${marker}`)
      assert.equal(refused.body.badRequest.message, `Marker ${marker} could not be found.`)
    }
  })

  test('takes times with and without a fraction or a time of the day', async () => {
    const hours = async (query: string): Promise<number> =>
      (await ask(`/${alice}?${query}`)).body.tenant_usage.total_hours ?? 0
    assert.equal(await hours('start=2023-11-14T21:13:20.000000'), 1)
    assert.equal(await hours('start=2023-11-14%2021:13:20.0&end=2099-01-01T00:00:00'), 1)
    assert.equal(await hours('start=2023-11-14&end=2023-11-14T14:13:20'), 5)
    const { start } = (await ask(`/${alice}?start=2023-11-14T16:13:20.587336`)).body.tenant_usage
    assert.equal(start, '2023-11-14T16:13:20.587336')
    const wrong = { 'start=yesterday': /format/, 'start=2023-02-30T00:00:00': /format/, 'start=2023-13-01': /format/ }
    const reversed = {
      'start=2099-01-01T00:00:00': /cannot occur after/,
      'end=2023-11-14T00:00:00': /cannot occur after/,
    }
    for (const [query, sentence] of Object.entries({ ...wrong, ...reversed })) {
      const { status, body } = await ask(`/${alice}?${query}`)
      assert.equal(status, 400, query)
      assert.match(body.badRequest.message, sentence)
    }
  })

  test('refuses what it does not know from 2.75 on', async () => {
    assert.equal((await ask(`/${alice}${LAST_SIX}&colour=red`, 'alice', '2.74')).status, 200)
    assert.equal((await ask(`/${alice}${LAST_SIX}&colour=red`, 'alice', '2.75')).status, 400)
    assert.equal((await ask(`/${alice}${LAST_SIX}&detailed=1`, 'alice', '2.75')).status, 400)
    assert.equal((await ask(`${LAST_SIX}&limit=-1`, 'admin')).status, 400)
  })
})
