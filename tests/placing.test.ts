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

const NEWEST = { 'openstack-api-version': 'compute 2.90' }

describe('placing servers', () => {
  let fake: FakeCloud
  let hosts: string[]
  before(async () => {
    const options = `enabled_filters = ${JSON.stringify(FILTERS)}\nquota_instances = -1\nquota_ram = -1`
    fake = await startFakeCloud({ hosts: 3, config: `[compute]\n${options}\n` })
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
      headers: NEWEST,
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

  const disable = async (host: string, off: boolean) => {
    const path = `/compute/v2.1/os-services/${off ? 'disable' : 'enable'}`
    const headers = { 'openstack-api-version': 'compute 2.1' }
    await fake.admin.ask({ method: 'PUT', path, headers, body: { host, binary: 'nova-compute' } })
  }

  it('seed-8.5.17-1 goes to the aggregate that its flavor asks for', async () => {
    await aggregate('fast', hosts[1]!, {}, { ssd: 'true' })
    const fast = await flavor('fast', { 'aggregate_instance_extra_specs:ssd': 'true' })
    for (let i = 0; i < 2; i++) assert.equal(await hostOf(await createServer(fake, { flavorRef: fast })), hosts[1])
  })

  const SPECS: [check: string, spec: string, finds: boolean][] = [
    ['seed-8.5.17-2: one of several values of an aggregate', 'b', true],
    ['seed-8.5.17-2: none of them', 'c', false],
    ['seed-8.5.17-3: a number that is large enough', '>= 4', true],
    ['seed-8.5.17-3: one that is not', '>= 7', false],
    ['seed-8.5.17-3: =, which is at least', '= 4', true],
    ['seed-8.5.17-4: one of several wanted', '<or> x <or> b', true],
    ['seed-8.5.17-5: a part', '<in> bc', true],
    ['a range', '<range-in> [ 1 6 ]', true],
  ]
  for (const [index, [check, spec, finds]] of SPECS.entries()) {
    it(check, async () => {
      if (index === 0) await aggregate('kinds', hosts[0]!, {}, { kind: 'a, b,6,xbcx' })
      const kind = await flavor(`kind ${index}`, { 'aggregate_instance_extra_specs:kind': spec })
      const server = await settledServer(fake, await createServer(fake, { flavorRef: kind }))
      assert.equal(server.status, finds ? 'ACTIVE' : 'ERROR')
      if (finds) assert.equal(await hostOf(server.id), hosts[0])
      else assert.match(server.fault!.message, /No host suits it: .*AggregateInstanceExtraSpecsFilter removed 3/)
    })
  }

  it('seed-8.5.17-6 finds no host when no aggregate has the key', async () => {
    const odd = await flavor('odd', { 'aggregate_instance_extra_specs:gpu': 'true' })
    const server = await settledServer(fake, await createServer(fake, { flavorRef: odd }))
    assert.equal(server.status, 'ERROR')
    assert.match(server.fault!.message, /^No valid host was found\. No host suits it: .*Filter removed 3/)
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
      300,
      async () => {
        const tasks = await fake.cloud.parts.tasks.list({ resource: { type: 'aggregate', id: String(id) } })
        return tasks.find(({ state }) => state !== 'running')
      },
      20,
    )
    assert.deepEqual([ended?.state, ended?.done], ['done', { hosts: { hosts: [hosts[0]], failed: {} } }])
  })

  describe('the one host that a request names', () => {
    const create = (parts: object) =>
      post<{ server: { id: string } }>('servers', {
        server: { name: 'n', imageRef: fake.image, flavorRef: fake.flavor, networks: 'none', ...parts },
      })
    const shown = async (parts: object): Promise<ShownServer> => {
      const { server } = await create(parts)
      await settledServer({ demo: fake.admin }, server.id)
      return (await fake.admin.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${server.id}` })).server
    }
    it('is taken', async () => {
      assert.equal((await shown({ host: hosts[1] }))['OS-EXT-SRV-ATTR:host'], hosts[1])
      const both = { host: hosts[0], hypervisor_hostname: hosts[0] }
      assert.equal((await shown(both))['OS-EXT-SRV-ATTR:host'], hosts[0])
    })

    it('is not taken when the filters do not let it pass; forced, it is', async () => {
      await disable(hosts[1]!, true)
      const refused = await shown({ host: hosts[1] })
      const forced = await shown({ availability_zone: `nova:${hosts[1]}` })
      await disable(hosts[1]!, false)
      assert.equal(refused.status, 'ERROR')
      assert.match(refused.fault!.message, /requested host removed 2 .*ComputeFilter removed 1/)
      assert.equal(forced['OS-EXT-SRV-ATTR:host'], hosts[1])
    })

    it('is named in one way, and is there', async () => {
      await assert.rejects(create({ host: hosts[0], availability_zone: `nova:${hosts[1]}` }), /mutually exclusive/)
      await assert.rejects(create({ host: hosts[0], hypervisor_hostname: hosts[1] }), /could not be found/)
      await assert.rejects(create({ host: 'nowhere' }), /Compute host nowhere could not be found/)
      await assert.rejects(create({ availability_zone: `nova:${hosts[0]}:${hosts[1]}` }), /could not be found/)
    })
  })

  describe('why there is no host', () => {
    interface Event {
      event: string
      result: string
      details: string | null
    }
    /** What the fault says, what the action's event says, and the kind that `explain` tells. */
    const told = async (id: string) => {
      const { status, fault } = await settledServer(fake, id)
      assert.equal(status, 'ERROR')
      const path = `/compute/v2.1/servers/${id}/os-instance-actions`
      const list = await fake.demo.ask<{ instanceActions: { request_id: string }[] }>({ path, headers: NEWEST })
      const action = await fake.admin.ask<{ instanceAction: { events: Event[] } }>({
        path: `${path}/${list.instanceActions[0]!.request_id}`,
        headers: NEWEST,
      })
      const event = action.instanceAction.events.find(({ result }) => result === 'Error')
      const explained = await fake.admin.ask<{ lack: string; advice: string[] }>({
        path: `/kilonova/v1/servers/${id}/explain`,
      })
      assert.equal(event?.details, fault!.message, 'the event says what the fault says')
      return { message: fault!.message, lack: explained.lack, advice: explained.advice[0] }
    }

    it('is no capacity where those that suit are full', async () => {
      const large = await post<{ flavor: { id: string } }>('flavors', {
        flavor: { name: 'large', ram: 200_000_000, vcpus: 1, disk: 1 },
      })
      const asked = { availability_zone: 'far', flavorRef: large.flavor.id }
      const { message, lack, advice } = await told(await createServer(fake, asked))
      assert.equal(lack, 'no_capacity')
      assert.match(message, /No host that suits it has room: of 3, AvailabilityZone removed 2 .*resources removed 1 \(/)
      assert.match(advice!, /smaller flavor/)
    })

    it('is a constraint where none suits, however large', async () => {
      const odd = await flavor('strange', { 'trait:CUSTOM_STRANGE': 'required' })
      const { message, lack, advice } = await told(await createServer(fake, { flavorRef: odd }))
      assert.equal(lack, 'constraint')
      assert.match(message, /No host suits it: of 3, traits and classes removed 3 \(fake-\d: it lacks CUSTOM_STRANGE\)/)
      assert.match(advice!, /asks for others/)
    })

    it('is a constraint where no host has such a thing', async () => {
      const odd = await flavor('with a lamp', { 'resources:CUSTOM_LAMP': '1' })
      const { message, lack } = await told(await createServer(fake, { flavorRef: odd }))
      assert.equal(lack, 'constraint')
      assert.match(message, /traits and classes removed 3 \(fake-\d: it lacks CUSTOM_LAMP\)/)
    })

    it('is no host up where none takes servers', async () => {
      for (const host of hosts) await disable(host, true)
      const { message, lack, advice } = await told(await createServer(fake))
      for (const host of hosts) await disable(host, false)
      assert.equal(lack, 'no_host_up')
      assert.match(message, /No compute host that it may go to is up and enabled: of 3, ComputeFilter removed 3 \(/)
      assert.match(advice!, /Bring up or enable/)
    })
  })
})
