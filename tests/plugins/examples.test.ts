// The plug-ins of docs/modify, as their pages say.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { act } from '../asked-server.ts'
import type { FakeCloud, ShownServer } from '../fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from '../fake-cloud.ts'

const EXAMPLES = join(import.meta.dirname, '../../docs/modify/examples')
const modules = (name: string): string => `[plugins]\nmodules = ["${join(EXAMPLES, name)}"]\n`

async function hostOf(fake: FakeCloud, id: string): Promise<string | undefined> {
  await settledServer(fake, id)
  const { server } = await fake.admin.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${id}` })
  return server['OS-EXT-SRV-ATTR:host']
}

describe('the filter RackFilter', () => {
  let fake: FakeCloud
  before(async () => {
    const config = `${modules('rack.ts')}[rack]\nrack_weight_multiplier = 100.0\n[compute]\nenabled_filters = ["RackFilter"]\n`
    fake = await startFakeCloud({ hosts: 3, config })
    for (const number of [1, 2]) {
      const post = <T>(path: string, body: object): Promise<T> =>
        fake.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/os-aggregates${path}`, body })
      const made = await post<{ aggregate: { id: number } }>('', { aggregate: { name: `rack ${number}` } })
      const path = `/${made.aggregate.id}/action`
      await post(path, { set_metadata: { metadata: { rack: `r${number}` } } })
      await post(path, { add_host: { host: `fake-${number}` } })
    }
  })
  after(() => fake?.stop())

  it('seed-8.5.12-1: places a server where an aggregate has its rack, and refuses all other hosts', async () => {
    for (const number of [1, 2]) {
      const id = await createServer(fake, { metadata: { rack: `r${number}` } })
      assert.equal(await hostOf(fake, id), `fake-${number}`)
    }
    const { status, fault } = await settledServer(fake, await createServer(fake, { metadata: { rack: 'r3' } }))
    assert.equal(status, 'ERROR')
    assert.match(
      fault!.message,
      /^No valid host was found\. .*RackFilter removed 3 \(fake-\d: it is in rack .+, not r3\)/,
    )
  })

  it('seed-8.5.12-2: a shelved server comes back to the rack that it was made for, whatever its metadata say by then', async () => {
    const id = await createServer(fake, { metadata: { rack: 'r2' } })
    assert.equal(await hostOf(fake, id), 'fake-2')
    const path = `/compute/v2.1/servers/${id}/metadata`
    await fake.demo.ask({ method: 'PUT', path, body: { metadata: { rack: 'r1' } } })
    await act(fake.demo, id, { shelve: null })
    assert.equal((await settledServer(fake, id)).status, 'SHELVED_OFFLOADED')
    await act(fake.demo, id, { unshelve: null })
    assert.equal(await hostOf(fake, id), 'fake-2')
  })

  it('seed-8.5.12-2: a server that is resized or migrated stays in its rack', async () => {
    const { admin } = fake
    const path = '/compute/v2.1/os-aggregates'
    const { aggregates } = await admin.ask<{ aggregates: { id: number; name: string }[] }>({ path })
    const id = await createServer(fake, { metadata: { rack: 'r2' } })
    assert.equal(await hostOf(fake, id), 'fake-2')
    const second = aggregates.find(({ name }) => name === 'rack 2')!.id
    const change = (body: object) => admin.ask({ method: 'POST', path: `${path}/${second}/action`, body })
    const moves = [{ resize: { flavorRef: '84' } }, { migrate: null }]
    for (const move of moves) {
      await act(admin, id, move)
      assert.equal(await hostOf(fake, id), 'fake-2', 'no other host is in the rack')
    }
    await change({ add_host: { host: 'fake-3' } })
    for (const move of moves) {
      await act(admin, id, move)
      assert.equal(await hostOf(fake, id), 'fake-3', 'fake-1 is in another rack')
      await act(admin, id, { revertResize: null })
      assert.equal(await hostOf(fake, id), 'fake-2')
    }
    await change({ remove_host: { host: 'fake-3' } })
  })

  it('seed-8.5.12-2: a server that is evacuated stays in the rack that it was made for', async () => {
    const { admin } = fake
    const path = '/compute/v2.1/os-aggregates'
    const { aggregates } = await admin.ask<{ aggregates: { id: number; name: string }[] }>({ path })
    const second = aggregates.find(({ name }) => name === 'rack 2')!.id
    const change = (body: object) => admin.ask({ method: 'POST', path: `${path}/${second}/action`, body })
    const force = (down: boolean) =>
      admin.ask({
        ...{ method: 'PUT', path: '/compute/v2.1/os-services/force-down' },
        body: { host: 'fake-2', binary: 'nova-compute', forced_down: down },
        headers: { 'openstack-api-version': 'compute 2.11' },
      })
    const id = await createServer(fake, { metadata: { rack: 'r2' } })
    assert.equal(await hostOf(fake, id), 'fake-2')
    const metadata = { rack: 'r1' }
    await fake.demo.ask({ method: 'PUT', path: `/compute/v2.1/servers/${id}/metadata`, body: { metadata } })
    await force(true)
    await act(admin, id, { evacuate: {} })
    assert.equal(await hostOf(fake, id), 'fake-2', 'no other host is in the rack, whatever its metadata say by now')
    await change({ add_host: { host: 'fake-3' } })
    await act(admin, id, { evacuate: {} })
    assert.equal(await hostOf(fake, id), 'fake-3', 'fake-1 is in another rack')
    await change({ remove_host: { host: 'fake-3' } })
    await force(false)
  })

  it('seed-8.5.12-3: a server without metadata passes it, and its weigher ranks', async () => {
    assert.equal(await hostOf(fake, await createServer(fake)), 'fake-3')
  })
})

