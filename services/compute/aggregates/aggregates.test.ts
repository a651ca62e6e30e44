import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { memoryStore } from '@kilonova/store/testing'
import { availabilityZoneRoutes } from '../availability-zones/routes.ts'
import { reportHost } from '../conductor/report-host.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { serviceRoutes } from '../services/routes.ts'
import type { ApiUnderTest, Reply } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { aggregateRoutes } from './routes.ts'

interface World extends ApiUnderTest {
  /** Asks as admin at the newest version unless told. */
  call(request: string, body?: unknown, version?: string): Promise<Reply>
  nodes: Record<string, string>
  placementOf(host: string): Promise<string[]>
}

async function withHosts(hosts: string[], work: (world: World) => Promise<void>): Promise<void> {
  const store = await memoryStore(placementSchema, computeSchema)
  const { client: placement } = createPlacementService({ store })
  const routes = [...aggregateRoutes, ...availabilityZoneRoutes, ...serviceRoutes]
  const api = await startApi(routes, { store, parts: { placement } })
  const nodes: Record<string, string> = {}
  try {
    for (const host of hosts) {
      const inventory = await inventoryOf(host)
      await reportHost(api.compute, { host, inventory })
      nodes[host] = inventory.uuid
    }
    const call = (request: string, body?: unknown, version = '2.104') =>
      api.ask(request.replace(' ', ' /v2.1/'), { as: 'admin', version, ...(body === undefined ? {} : { body }) })
    const placementOf = async (host: string): Promise<string[]> => {
      const rows = await store
        .as<{ placement_provider_aggregates: { provider_id: string; aggregate_id: string } }>()
        .selectFrom('placement_provider_aggregates')
        .select('aggregate_id')
        .where('provider_id', '=', nodes[host]!)
        .orderBy('aggregate_id')
        .execute()
      return rows.map(({ aggregate_id }) => aggregate_id)
    }
    await work({ ...api, call, nodes, placementOf })
  } finally {
    await api.close()
  }
}

const sentence = (reply: Reply): [number, string] => [
  reply.status,
  Object.values(reply.body as Record<string, { message: string }>)[0]!.message,
]

async function make({ call }: World, name: string, zone?: string): Promise<{ id: number; uuid: string }> {
  const aggregate = { name, ...(zone === undefined ? {} : { availability_zone: zone }) }
  return (await call('POST os-aggregates', { aggregate })).body.aggregate
}
const add = ({ call }: World, id: number, host: string) =>
  call(`POST os-aggregates/${id}/action`, { add_host: { host } })
const remove = ({ call }: World, id: number, host: string) =>
  call(`POST os-aggregates/${id}/action`, { remove_host: { host } })
const set = ({ call }: World, id: number, metadata: object) =>
  call(`POST os-aggregates/${id}/action`, { set_metadata: { metadata } })

test('an aggregate is made, shown by version, changed and removed', () =>
  withHosts(['h1'], async (world) => {
    const { call } = world
    const made = await call('POST os-aggregates', { aggregate: { name: 'a', availability_zone: 'london' } }, '2.40')
    const fresh = {
      id: 1,
      name: 'a',
      availability_zone: 'london',
      created_at: '2023-11-14T22:13:20.000000',
      updated_at: null,
      deleted: false,
      deleted_at: null,
    }
    assert.deepEqual([made.status, made.body], [200, { aggregate: fresh }])
    const whole = { ...fresh, hosts: [], metadata: { availability_zone: 'london' } }
    assert.deepEqual((await call('GET os-aggregates/1', undefined, '2.40')).body, { aggregate: whole })
    const { uuid, ...rest } = (await call('GET os-aggregates/1', undefined, '2.41')).body.aggregate
    assert.match(uuid, /^[0-9a-f-]{36}$/)
    assert.deepEqual(rest, whole)
    const updated = (await call('PUT os-aggregates/1', { aggregate: { name: ' b ', availability_zone: 'paris' } })).body
    assert.deepEqual(
      [updated.aggregate.name, updated.aggregate.availability_zone, updated.aggregate.updated_at],
      ['b', 'paris', '2023-11-14T22:13:20.000000'],
    )
    assert.deepEqual((await set(world, 1, { ssd: 'true', gone: 'x' })).body.aggregate.metadata, {
      availability_zone: 'paris',
      gone: 'x',
      ssd: 'true',
    })
    assert.deepEqual((await set(world, 1, { gone: null })).body.aggregate.metadata, {
      availability_zone: 'paris',
      ssd: 'true',
    })
    assert.equal((await call('GET os-aggregates')).body.aggregates.length, 1)
    assert.equal((await call('DELETE os-aggregates/1')).status, 200)
    assert.deepEqual((await call('GET os-aggregates')).body, { aggregates: [] })
  }))

