// How a server comes into being, and what is left when it does not.

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { perform } from '@kilonova/api/route'
import { EventReader } from './event-reader.ts'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { callByHand } from './server-commands.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

const opened: { close(): Promise<void> }[] = []
after(() => Promise.all(opened.map((one) => one.close())))

async function world(config = ''): Promise<ServerWorld> {
  const made = await ServerWorld.open({ config })
  opened.push(made)
  await made.startTasks()
  return made
}

async function cloud(config = ''): Promise<FakeCloud> {
  const fake = await startFakeCloud({ config })
  opened.push({ close: () => fake.stop() })
  return fake
}

/** The states that a server goes through, from its being asked for until it runs. */
async function walkOf(fake: FakeCloud): Promise<{ walk: string[]; last: ShownServer }> {
  const reader = await EventReader.open(fake, 'demo')
  const id = await createServer(fake)
  await reader.hear(({ data }) => data.state === 'active')
  const walk = reader.all.map(({ data }) => `${data.state}/${data.task_state}`)
  await reader.close()
  return { walk: walk.filter((step, index) => step !== walk[index - 1]), last: await showServer(fake, id) }
}

describe('a build', () => {
  it('seed-8.5.1-1: goes through its task states, and ends with the port active and its own', async () => {
    const fake = await cloud()
    const { walk, last } = await walkOf(fake)
    const order = ['scheduling', 'networking', 'block_device_mapping', 'spawning'].map((task) => `building/${task}`)
    assert.deepEqual(walk, [...order, 'active/null'])
    const shown = last as ShownServer & Record<string, unknown>
    assert.deepEqual([shown.status, shown['OS-EXT-STS:power_state']], ['ACTIVE', 1])
    assert.match(String(shown['OS-SRV-USG:launched_at']), /^\d{4}-/)
    const { ports } = await fake.demo.ask<{ ports: { status: string; device_owner: string }[] }>({
      path: `/network/v2.0/ports?device_id=${shown.id}`,
    })
    assert.deepEqual(
      ports.map(({ status, device_owner: owner }) => [status, owner]),
      [['ACTIVE', 'compute:nova']],
    )
  })

  it('seed-8.5.1-2: without the event of its port fails with all taken back, unless that is not fatal', async () => {
    for (const fatal of [true, false]) {
      const one = await world(`[compute]\nvif_plugging_timeout = 30\nvif_plugging_is_fatal = ${fatal}\n`)
      for (const host of one.hosts) host.losesPortReports = true
      const id = await one.build({ networks: [{ uuid: await one.privateNetwork() }] })
      const { vm_state: state, host } = await one.row(id)
      if (!fatal) {
        assert.equal(state, 'active')
        continue
      }
      assert.deepEqual([state, host], ['error', null])
      assert.match((await one.fault(id)).message, /Virtual Interface creation failed/)
      assert.deepEqual(await one.compute.network.portsOfDevice(id), [])
      assert.deepEqual(await one.compute.placement.allocationsOf(id), {})
      await assertWhole(one)
    }
  })

  it('waits for no port that its owner has turned off', async () => {
    const one = await world()
    const routes = one.network.api.routes
    await one.givePort()
    const off = routes.find(({ method, path }) => method === 'PUT' && path === '/v2.0/ports/:id')!
    const call = callByHand(one.context(), { params: { id: one.given! }, body: { port: { admin_state_up: false } } })
    await one.run(perform(off, one.network.api.deps, call))
    const id = await one.build({ networks: [{ port: one.given }] })
    assert.equal((await one.row(id)).vm_state, 'active')
  })

  it('seed-8.5.1-3: of a host that fails goes on elsewhere; where all fail it says how often it was tried', async () => {
    const one = await world()
    const [first, second] = one.hosts
    first!.weather.breakNext('start', 100)
    second!.weather.breakNext('start', 1)
    const failed = await one.build()
    assert.equal((await one.row(failed)).vm_state, 'error')
    assert.match((await one.fault(failed)).message, /^Exceeded maximum number of retries\./)
    second!.weather.breakNext('start', 0)
    const id = await one.build()
    const { vm_state: state, host } = await one.row(id)
    assert.deepEqual([state, host], ['active', 'fake-2'])
    assert.deepEqual(Object.keys(await one.compute.placement.allocationsOf(id)), [second!.nodeId])
    assert.deepEqual(await first!.storage.guests(), [])
    await assertWhole(one)
  })

  it('seed-8.5.1-4: of a flavor that no host can hold is accepted, and fails with the reason', async () => {
    const fake = await cloud('[fake]\nvcpus = 1\n')
    const id = await createServer(fake, { flavorRef: '5' })
    const { status, fault } = await settledServer(fake, id)
    assert.deepEqual([status, fault?.code], ['ERROR', 500])
    assert.match(fault!.message, /^No valid host was found\./)
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  })

  it('seed-8.5.1-5: that is deleted while its guest is made leaves nothing', async () => {
    const fake = await cloud('[fake]\nlatency = 40\n')
    const reader = await EventReader.open(fake, 'demo')
    const id = await createServer(fake)
    await reader.hear(({ data }) => data.task_state === 'spawning')
    await reader.close()
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    const { ports } = await fake.demo.ask<{ ports: unknown[] }>({ path: `/network/v2.0/ports?device_id=${id}` })
    const { allocations } = await fake.admin.ask<{ allocations: object }>({ path: `/placement/allocations/${id}` })
    assert.deepEqual([ports, allocations], [[], {}])
  })

  it('seed-8.5.1-6: is one action of the request that asked for it, with one event', async () => {
    const fake = await cloud()
    const server = { name: 'one', imageRef: fake.image, flavorRef: fake.flavor, networks: 'none' }
    const reply = await fake.demo.send({ method: 'POST', path: '/compute/v2.1/servers', body: { server } })
    const { id } = ((await reply.json()) as { server: { id: string } }).server
    await settledServer(fake, id)
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions: actions } = await fake.admin.ask<{
      instanceActions: { action: string; request_id: string }[]
    }>({ path })
    assert.deepEqual(
      actions.map(({ action, request_id: asked }) => [action, asked]),
      [['create', reply.headers.get('x-compute-request-id')]],
    )
    const { instanceAction } = await fake.admin.ask<{
      instanceAction: { events: { event: string; result: string }[] }
    }>({ path: `${path}/${actions[0]!.request_id}` })
    const events = instanceAction.events.map(({ event, result }) => [event, result])
    assert.deepEqual(events, [['compute__do_build_and_run_instance', 'Success']])
  })
})
