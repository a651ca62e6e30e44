// What was done to servers, as users and admins read it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Fault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { tables } from '@kilonova/compute/compute'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import { ServerWorld } from './server-world.ts'

interface Action {
  action: string
  request_id: string
  user_id: string | null
  project_id: string | null
  message: string | null
  updated_at?: string
}

interface Event {
  event: string
  result: string | null
  traceback?: string | null
  details?: string | null
  host?: string
  hostId?: string
}

interface Page {
  instanceActions: Action[]
  links?: { rel: string; href: string }[]
}

const version = (number: string) => ({ 'openstack-api-version': `compute ${number}` })

describe('the actions of a server', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud()
    id = await createServer(fake)
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  const path = (server = id) => `/compute/v2.1/servers/${server}/os-instance-actions`
  const page = (query = '', server = id) => fake.demo.ask<Page>({ path: `${path(server)}${query}` })
  const list = async (server = id) => (await page('', server)).instanceActions
  const act = (body: object) => fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })

  /** Asks for an action; answers the id that the reply's header gives the request. */
  const requestIdOf = async (body: object): Promise<string> => {
    const reply = await fetch(`${fake.cloud.url}/compute/v2.1/servers/${id}/action`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': await fake.token('demo') },
      body: JSON.stringify(body),
    })
    assert.equal(reply.status, 202)
    return reply.headers.get('x-openstack-request-id')!
  }

  const shown = async (client: ApiClient, server: string, request: string, at = '2.96') => {
    const asked = { path: `${path(server)}/${request}`, headers: version(at) }
    return (await client.ask<{ instanceAction: Action & { events?: Event[] } }>(asked)).instanceAction
  }

  it('seed-8.5.21-1: begin with a reboot that was just asked for, under the id of its request', async () => {
    const requestId = await requestIdOf({ reboot: { type: 'SOFT' } })
    await settledServer(fake, id)
    const [newest] = await list()
    assert.deepEqual([newest?.action, newest?.request_id, newest?.message], ['reboot', requestId, null])
    const { events } = await shown(fake.demo, id, requestId)
    const [event, ...others] = events!
    assert.deepEqual([event?.event, event?.result, others], ['compute_reboot_instance', 'Success', []])
  })

  it('seed-8.5.21-2: say of a failure that it is one, and why to admins alone', async () => {
    const flavor = { name: 'too-large', ram: 64, vcpus: 1, disk: 1_000_000 }
    const asked = { method: 'POST' as const, path: '/compute/v2.1/flavors', body: { flavor } }
    const made = await fake.admin.ask<{ flavor: { id: string } }>(asked)
    const failed = await createServer(fake, { flavorRef: made.flavor.id })
    assert.equal((await settledServer(fake, failed)).status, 'ERROR')
    const [{ message, request_id: request } = assert.fail('no action')] = await list(failed)
    assert.equal(message, 'Error')
    const why = /No valid host was found/
    const [seen] = (await shown(fake.admin, failed, request)).events!
    assert.deepEqual([seen?.event, seen?.result], ['schedule_instances', 'Error'])
    assert.match(seen?.traceback ?? '', why)
    assert.match(seen?.details ?? '', why)
    assert.equal('details' in (await shown(fake.admin, failed, request, '2.83')).events![0]!, false)
    const [own] = (await shown(fake.demo, failed, request)).events!
    const { finish_time: _, start_time: __, ...told } = own as Event & Record<string, string>
    assert.deepEqual(told, { event: 'schedule_instances', result: 'Error', hostId: seen?.hostId })
    assert.equal('events' in (await shown(fake.demo, failed, request, '2.50')), false)
  })

  it('seed-8.5.21-4: are walked whole in pages of one, each with the link to the next', async () => {
    const all = await list()
    assert.ok(all.length >= 2)
    const walked: Action[] = []
    for (let query: string | undefined = '?limit=1'; query !== undefined; ) {
      const { instanceActions, links = [] } = await page(query)
      assert.ok(instanceActions.length <= 1)
      walked.push(...instanceActions)
      const next = links.find(({ rel }) => rel === 'next')
      if (instanceActions.length === 0) assert.equal(next, undefined)
      query = next && new URL(next.href).search
    }
    assert.deepEqual(walked, all)
  })

  it('seed-8.5.21-5: know nothing of what was refused', async () => {
    await act({ lock: null })
    const before = await list()
    for (const body of [{ 'os-stop': null }, { reboot: { type: 'HARD' } }, { pause: null }])
      await assert.rejects(act(body), ({ status, message }: Fault) => status === 409 && /is locked/.test(message))
    assert.deepEqual(await list(), before)
    await act({ unlock: null })
  })

  it('outlive it, for those who ask by 2.21 or newer', async () => {
    const before = await list()
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    const after = await list()
    assert.deepEqual(after.slice(1), before)
    assert.equal(after[0]?.action, 'delete')
    await assert.rejects(
      fake.demo.ask({ path: path(), headers: version('2.20') }),
      ({ status }: Fault) => status === 404,
    )
  })
})

it('seed-8.5.21-3: a stop because the guest went off by itself is a stop, asked for by nobody', async () => {
  const world = await ServerWorld.open({ powerSync: true })
  try {
    await world.startTasks()
    const id = await world.build()
    const host = await world.hostOf(id)
    host.hypervisor.incident(id, 'poweroff')
    await world.run(world.restartHosts())
    await world.run(world.clock.sleep(60_000))
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'stopped')
    const actions = await tables(world.compute)
      .selectFrom('compute_instance_actions')
      .select(['action', 'request_id', 'user_id', 'project_id', 'message'])
      .where('server_id', '=', id)
      .orderBy('id')
      .execute()
    const [create, stop, ...others] = actions
    assert.deepEqual([create?.action, others], ['create', []])
    const { request_id: request, ...what } = stop!
    assert.deepEqual(what, { action: 'stop', user_id: null, project_id: null, message: null })
    assert.match(request, /^req-/)
    assert.notEqual(request, create?.request_id)
  } finally {
    await world.close()
  }
})