test('an aggregate refuses what is not right', () =>
  withHosts(['h1'], async (world) => {
    const { call, ask } = world
    await make(world, 'a')
    await make(world, 'b')
    assert.deepEqual(sentence(await call('POST os-aggregates', { aggregate: { name: 'a' } })), [
      409,
      'Aggregate a already exists.',
    ])
    assert.deepEqual(sentence(await call('PUT os-aggregates/2', { aggregate: { name: 'a' } })), [
      409,
      'Aggregate a already exists.',
    ])
    assert.equal((await call('PUT os-aggregates/2', { aggregate: { name: 'b' } })).status, 200)
    for (const body of [
      { name: 'c', availability_zone: 'a:b' },
      { name: 'c', availability_zone: '' },
      { name: ' c' },
      { name: 'c', colour: 'red' },
    ])
      assert.equal((await call('POST os-aggregates', { aggregate: body })).status, 400, JSON.stringify(body))
    assert.equal((await call('PUT os-aggregates/1', { aggregate: {} })).status, 400)
    assert.equal((await call('PUT os-aggregates/1', { aggregate: { name: ' ' } })).status, 400)
    assert.equal((await set(world, 1, { availability_zone: '' })).status, 400)
    assert.equal((await set(world, 1, { 'a/b': 'c' })).status, 400)
    assert.equal((await call('GET os-aggregates/x')).status, 400)
    for (const [method, path, body] of [
      ['GET', '9', undefined],
      ['PUT', '9', { aggregate: { name: 'z' } }],
      ['DELETE', '9', undefined],
      ['POST', '9/action', { add_host: { host: 'h1' } }],
      ['POST', '9/action', { remove_host: { host: 'h1' } }],
      ['POST', '9/action', { set_metadata: { metadata: {} } }],
    ] as const)
      assert.deepEqual(sentence(await call(`${method} os-aggregates/${path}`, body)), [
        404,
        'Aggregate 9 could not be found.',
      ])
    assert.equal((await ask('GET /v2.1/os-aggregates')).status, 403)
  }))

test('hosts come and go, and placement is told', () =>
  withHosts(['h1', 'h2'], async (world) => {
    const [a, b] = [await make(world, 'a'), await make(world, 'b')]
    assert.deepEqual((await add(world, a.id, 'h1')).body.aggregate.hosts, ['h1'])
    await add(world, b.id, 'h1')
    assert.deepEqual(await world.placementOf('h1'), [a.uuid, b.uuid].toSorted())
    assert.deepEqual(await world.placementOf('h2'), [])
    assert.deepEqual(sentence(await add(world, a.id, 'h1')), [409, `Aggregate ${a.id} already has host h1.`])
    assert.deepEqual(sentence(await add(world, a.id, 'h9')), [404, 'Compute host h9 could not be found.'])
    assert.deepEqual(sentence(await remove(world, a.id, 'h2')), [404, `Aggregate ${a.id} has no host h2.`])
    assert.deepEqual(sentence(await world.call(`DELETE os-aggregates/${a.id}`)), [
      400,
      `Cannot delete aggregate ${a.id}. Reason: Host aggregate is not empty`,
    ])
    assert.deepEqual((await remove(world, a.id, 'h1')).body.aggregate.hosts, [])
    assert.deepEqual(await world.placementOf('h1'), [b.uuid])
  }))

test('a host that reports anew is put right in placement', () =>
  withHosts(['h1'], async (world) => {
    const { id, uuid } = await make(world, 'a')
    await add(world, id, 'h1')
    await world.compute.placement.setAggregates(world.nodes['h1']!, [])
    const inventory = { ...(await inventoryOf('h1')), uuid: world.nodes['h1']! }
    await reportHost(world.compute, { host: 'h1', inventory })
    assert.deepEqual(await world.placementOf('h1'), [uuid])
  }))

