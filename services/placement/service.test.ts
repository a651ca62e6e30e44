import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { memoryStore, onBothStores } from '@kilonova/store/testing'
import { placementSchema } from './schema/placement-schema.ts'
import type { TestApi } from './testing.ts'
import { apiOn, miscounted } from './testing.ts'

const uuid = (): string => systemRandom.uuid()
const fresh = async (): Promise<TestApi> => apiOn(await memoryStore(placementSchema))

async function made(api: TestApi, inventories: object = { VCPU: { total: 8 } }, parent?: string): Promise<string> {
  const id = uuid()
  const body = { name: `p-${id}`, uuid: id, ...(parent ? { parent_provider_uuid: parent } : {}) }
  assert.equal((await api.ask('POST', '/resource_providers', { body })).status, 200)
  const put = { resource_provider_generation: 0, inventories }
  const { status } = await api.ask('PUT', `/resource_providers/${id}/inventories`, { body: put })
  assert.equal(status, 200)
  return id
}

const allocation = (provider: string, resources: object, more: object = {}) => ({
  allocations: { [provider]: { resources } },
  project_id: 'project',
  user_id: 'user',
  consumer_generation: null,
  consumer_type: 'INSTANCE',
  ...more,
})

const codeOf = ({ body }: { body: { errors: { code: string }[] } }): string => body.errors[0]!.code

describe('discovery, versions and policy', () => {
  it('tells the versions to anybody', async () => {
    const { body, status } = await (await fresh()).ask('GET', '/', { as: 'nobody' as 'admin' })
    assert.equal(status, 200)
    assert.deepEqual(
      body.versions.map(({ links, ...version }: { links: object }) => version),
      [{ id: 'v1.0', min_version: '1.0', max_version: '1.39', status: 'CURRENT' }],
    )
  })

  it('refuses versions it does not have, and paths before their version', async () => {
    const api = await fresh()
    assert.equal((await api.ask('GET', '/resource_providers', { version: '1.40' })).status, 406)
    assert.equal((await api.ask('GET', '/resource_providers', { version: 'latest' })).status, 200)
    assert.equal((await api.ask('GET', '/traits', { version: '1.5' })).status, 404)
    assert.equal((await api.ask('GET', '/allocation_candidates?resources=VCPU:1', { version: '1.9' })).status, 404)
    const wrong = await api.ask('DELETE', '/resource_providers')
    assert.equal(wrong.status, 405)
    assert.equal(wrong.headers['allow'], 'GET, POST')
  })

  it('lets services and admins in; readers only to the usages of their project', async () => {
    const api = await fresh()
    assert.equal((await api.ask('GET', '/resource_providers', { as: 'service' })).status, 200)
    assert.equal((await api.ask('GET', '/resource_providers', { as: 'reader' })).status, 403)
    assert.equal((await api.ask('GET', '/usages?project_id=project-of-reader', { as: 'reader' })).status, 200)
    assert.equal((await api.ask('GET', '/usages?project_id=project-of-admin', { as: 'reader' })).status, 403)
    const body = { inventories: {}, allocations: {} }
    assert.equal((await api.ask('POST', '/reshaper', { as: 'admin', body })).status, 403)
    assert.equal((await api.ask('POST', '/reshaper', { as: 'service', body })).status, 204)
  })

  it('dates its answers from 1.15 on', async () => {
    const api = await fresh()
    const provider = await made(api)
    for (const path of ['/resource_providers', `/resource_providers/${provider}`, '/traits', '/resource_classes']) {
      const { headers } = await api.ask('GET', path)
      assert.equal(headers['cache-control'], 'no-cache', path)
      assert.ok(!Number.isNaN(Date.parse(String(headers['last-modified']))), path)
    }
    assert.equal((await api.ask('GET', '/resource_providers', { version: '1.14' })).headers['last-modified'], undefined)
  })
})