describe('names of filters and weighers that there are none of', () => {
  const rows: [config: string, why: RegExp][] = [
    [
      'enabled_filters = ["ComputeFilter", "RackFilter"]',
      /enabled_filters: Scheduler Host Filter RackFilter could not be/,
    ],
    ['enabled_filters = ["ComputFilter"]', /nearest valid one is ComputeFilter$/],
    ['weight_classes = ["RAMWeighter"]', /weight_classes: Scheduler Host Weigher RAMWeighter .* one is RAMWeigher$/],
  ]
  for (const [config, why] of rows)
    it(`are refused at the start: ${config}`, () =>
      assert.rejects(startFakeCloud({ config: `[compute]\n${config}\n` }), (error) => {
        assert.ok(isFault(error, 'ConfigUnusable'), String(error))
        assert.match(error.message, why)
        return true
      }))
})

describe('the action acme:blink', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ config: modules('blink.ts') })
  })
  after(() => fake?.stop())

  it('stops a guest for a moment, and is shown among what was done', async () => {
    const id = await createServer(fake)
    await settledServer(fake, id)
    await act(fake.demo, id, { 'acme:blink': null })
    const tasks = fake.cloud.parts.tasks
    for (const task of await tasks.list({ resource: { type: 'server', id }, live: true })) await tasks.ended(task.id)
    const { status, 'OS-EXT-STS:power_state': power } = await settledServer(fake, id)
    assert.deepEqual([status, power], ['ACTIVE', 1])
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.demo.ask<{ instanceActions: { action: string; request_id: string }[] }>({
      path,
    })
    assert.deepEqual(
      instanceActions.map(({ action }) => action),
      ['acme_blink', 'create'],
    )
    const { instanceAction } = await fake.demo.ask<{ instanceAction: { events: { event: string; result: string }[] } }>(
      { path: `${path}/${instanceActions[0]!.request_id}` },
    )
    const [{ event, result } = {}] = instanceAction.events
    assert.deepEqual([event, result], ['compute_acme_blink', 'Success'])
  })

  it('refuses a server that cannot be paused, and leaves no trace', async () => {
    const id = await createServer(fake)
    await settledServer(fake, id)
    await act(fake.demo, id, { 'os-stop': null })
    await settledServer(fake, id)
    await assert.rejects(act(fake.demo, id, { 'acme:blink': null }), (error) => isFault(error) && error.status === 409)
    const { instanceActions } = await fake.demo.ask<{ instanceActions: unknown[] }>({
      path: `/compute/v2.1/servers/${id}/os-instance-actions`,
    })
    assert.equal(instanceActions.length, 2)
  })
})
