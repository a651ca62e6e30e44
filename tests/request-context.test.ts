// One request's id wherever the request was: reply, action, notification, and the log of every part.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openLog } from '@kilonova/base/log'
import type { ConductorMethods } from '@kilonova/compute/agent/conductor-protocol'
import { CONDUCTOR_TOPIC } from '@kilonova/compute/agent/conductor-protocol'
import { POWER } from '@kilonova/compute/agent/power-state'
import { tables } from '@kilonova/compute/compute'
import type { FakeCloud } from './fake-cloud.ts'
import { settledServer, startFakeCloud } from './fake-cloud.ts'
import { Ears } from './notification-ears.ts'
import { ServerWorld } from './server-world.ts'

interface Line {
  part: string
  request_id?: string
  global_request_id?: string
  topic?: string
}

const SENT = 'req-01234567-89ab-4cde-8f01-23456789abcd'

interface Action {
  action: string
  request_id: string
  user_id: string | null
  project_id: string | null
}

describe('the context of a request', () => {
  let fake: FakeCloud
  let ears: Ears
  let directory: string
  let flush: () => void

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-log-'))
    flush = openLog({ file: join(directory, 'log'), level: 'debug' })
    fake = await startFakeCloud({ config: '[notifications]\ndriver = ["messaging", "log"]\n' })
    ears = await Ears.on(fake)
  })
  after(async () => {
    await fake?.stop()
    openLog({ level: 'silent' })
    await rm(directory, { recursive: true, force: true })
  })

  async function lines(): Promise<Line[]> {
    flush()
    const text = await readFile(join(directory, 'log'), 'utf8')
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }

  /** Boots a server; answers its id and the request id of the reply. */
  async function boot(headers: Record<string, string> = {}): Promise<{ id: string; requestId: string }> {
    const { image, flavor, network } = fake
    const server = { name: 'x', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
    const reply = await fetch(`${fake.cloud.url}/compute/v2.1/servers`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', 'x-auth-token': await fake.token('demo') },
        ...{ 'openstack-api-version': 'compute 2.96', ...headers },
      },
      body: JSON.stringify({ server }),
    })
    assert.equal(reply.status, 202)
    const { id } = ((await reply.json()) as { server: { id: string } }).server
    await settledServer(fake, id)
    return { id, requestId: reply.headers.get('x-openstack-request-id')! }
  }

  it('seed-8.5.8-1: has one id in the reply, the action, notifications and every log', async () => {
    const { id, requestId } = await boot()
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.demo.ask<{ instanceActions: Action[] }>({ path })
    assert.deepEqual(
      instanceActions.map(({ action, request_id }) => [action, request_id]),
      [['create', requestId]],
    )
    const ended = await ears.hear('compute.instance.create.end', id)
    assert.equal(ended._context_request_id, requestId)
    const own = (await lines()).filter(({ request_id }) => request_id === requestId)
    const parts = new Set(own.map(({ part }) => part))
    for (const part of ['api', 'tasks', 'compute.scheduler', 'bus'])
      assert.ok(parts.has(part), `${part}: ${[...parts]}`)
    assert.ok(
      own.some(({ part, topic }) => part === 'bus' && topic?.startsWith('compute.')),
      'the host',
    )
  })

  it('seed-8.5.8-3: passes on the id that was sent as the global one, and answers with one of its own', async () => {
    const { id, requestId } = await boot({ 'x-openstack-request-id': SENT })
    assert.match(requestId, /^req-/)
    assert.notEqual(requestId, SENT)
    const ended = await ears.hear('compute.instance.create.end', id)
    assert.deepEqual([ended._context_request_id, ended._context_global_request_id], [requestId, SENT])
    const host = (await lines()).filter(({ part, topic }) => part === 'bus' && topic?.startsWith('compute.'))
    assert.ok(host.some((line) => line.request_id === requestId && line.global_request_id === SENT))
  })

  it('writes notifications into the log when asked to', async () => {
    const sent = (await lines()).filter(({ part }) => part === 'notifications')
    assert.ok(sent.length >= ears.all.length)
  })
})

describe('the context of periodic work', () => {
  it('seed-8.5.8-2: is of no user and no project, with an id of its own', async () => {
    const world = await ServerWorld.open()
    try {
      await world.startTasks()
      const id = await world.build()
      const host = world.hosts.find(({ name }) => name === 'fake-1')!
      host.hypervisor.incident(id, 'poweroff')
      const conductor = world.bus.remote<ConductorMethods>(CONDUCTOR_TOPIC)
      await world.run(conductor.guestEvent({ host: host.name, id, powerState: POWER.SHUTDOWN }))
      await world.run(world.settled(id))
      assert.equal((await world.row(id)).vm_state, 'stopped')
      const actions = await tables(world.compute)
        .selectFrom('compute_instance_actions')
        .selectAll()
        .orderBy('id')
        .execute()
      const [create, stop] = actions as Action[]
      assert.deepEqual([stop!.action, stop!.user_id, stop!.project_id], ['stop', null, null])
      assert.match(stop!.request_id, /^req-/)
      assert.notEqual(stop!.request_id, create!.request_id)
    } finally {
      await world.close()
    }
  })
})
