import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportService } from '../services/report.ts'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addHost } from '../testing-rows.ts'
import { availabilityZoneRoutes } from './routes.ts'

async function withApi(work: (api: ApiUnderTest) => Promise<void>): Promise<void> {
  const api = await startApi(availabilityZoneRoutes)
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const zones = async (api: ApiUnderTest, path = '', as: 'alice' | 'admin' = 'alice') =>
  (await api.ask(`GET /v2.1/os-availability-zone${path}`, { as })).body.availabilityZoneInfo

const nova = (available: boolean, hosts: object | null = null) => ({
  zoneName: 'nova',
  zoneState: { available },
  hosts,
})

test('users see the zones and whether they are available', () =>
  withApi(async (api) => {
    assert.deepEqual(await zones(api), [nova(false)])
    await addHost(api.compute, 'h1')
    assert.deepEqual(await zones(api), [nova(true)])
    assert.equal((await api.ask('GET /v2.1/os-availability-zone/detail')).status, 403)
  }))

test('admins see the services of each zone too', () =>
  withApi(async (api) => {
    await reportService(api.compute, { host: 'c1', binary: 'nova-conductor' })
    await api.clock.advance(60_001)
    await addHost(api.compute, 'h1')
    const internal = {
      zoneName: 'internal',
      zoneState: { available: true },
      hosts: {
        c1: { 'nova-conductor': { active: true, available: false, updated_at: '2023-11-14T22:13:20.000000' } },
      },
    }
    const hosts = {
      h1: { 'nova-compute': { active: true, available: true, updated_at: '2023-11-14T22:14:20.001000' } },
    }
    assert.deepEqual(await zones(api, '/detail', 'admin'), [internal, nova(true, hosts)])
    const services = api.compute.store.as<{ compute_services: { disabled: number; host: string } }>()
    await services.updateTable('compute_services').set({ disabled: 1 }).where('host', '=', 'h1').execute()
    assert.deepEqual(await zones(api, '/detail', 'admin'), [internal, nova(false)])
  }))
