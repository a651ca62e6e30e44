// Where servers go in a whole cloud: by aggregates, zones and server groups.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const FILTERS = [
  'ComputeFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'ServerGroupAntiAffinityFilter',
  'ServerGroupAffinityFilter',
  'AggregateInstanceExtraSpecsFilter',
]

describe('placing servers', () => {
  let fake: FakeCloud
  let hosts: string[]
  before(async () => {
    fake = await startFakeCloud({ hosts: 3, config: `[compute]\nenabled_filters = ${JSON.stringify(FILTERS)}\n` })
    const path = '/compute/v2.1/os-services?binary=nova-compute'
    const { services } = await fake.admin.ask<{ services: { host: string }[] }>({ path })
    hosts = services.map(({ host }) => host)
  })
  after(() => fake?.stop())

  const post = <T>(path: string, body: unknown): Promise<T> =>
    fake.admin.ask<T>({
      method: 'POST',
      path: `/compute/v2.1/${path}`,
      body,
      headers: { 'openstack-api-version': 'compute 2.90' },
    })
  const aggregate = async (name: string, host: string, parts: object, metadata: object = {}): Promise<number> => {
    const made = await post<{ aggregate: { id: number } }>('os-aggregates', { aggregate: { name, ...parts } })
    const { id } = made.aggregate
    await post(`os-aggregates/${id}/action`, { set_metadata: { metadata } })
    await post(`os-aggregates/${id}/action`, { add_host: { host } })
    return id
  }
  const flavor = async (name: string, extra_specs: Record<string, string>): Promise<string> => {
    const made = await post<{ flavor: { id: string } }>('flavors', { flavor: { name, ram: 64, vcpus: 1, disk: 1 } })
    await post(`flavors/${made.flavor.id}/os-extra_specs`, { extra_specs })
    return made.flavor.id
  }
  const hostOf = async (id: string): Promise<string | undefined> => {
    await settledServer(fake, id)
    const { server } = await fake.admin.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${id}` })
    return server['OS-EXT-SRV-ATTR:host']
  }

  it('seed-8.5.17-1 goes to the aggregate that its flavor asks for', async () => {
    await aggregate('fast', hosts[1]!, {}, { ssd: 'true' })
    const fast = await flavor('fast', { 'aggregate_instance_extra_specs:ssd': 'true' })
    for (let i = 0; i < 2; i++) assert.equal(await hostOf(await createServer(fake, { flavorRef: fast })), hosts[1])
  })

  it('seed-8.5.17-6 finds no host when no aggregate has the key', async () => {
    const odd = await flavor('odd', { 'aggregate_instance_extra_specs:gpu': 'true' })
    const server = await settledServer(fake, await createServer(fake, { flavorRef: odd }))
    assert.equal(server.status, 'ERROR')
    assert.match(server.fault!.message, /AggregateInstanceExtraSpecsFilter removed 3/)
  })

  it('stays in the zone that it names', async () => {
    await aggregate('far', hosts[2]!, { availability_zone: 'far' })
    assert.equal(await hostOf(await createServer(fake, { availability_zone: 'far' })), hosts[2])
    assert.notEqual(await hostOf(await createServer(fake, { availability_zone: 'nova' })), hosts[2])
    await assert.rejects(createServer(fake, { availability_zone: 'nowhere' }), /availability zone is not available/)
  })

  it('caches images on the hosts of an aggregate', async () => {
    const id = await aggregate('cached', hosts[0]!, {})
    await post(`os-aggregates/${id}/images`, { cache: [{ id: fake.image }] })
    const ended = await until(
      30,
      async () => {
        const tasks = await fake.cloud.parts.tasks.list({ resource: { type: 'aggregate', id: String(id) } })
        return tasks.find(({ state }) => state !== 'running')
      },
      20,
    )
    assert.deepEqual([ended?.state, ended?.done], ['done', { hosts: { hosts: [hosts[0]], failed: {} } }])
  })
})
