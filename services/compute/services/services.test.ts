import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { memoryStore } from '@kilonova/store/testing'
import { reportHost } from '../conductor/report-host.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ApiUnderTest, Asked } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer, inventoryOf } from '../testing-rows.ts'
import { reportService } from './report.ts'
import { serviceRoutes } from './routes.ts'

const NOW = '2023-11-14T22:13:20.000000'

/** A conductor, and a compute host that placement knows. */
async function withHost(work: (api: ApiUnderTest & { nodeId: string }) => Promise<void>): Promise<void> {
  const store = await memoryStore(placementSchema, computeSchema)
  const { client: placement } = createPlacementService({ store })
  const api = await startApi(serviceRoutes, { store, parts: { placement } })
  try {
    await reportService(api.compute, { host: 'c1', binary: 'nova-conductor' })
    const inventory = await inventoryOf('h1')
    await reportHost(api.compute, { host: 'h1', inventory })
    await work({ ...api, nodeId: inventory.uuid })
  } finally {
    await api.close()
  }
}

const admin = (version: string, body?: unknown): Asked => ({ as: 'admin', version, body })
const list = async (api: ApiUnderTest, version = '2.104', query = '') =>
  (await api.ask(`GET /v2.1/os-services${query}`, admin(version))).body.services
const computeOf = async (api: ApiUnderTest) => (await list(api, '2.104', '?binary=nova-compute'))[0]

test('services by version, with filters', () =>
  withHost(async (api) => {
    const conductor = {
      id: 1,
      binary: 'nova-conductor',
      host: 'c1',
      zone: 'internal',
      status: 'enabled',
      state: 'up',
      updated_at: NOW,
      disabled_reason: null,
    }
    const compute = { ...conductor, id: 2, binary: 'nova-compute', host: 'h1', zone: 'nova' }
    assert.deepEqual(await list(api, '2.10'), [conductor, compute])
    assert.deepEqual((await list(api, '2.11'))[1], { ...compute, forced_down: false })
    const newest = (await list(api))[1]
    assert.match(newest.id, /^[0-9a-f-]{36}$/)
    assert.deepEqual(newest, { ...compute, id: newest.id, forced_down: false })
    assert.deepEqual(await list(api, '2.10', '?binary=nova-compute'), [compute])
    assert.deepEqual(await list(api, '2.10', '?host=c1'), [conductor])
    assert.equal((await api.ask('GET /v2.1/os-services?colour=red', admin('2.75'))).status, 400)
    assert.equal((await api.ask('GET /v2.1/os-services')).status, 403)
  }))

test('a service is down when it has not reported for service_down_time', () =>
  withHost(async (api) => {
    await api.clock.advance(60_000)
    assert.equal((await computeOf(api)).state, 'up')
    await api.clock.advance(1)
    assert.equal((await computeOf(api)).state, 'down')
    await reportService(api.compute, { host: 'h1', binary: 'nova-compute' })
    assert.equal((await computeOf(api)).state, 'up')
  }))

describe('updates up to 2.52', () => {
  const which = { host: 'h1', binary: 'nova-compute' }
  const put = (api: ApiUnderTest, action: string, body: object, version = '2.52') =>
    api.ask(`PUT /v2.1/os-services/${action}`, admin(version, { ...which, ...body }))

  test('disable, disable with a reason, enable', () =>
    withHost(async (api) => {
      const disabled = await put(api, 'disable', {}, '2.1')
      assert.deepEqual(disabled.body, { service: { ...which, status: 'disabled' } })
      assert.deepEqual((await computeOf(api)).status, 'disabled')
      const logged = await put(api, 'disable-log-reason', { disabled_reason: 'rust' })
      assert.deepEqual(logged.body, { service: { ...which, status: 'disabled', disabled_reason: 'rust' } })
      assert.deepEqual((await computeOf(api)).disabled_reason, 'rust')
      assert.deepEqual((await put(api, 'enable', {})).body, { service: { ...which, status: 'enabled' } })
      const { status, disabled_reason } = await computeOf(api)
      assert.deepEqual([status, disabled_reason], ['enabled', null])
    }))

  test('force-down from 2.11 on', () =>
    withHost(async (api) => {
      assert.equal((await put(api, 'force-down', {}, '2.10')).body.itemNotFound.message, 'Unknown action')
      const forced = await put(api, 'force-down', { forced_down: 'true' }, '2.11')
      assert.deepEqual(forced.body, { service: { ...which, forced_down: true } })
      const { state, forced_down } = await computeOf(api)
      assert.deepEqual([state, forced_down], ['down', true])
    }))

  test('wrong input', () =>
    withHost(async (api) => {
      assert.equal((await put(api, 'explode', {})).body.itemNotFound.message, 'Unknown action')
      const missing = await put(api, 'disable-log-reason', {})
      assert.equal(missing.body.badRequest.message, 'Missing disabled reason field')
      const elsewhere = await put(api, 'disable', { host: 'h2' })
      assert.equal(elsewhere.body.itemNotFound.message, 'Could not find binary nova-compute on host h2.')
      assert.equal((await put(api, 'disable', { forced_down: true }, '2.10')).status, 400)
    }))
})