onBothStores("placement's api", (open) => {
  const start = async (): Promise<TestApi> => apiOn(await open(placementSchema))

  it('shows providers as their version knows them', async () => {
    const api = await start()
    const root = await made(api)
    const child = await made(api, {}, root)
    const { body } = await api.ask('GET', `/resource_providers/${child}`)
    assert.equal(body.parent_provider_uuid, root)
    assert.equal(body.root_provider_uuid, root)
    assert.deepEqual(body.links.map(({ rel }: { rel: string }) => rel).toSorted(), [
      'aggregates',
      'allocations',
      'inventories',
      'self',
      'traits',
      'usages',
    ])
    assert.equal(body.links[0].href, `/placement/resource_providers/${child}`)
    const old = await api.ask('GET', `/resource_providers?name=p-${child}`, { version: '1.0' })
    assert.deepEqual(Object.keys(old.body.resource_providers[0]).toSorted(), ['generation', 'links', 'name', 'uuid'])
    const created = await api.ask('POST', '/resource_providers', { version: '1.19', body: { name: 'plain' } })
    assert.equal(created.status, 201)
    assert.equal(created.body, undefined)
    assert.match(String(created.headers['location']), /^http:\/\/.*\/placement\/resource_providers\/[0-9a-f-]{36}$/)
  })

  it('refuses doubles, unknown parents and new parents before 1.37', async () => {
    const api = await start()
    const [one, two] = [await made(api), await made(api)]
    const double = await api.ask('POST', '/resource_providers', { body: { name: `p-${one}` } })
    assert.deepEqual([double.status, codeOf(double)], [409, 'placement.duplicate_name'])
    const put = (id: string, parent: string | null, version: string) =>
      api.ask('PUT', `/resource_providers/${id}`, { version, body: { name: `p-${id}`, parent_provider_uuid: parent } })
    assert.equal((await put(one, uuid(), '1.39')).status, 400)
    assert.equal((await put(one, two, '1.14')).status, 200)
    assert.equal((await put(one, null, '1.36')).status, 400)
    assert.equal((await put(two, one, '1.37')).status, 400)
    const parent = await api.ask('DELETE', `/resource_providers/${two}`)
    assert.deepEqual([parent.status, codeOf(parent)], [409, 'placement.resource_provider.cannot_delete_parent'])
    assert.equal((await put(one, null, '1.37')).body.root_provider_uuid, one)
    assert.equal((await api.ask('DELETE', `/resource_providers/${two}`)).status, 204)
    const gone = await api.ask('DELETE', `/resource_providers/${two}`)
    assert.deepEqual([gone.status, codeOf(gone)], [404, 'placement.resource_provider.not_found'])
  })

  it('finds providers by what they have, are and belong to', async () => {
    const api = await start()
    const [one, two] = [await made(api, { VCPU: { total: 8 } }), await made(api, { VCPU: { total: 2 } })]
    const child = await made(api, { DISK_GB: { total: 10 } }, one)
    const [red, blue] = [uuid(), uuid()]
    const tag = async (id: string, traits: string[], aggregates: string[]) => {
      await api.client.setTraits(id, traits)
      await api.client.setAggregates(id, aggregates)
    }
    await tag(one, ['HW_CPU_X86_AVX', 'CUSTOM_A'], [red])
    await tag(two, ['HW_CPU_X86_AVX', 'CUSTOM_B'], [red, blue])
    const names = new Map([one, two, child].map((id, index) => [id, ['one', 'two', 'child'][index]!]))
    const found = async (query: string, version = '1.39') => {
      const { status, body } = await api.ask('GET', `/resource_providers?${query}`, { version })
      return status === 200 ? body.resource_providers.map(({ uuid: id }: { uuid: string }) => names.get(id)) : status
    }
    const cases: [query: string, expected: unknown][] = [
      ['', ['one', 'two', 'child']],
      [`name=p-${two}`, ['two']],
      [`uuid=${child}`, ['child']],
      [`in_tree=${child}`, ['one', 'child']],
      [`in_tree=${uuid()}`, []],
      ['resources=VCPU:3', ['one']],
      ['resources=VCPU:1,DISK_GB:1', []],
      ['required=HW_CPU_X86_AVX,!CUSTOM_A', ['two']],
      ['required=in:CUSTOM_A,CUSTOM_B', ['one', 'two']],
      ['required=HW_CPU_X86_AVX&required=CUSTOM_B', ['two']],
      [`member_of=in:${red},${blue}`, ['one', 'two']],
      [`member_of=${red}&member_of=${blue}`, ['two']],
      [`member_of=!${blue}`, ['one', 'child']],
      ['required=CUSTOM_NONE', 400],
      ['required=CUSTOM_A,!CUSTOM_A', 400],
      ['resources=VCPU:0', 400],
      ['resources=NO_SUCH:1', 400],
      ['member_of=red', 400],
      ['colour=red', 400],
    ]
    for (const [query, expected] of cases) assert.deepEqual(await found(query), expected, query)
    assert.equal(await found('required=HW_CPU_X86_AVX', '1.17'), 400)
    assert.equal(await found('required=!CUSTOM_A', '1.21'), 400)
    assert.equal(await found('required=in:CUSTOM_A', '1.38'), 400)
  })

  it('keeps inventories by generation', async () => {
    const api = await start()
    const provider = await made(api, {})
    const path = `/resource_providers/${provider}/inventories`
    const put = (resource_provider_generation: number, inventories: object, version = '1.39') =>
      api.ask('PUT', path, { version, body: { resource_provider_generation, inventories } })
    const inventories = {
      VCPU: { total: 64, reserved: 2, allocation_ratio: 10 },
      MEMORY_MB: { total: 128, step_size: 4 },
    }
    assert.deepEqual((await put(0, inventories)).body, {
      inventories: {
        MEMORY_MB: { allocation_ratio: 1, max_unit: 2147483647, min_unit: 1, reserved: 0, step_size: 4, total: 128 },
        VCPU: { allocation_ratio: 10, max_unit: 2147483647, min_unit: 1, reserved: 2, step_size: 1, total: 64 },
      },
      resource_provider_generation: 1,
    })
    const stale = await put(0, {})
    assert.deepEqual([stale.status, codeOf(stale)], [409, 'placement.concurrent_update'])
    assert.equal((await put(1, { NO_SUCH: { total: 1 } })).status, 400)
    assert.equal((await put(1, { VCPU: { total: 0 } })).status, 400)
    assert.equal((await put(1, { VCPU: { total: 4, colour: 1 } })).status, 400)
    assert.equal((await put(1, { VCPU: { total: 4, reserved: 5 } })).status, 400)
    assert.equal((await put(1, { VCPU: { total: 4, reserved: 4 } }, '1.25')).status, 400)
    assert.equal((await put(1, { VCPU: { total: 4, reserved: 4 } }, '1.26')).status, 200)
    const disk = { resource_class: 'DISK_GB', total: 50 }
    const added = await api.ask('POST', path, { body: disk })
    assert.equal(added.status, 201)
    assert.match(String(added.headers['location']), /inventories\/DISK_GB$/)
    assert.equal((await api.ask('POST', path, { body: disk })).status, 409)
    const changed = { resource_provider_generation: 3, total: 70 }
    assert.equal((await api.ask('PUT', `${path}/DISK_GB`, { body: changed })).body.total, 70)
    assert.equal((await api.ask('PUT', `${path}/DISK_GB`, { body: changed })).status, 409)
    assert.equal((await api.ask('GET', `${path}/DISK_GB`)).body.resource_provider_generation, 4)
    assert.equal((await api.ask('DELETE', `${path}/DISK_GB`)).status, 204)
    assert.equal((await api.ask('DELETE', `${path}/DISK_GB`)).status, 404)
    assert.equal((await api.ask('DELETE', path, { version: '1.4' })).status, 404)
    assert.equal((await api.ask('DELETE', path)).status, 204)
  })

  it('allocates in the form of each version', async () => {
    const api = await start()
    const provider = await made(api, { VCPU: { total: 100 } })
    const [resources, owner] = [{ VCPU: 1 }, { project_id: 'p', user_id: 'u' }]
    const list = { allocations: [{ resource_provider: { uuid: provider }, resources }] }
    const byProvider = { allocations: { [provider]: { resources } } }
    const cases: [version: string, body: object, status: number][] = [
      ['1.0', list, 204],
      ['1.7', { ...list, ...owner }, 400],
      ['1.8', list, 400],
      ['1.11', { ...list, ...owner }, 204],
      ['1.12', { ...list, ...owner }, 400],
      ['1.12', { ...byProvider, ...owner }, 204],
      ['1.27', { ...owner, allocations: {} }, 400],
      ['1.27', { ...byProvider, ...owner, consumer_generation: null }, 400],
      ['1.28', { ...byProvider, ...owner }, 400],
      ['1.28', { ...byProvider, ...owner, consumer_generation: null }, 204],
      ['1.28', { ...owner, allocations: {}, consumer_generation: null }, 204],
      ['1.34', { ...byProvider, ...owner, consumer_generation: null, mappings: { '': [provider] } }, 204],
      ['1.38', { ...byProvider, ...owner, consumer_generation: null }, 400],
      ['1.38', { ...byProvider, ...owner, consumer_generation: null, consumer_type: 'MIGRATION' }, 204],
      ['1.38', allocation(provider, { VCPU: 0 }), 400],
      ['1.38', allocation(provider, { NO_SUCH: 1 }), 400],
      ['1.38', allocation(uuid(), { VCPU: 1 }), 400],
      ['1.38', allocation(provider, { VCPU: 101 }), 409],
    ]
    for (const [version, body, status] of cases) {
      const answer = await api.ask('PUT', `/allocations/${uuid()}`, { version, body })
      assert.equal(answer.status, status, `${version} ${JSON.stringify(body)} ${JSON.stringify(answer.body)}`)
    }
    assert.deepEqual(await api.client.usages(provider), { VCPU: 6 })
    assert.equal((await api.ask('PUT', '/allocations/me', { body: allocation(provider, { VCPU: 1 }) })).status, 400)
  })

  it('shows allocations, and lets only those change them who know them', async () => {
    const api = await start()
    const provider = await made(api)
    const consumer = uuid()
    const path = `/allocations/${consumer}`
    assert.deepEqual((await api.ask('GET', path)).body, { allocations: {} })
    assert.equal((await api.ask('DELETE', path)).status, 404)
    assert.equal((await api.ask('PUT', path, { body: allocation(provider, { VCPU: 2 }) })).status, 204)
    const owner = { project_id: 'project', user_id: 'user' }
    const allocations = { [provider]: { generation: 2, resources: { VCPU: 2 } } }
    const shown = async (version: string) => (await api.ask('GET', path, { version })).body
    assert.deepEqual(await shown('1.11'), { allocations })
    assert.deepEqual(await shown('1.12'), { allocations, ...owner })
    assert.deepEqual(await shown('1.28'), { allocations, ...owner, consumer_generation: 1 })
    assert.deepEqual(await shown('1.38'), { allocations, ...owner, consumer_generation: 1, consumer_type: 'INSTANCE' })
    for (const consumer_generation of [null, 0, 2]) {
      const body = allocation(provider, { VCPU: 3 }, { consumer_generation })
      const stale = await api.ask('PUT', path, { body })
      assert.deepEqual([stale.status, codeOf(stale)], [409, 'placement.concurrent_update'])
    }
    const ofProvider = (await api.ask('GET', `/resource_providers/${provider}/allocations`)).body
    assert.deepEqual(ofProvider, {
      allocations: { [consumer]: { resources: { VCPU: 2 }, consumer_generation: 1 } },
      resource_provider_generation: 2,
    })
    const inUse = await api.ask('DELETE', `/resource_providers/${provider}/inventories/VCPU`)
    assert.deepEqual([inUse.status, codeOf(inUse)], [409, 'placement.inventory.inuse'])
    assert.equal(
      codeOf(await api.ask('DELETE', `/resource_providers/${provider}`)),
      'placement.resource_provider.inuse',
    )
    const none = { ...allocation(provider, {}), allocations: {}, consumer_generation: 1 }
    assert.equal((await api.ask('PUT', path, { body: none })).status, 204)
    assert.deepEqual((await api.ask('GET', path)).body, { allocations: {} })
  })

  it('moves allocations between consumers at once, or not at all', async () => {
    const api = await start()
    const [source, target] = [await made(api), await made(api, { VCPU: { total: 4 } })]
    const [server, migration] = [uuid(), uuid()]
    await api.ask('PUT', `/allocations/${server}`, { body: allocation(source, { VCPU: 8 }) })
    const move = (amount: number) => ({
      [migration]: allocation(source, { VCPU: 8 }, { consumer_type: 'MIGRATION' }),
      [server]: allocation(target, { VCPU: amount }, { consumer_generation: 1 }),
    })
    assert.equal((await api.ask('POST', '/allocations', { body: move(5) })).status, 409)
    assert.deepEqual(await api.client.allocationsOf(server), { [source]: { VCPU: 8 } })
    assert.equal((await api.ask('POST', '/allocations', { body: move(4) })).status, 204)
    assert.deepEqual(await api.client.allocationsOf(server), { [target]: { VCPU: 4 } })
    assert.deepEqual(await api.client.allocationsOf(migration), { [source]: { VCPU: 8 } })
    assert.deepEqual(await miscounted(api.placement), [])
  })

  it('counts what a project uses', async () => {
    const api = await start()
    const provider = await made(api, { VCPU: { total: 9 }, DISK_GB: { total: 9 } })
    const use = (resources: object, more: object, version = '1.38') =>
      api.ask('PUT', `/allocations/${uuid()}`, { version, body: allocation(provider, resources, more) })
    await use({ VCPU: 2, DISK_GB: 1 }, {})
    await use({ VCPU: 1 }, { user_id: 'other' })
    await use({ VCPU: 1 }, { consumer_type: 'MIGRATION' })
    await use({ VCPU: 1 }, { consumer_type: undefined }, '1.37')
    await use({ VCPU: 1 }, { project_id: 'another' })
    const usages = async (query: string, version = '1.38') =>
      (await api.ask('GET', `/usages?project_id=project${query}`, { version })).body.usages
    assert.deepEqual(await usages('', '1.37'), { DISK_GB: 1, VCPU: 5 })
    assert.deepEqual(await usages('&user_id=other', '1.9'), { VCPU: 1 })
    assert.deepEqual(await usages(''), {
      INSTANCE: { consumer_count: 2, DISK_GB: 1, VCPU: 3 },
      MIGRATION: { consumer_count: 1, VCPU: 1 },
      unknown: { consumer_count: 1, VCPU: 1 },
    })
    assert.deepEqual(await usages('&consumer_type=all'), { all: { consumer_count: 4, DISK_GB: 1, VCPU: 5 } })
    assert.deepEqual(await usages('&consumer_type=unknown'), { unknown: { consumer_count: 1, VCPU: 1 } })
    assert.equal((await api.ask('GET', '/usages')).status, 400)
    assert.deepEqual((await api.ask('GET', `/resource_providers/${provider}/usages`)).body.usages, {
      DISK_GB: 1,
      VCPU: 6,
    })
  })

  it('keeps the traits and aggregates of a provider', async () => {
    const api = await start()
    const provider = await made(api, {})
    const path = `/resource_providers/${provider}`
    const traits = (names: string[], resource_provider_generation: number) =>
      api.ask('PUT', `${path}/traits`, { body: { traits: names, resource_provider_generation } })
    assert.equal((await traits(['CUSTOM_NEW'], 0)).status, 400)
    assert.equal((await api.ask('PUT', '/traits/CUSTOM_NEW')).status, 201)
    assert.equal((await api.ask('PUT', '/traits/CUSTOM_NEW')).status, 204)
    assert.deepEqual((await traits(['CUSTOM_NEW', 'COMPUTE_NODE'], 0)).body, {
      traits: ['COMPUTE_NODE', 'CUSTOM_NEW'],
      resource_provider_generation: 1,
    })
    assert.equal((await traits([], 0)).status, 409)
    assert.equal((await api.ask('DELETE', '/traits/CUSTOM_NEW')).status, 409)
    assert.equal((await api.ask('DELETE', '/traits/COMPUTE_NODE')).status, 400)
    assert.equal((await api.ask('PUT', '/traits/HW_NEW')).status, 400)
    const list = async (query: string) => (await api.ask('GET', `/traits?${query}`)).body.traits
    assert.deepEqual(await list('associated=true'), ['COMPUTE_NODE', 'CUSTOM_NEW'])
    assert.deepEqual(await list('name=startswith:CUSTOM_'), ['CUSTOM_NEW'])
    assert.deepEqual(await list('name=in:CUSTOM_NEW,HW_NUMA_ROOT,NONE'), ['HW_NUMA_ROOT', 'CUSTOM_NEW'])
    assert.equal((await api.ask('DELETE', `${path}/traits`)).status, 204)
    assert.equal((await api.ask('DELETE', '/traits/CUSTOM_NEW')).status, 204)
    assert.equal((await api.ask('GET', '/traits/CUSTOM_NEW')).status, 404)

    const aggregate = uuid()
    const old = await api.ask('PUT', `${path}/aggregates`, { version: '1.18', body: [aggregate] })
    assert.deepEqual([old.status, old.body], [200, { aggregates: [aggregate] }])
    const { body } = await api.ask('GET', `${path}/aggregates`)
    assert.deepEqual(body, { aggregates: [aggregate], resource_provider_generation: 3 })
    const put = (resource_provider_generation: number) =>
      api.ask('PUT', `${path}/aggregates`, { body: { aggregates: [], resource_provider_generation } })
    assert.equal((await put(2)).status, 409)
    assert.deepEqual((await put(3)).body, { aggregates: [], resource_provider_generation: 4 })
  })

  it('keeps resource classes', async () => {
    const api = await start()
    const path = '/resource_classes'
    const all = (await api.ask('GET', path)).body.resource_classes
    assert.deepEqual(all[0], { name: 'VCPU', links: [{ rel: 'self', href: '/placement/resource_classes/VCPU' }] })
    assert.equal((await api.ask('POST', path, { body: { name: 'CUSTOM_FPGA' } })).status, 201)
    assert.equal((await api.ask('POST', path, { body: { name: 'CUSTOM_FPGA' } })).status, 409)
    assert.equal((await api.ask('POST', path, { body: { name: 'FPGA_2' } })).status, 400)
    const renamed = { version: '1.6', body: { name: 'CUSTOM_FPGA_2' } }
    assert.equal((await api.ask('PUT', `${path}/CUSTOM_FPGA`, renamed)).body.name, 'CUSTOM_FPGA_2')
    assert.equal((await api.ask('GET', `${path}/CUSTOM_FPGA`)).status, 404)
    assert.equal((await api.ask('PUT', `${path}/CUSTOM_FPGA_2`)).status, 204)
    assert.equal((await api.ask('PUT', `${path}/CUSTOM_OTHER`)).status, 201)
    await made(api, { CUSTOM_OTHER: { total: 1 } })
    assert.equal((await api.ask('DELETE', `${path}/CUSTOM_OTHER`)).status, 409)
    assert.equal((await api.ask('DELETE', `${path}/CUSTOM_FPGA_2`)).status, 204)
    assert.equal((await api.ask('DELETE', `${path}/VCPU`)).status, 400)
  })

  it('answers allocation candidates in the form of each version', async () => {
    const api = await start()
    const host = await made(api, { VCPU: { total: 4 }, MEMORY_MB: { total: 64 } })
    const vf = await made(api, { SRIOV_NET_VF: { total: 2 } }, host)
    await api.client.setTraits(host, ['COMPUTE_NODE'])
    const ask = (query: string, version = '1.39') => api.ask('GET', `/allocation_candidates?${query}`, { version })
    const oldest = (await ask('resources=VCPU:1', '1.10')).body
    assert.deepEqual(oldest, {
      allocation_requests: [{ allocations: [{ resource_provider: { uuid: host }, resources: { VCPU: 1 } }] }],
      provider_summaries: { [host]: { resources: { VCPU: { capacity: 4, used: 0 } } } },
    })
    const newest = (await ask('resources=VCPU:1&resources_N=SRIOV_NET_VF:1&required=COMPUTE_NODE')).body
    assert.deepEqual(newest.allocation_requests, [
      {
        allocations: { [host]: { resources: { VCPU: 1 } }, [vf]: { resources: { SRIOV_NET_VF: 1 } } },
        mappings: { '': [host], _N: [vf] },
      },
    ])
    assert.deepEqual(newest.provider_summaries[vf], {
      resources: { SRIOV_NET_VF: { capacity: 2, used: 0 } },
      traits: [],
      parent_provider_uuid: host,
      root_provider_uuid: host,
    })
    assert.deepEqual(Object.keys(newest.provider_summaries[host].resources), ['MEMORY_MB', 'VCPU'])
    assert.deepEqual((await ask('resources=VCPU:1,SRIOV_NET_VF:1', '1.28')).body.allocation_requests, [])
    assert.deepEqual((await ask('resources=VCPU:5')).body, { allocation_requests: [], provider_summaries: {} })
    const [found] = newest.allocation_requests
    const body = { ...allocation(host, {}), ...found }
    assert.equal((await api.ask('PUT', `/allocations/${uuid()}`, { body })).status, 204)
    assert.equal((await ask('resources=SRIOV_NET_VF:2')).body.allocation_requests.length, 0)
  })

  it('refuses candidates that are asked for wrongly', async () => {
    const api = await start()
    const cases: [query: string, version: string, status: number][] = [
      ['', '1.39', 400],
      ['resources=VCPU:0', '1.39', 400],
      ['resources=VCPU', '1.39', 400],
      ['resources=NO_SUCH:1', '1.39', 400],
      ['resources=VCPU:1&required=CUSTOM_NONE', '1.39', 400],
      ['resources=VCPU:1&required=COMPUTE_NODE,!COMPUTE_NODE', '1.39', 400],
      ['resources=VCPU:1&required=COMPUTE_NODE', '1.16', 400],
      ['resources=VCPU:1&required=in:COMPUTE_NODE,OWNER_NOVA', '1.38', 400],
      ['resources=VCPU:1&required=in:COMPUTE_NODE,OWNER_NOVA', '1.39', 200],
      ['resources=VCPU:1&required=COMPUTE_NODE&required=OWNER_NOVA', '1.38', 400],
      ['resources=VCPU:1&required=COMPUTE_NODE&required=OWNER_NOVA', '1.39', 200],
      ['resources=VCPU:1&root_required=in:COMPUTE_NODE', '1.39', 400],
      ['resources=VCPU:1&root_required=COMPUTE_NODE', '1.35', 200],
      ['resources=VCPU:1&limit=0', '1.39', 400],
      ['resources=VCPU:1&limit=1', '1.15', 400],
      ['resources=VCPU:1&member_of=x', '1.39', 400],
      ['resources=VCPU:1&in_tree=x', '1.39', 400],
      ['resources1=VCPU:1', '1.24', 400],
      ['resources1=VCPU:1', '1.25', 200],
      ['resources_A=VCPU:1', '1.32', 400],
      ['resources_A=VCPU:1', '1.33', 200],
      ['resources_A=VCPU:1&resources_B=VCPU:1', '1.39', 400],
      ['resources_A=VCPU:1&resources_B=VCPU:1&group_policy=some', '1.39', 400],
      ['resources_A=VCPU:1&resources_B=VCPU:1&group_policy=isolate', '1.39', 200],
      ['resources=VCPU:1&required_A=COMPUTE_NODE', '1.39', 400],
      ['resources=VCPU:1&required_A=COMPUTE_NODE&same_subtree=_A', '1.39', 200],
      ['resources=VCPU:1&same_subtree=_B', '1.39', 400],
      ['required_A=COMPUTE_NODE&same_subtree=_A', '1.39', 400],
      ['resources=VCPU:1&colour=red', '1.39', 400],
    ]
    for (const [query, version, status] of cases) {
      const answer = await api.ask('GET', `/allocation_candidates?${query}`, { version })
      assert.equal(answer.status, status, `${version} ${query} ${JSON.stringify(answer.body)}`)
    }
  })

  it('reshapes inventories and allocations at once', async () => {
    const api = await start()
    const root = await made(api, { VCPU: { total: 8 }, DISK_GB: { total: 10 } })
    const numa = await made(api, {}, root)
    const server = uuid()
    await api.ask('PUT', `/allocations/${server}`, { body: allocation(root, { VCPU: 4 }) })
    const reshape = (generation: number, vcpus: number) => ({
      inventories: {
        [root]: { inventories: { DISK_GB: { total: 10 } }, resource_provider_generation: generation },
        [numa]: { inventories: { VCPU: { total: 8 } }, resource_provider_generation: 0 },
      },
      allocations: { [server]: allocation(numa, { VCPU: vcpus }, { consumer_generation: 1 }) },
    })
    const ask = (body: object) => api.ask('POST', '/reshaper', { as: 'service', body })
    assert.equal((await ask(reshape(1, 4))).status, 409)
    assert.equal((await ask(reshape(2, 9))).status, 409)
    assert.deepEqual(await api.client.usages(root), { DISK_GB: 0, VCPU: 4 })
    assert.equal((await ask(reshape(2, 4))).status, 204)
    assert.deepEqual(await api.client.usages(root), { DISK_GB: 0 })
    assert.deepEqual(await api.client.usages(numa), { VCPU: 4 })
    assert.deepEqual(await miscounted(api.placement), [])
  })
})