test('a host is in one zone', () =>
  withHosts(['h1', 'h2'], async (world) => {
    const { call } = world
    const [z1, z2, plain] = [await make(world, 'a', 'z1'), await make(world, 'b', 'z2'), await make(world, 'c')]
    await add(world, z1.id, 'h1')
    assert.deepEqual(sentence(await add(world, z2.id, 'h1')), [
      409,
      `Cannot add host to aggregate ${z2.id}. Reason: One or more hosts already in availability zone(s) z1`,
    ])
    assert.equal((await add(world, plain.id, 'h1')).status, 200)
    assert.deepEqual(sentence(await set(world, plain.id, { availability_zone: 'z2' })), [
      400,
      `Cannot update metadata of aggregate ${plain.id}. Reason: One or more hosts already in availability zone(s) z1`,
    ])
    assert.equal((await call(`PUT os-aggregates/${plain.id}`, { aggregate: { availability_zone: 'z2' } })).status, 400)
    assert.equal((await set(world, plain.id, { availability_zone: 'z1' })).status, 200)
    assert.equal((await add(world, z2.id, 'h2')).status, 200)
  }))

test('the zone of servers does not change under them', () =>
  withHosts(['h1', 'h2'], async (world) => {
    const { call, compute } = world
    const [z1, z2] = [await make(world, 'a', 'z1'), await make(world, 'b', 'z2')]
    await add(world, z1.id, 'h1')
    await addServer(compute, { host: 'h1' })
    await addServer(compute, { host: 'h2' })
    assert.deepEqual(sentence(await add(world, z2.id, 'h2')), [
      409,
      `Cannot add host to aggregate ${z2.id}. Reason: The host cannot be added to the aggregate as the availability ` +
        "zone of the host would change from 'nova' to 'z2' but the host already has 1 instance(s).",
    ])
    assert.deepEqual((await call(`GET os-aggregates/${z2.id}`)).body.aggregate.hosts, [])
    assert.equal((await remove(world, z1.id, 'h1')).status, 409)
    const renamed = await call(`PUT os-aggregates/${z1.id}`, { aggregate: { availability_zone: 'z9' } })
    assert.deepEqual(sentence(renamed), [
      400,
      `Cannot update aggregate ${z1.id}. Reason: One or more hosts contain instances in this zone`,
    ])
    assert.equal((await set(world, z1.id, { availability_zone: 'z9' })).status, 400)
    assert.equal((await set(world, z1.id, { availability_zone: 'z1', ssd: 'yes' })).status, 200)
  }))

test('zones are listed from aggregates, and services show theirs', () =>
  withHosts(['h1', 'h2'], async (world) => {
    const { call } = world
    await add(world, (await make(world, 'a', 'z1')).id, 'h1')
    const zones = async (path = '') =>
      (await call(`GET os-availability-zone${path}`)).body.availabilityZoneInfo as {
        zoneName: string
        hosts: object | null
      }[]
    assert.deepEqual(
      (await zones()).map(({ zoneName }) => zoneName),
      ['nova', 'z1'],
    )
    assert.deepEqual(
      (await zones('/detail')).map(({ zoneName, hosts }) => [zoneName, Object.keys(hosts ?? {})]),
      [
        ['nova', ['h2']],
        ['z1', ['h1']],
      ],
    )
    const { services } = (await call('GET os-services')).body as {
      services: { host: string; zone: string; id: string }[]
    }
    assert.deepEqual(
      services.map(({ host, zone }) => [host, zone]),
      [
        ['h1', 'z1'],
        ['h2', 'nova'],
      ],
    )
    assert.equal((await call(`DELETE os-services/${services[0]!.id}`)).status, 204)
    assert.deepEqual((await call('GET os-aggregates')).body.aggregates[0].hosts, [])
  }))

test('a disabled host is marked in placement', () =>
  withHosts(['h1'], async ({ call, compute, nodes }) => {
    const traits = async () => (await compute.placement.summaries([nodes['h1']!])).get(nodes['h1']!)!.traits
    const inventory = { ...(await inventoryOf('h1')), uuid: nodes['h1']! }
    assert.ok(!(await traits()).includes('COMPUTE_STATUS_DISABLED'))
    const [{ id }] = (await call('GET os-services')).body.services
    await call(`PUT os-services/${id}`, { status: 'disabled' })
    assert.ok((await traits()).includes('COMPUTE_STATUS_DISABLED'))
    await reportHost(compute, { host: 'h1', inventory })
    assert.ok((await traits()).includes('COMPUTE_STATUS_DISABLED'))
    await call(`PUT os-services/${id}`, { status: 'enabled' })
    assert.ok(!(await traits()).includes('COMPUTE_STATUS_DISABLED'))
    await reportHost(compute, { host: 'h1', inventory })
    assert.ok(!(await traits()).includes('COMPUTE_STATUS_DISABLED'))
  }))