describe('updates from 2.53 on', () => {
  const put = (api: ApiUnderTest, id: string, body: object, version = '2.53') =>
    api.ask(`PUT /v2.1/os-services/${id}`, admin(version, body))

  test('status, reason and forced_down', () =>
    withHost(async (api) => {
      const { id } = await computeOf(api)
      const disabled = await put(api, id, { status: 'disabled', disabled_reason: 'rust' })
      assert.deepEqual(disabled.body.service, {
        ...(await computeOf(api)),
        status: 'disabled',
        disabled_reason: 'rust',
      })
      assert.equal((await put(api, id, { forced_down: true })).body.service.state, 'down')
      const { status, forced_down, disabled_reason } = (await put(api, id, { status: 'enabled' })).body.service
      assert.deepEqual([status, forced_down, disabled_reason], ['enabled', true, null])
    }))

  test('wrong input', () =>
    withHost(async (api) => {
      const [conductor, { id }] = await list(api)
      const wrong: [string, object, string][] = [
        [id, {}, "No updates were requested. Fields 'status' or 'forced_down' should be specified."],
        [
          id,
          { status: 'enabled', disabled_reason: 'x' },
          "Specifying 'disabled_reason' when status is 'enabled' is invalid.",
        ],
        ['disable', { status: 'disabled' }, 'Invalid uuid disable'],
        [
          conductor.id,
          { status: 'disabled' },
          'Updating a nova-conductor service is not supported. Only nova-compute services can be updated.',
        ],
        [id, { host: 'h1' }, "Additional properties are not allowed ('host' was unexpected)"],
      ]
      for (const [which, body, message] of wrong) {
        assert.deepEqual((await put(api, which, body)).body, { badRequest: { code: 400, message } })
      }
      const unknown = '00000000-0000-0000-0000-000000000000'
      const missing = await put(api, unknown, { status: 'disabled' })
      assert.equal(missing.body.itemNotFound.message, `Service ${unknown} could not be found.`)
    }))
})

test('a compute service goes with its node and provider, once it has no servers', () =>
  withHost(async (api) => {
    const { id } = await computeOf(api)
    const remove = () => api.ask(`DELETE /v2.1/os-services/${id}`, admin('2.53'))
    const server = await addServer(api.compute, { host: 'h1' })
    const refused = {
      conflictingRequest: {
        code: 409,
        message: 'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
      },
    }
    assert.deepEqual((await remove()).body, refused)
    const servers = api.compute.store.as<{ compute_servers: { deleted_at: number } }>().updateTable('compute_servers')
    await servers.set({ deleted_at: 1 }).execute()

    const claim = { consumerId: server.id, projectId: 'p', userId: 'u', allocations: { [api.nodeId]: { VCPU: 1 } } }
    await api.compute.placement.claim(claim)
    assert.deepEqual((await remove()).body, refused)
    await api.compute.placement.release(server.id)

    assert.equal((await remove()).status, 204)
    assert.equal(await computeOf(api), undefined)
    assert.equal((await api.compute.placement.summaries([api.nodeId])).size, 0)
    assert.equal((await remove()).status, 404)
  }))

test('a service is deleted by its number up to 2.52', () =>
  withHost(async (api) => {
    const remove = (id: string) => api.ask(`DELETE /v2.1/os-services/${id}`, admin('2.52'))
    assert.equal((await remove('x')).status, 400)
    assert.equal((await remove('9')).body.itemNotFound.message, 'Service 9 could not be found.')
    assert.equal((await remove('1')).status, 204)
    assert.deepEqual((await list(api)).length, 1)
  }))

test('a host whose provider was deleted already still goes', () =>
  withHost(async (api) => {
    await api.compute.placement.deleteProvider(api.nodeId)
    const { id } = await computeOf(api)
    assert.equal((await api.ask(`DELETE /v2.1/os-services/${id}`, admin('2.53'))).status, 204)
  }))
