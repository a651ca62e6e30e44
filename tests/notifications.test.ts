// What a whole cloud tells of its servers, as an operator configures it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FakeCloud } from './fake-cloud.ts'
import { addImage, createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import type { Heard } from './notification-ears.ts'
import { Ears } from './notification-ears.ts'

const UPDATE = 'compute.instance.update'

/** The work in a cloud that is configured so, with ears on its bus. */
async function hearing(options: string, work: (fake: FakeCloud, ears: Ears) => Promise<void>): Promise<void> {
  const fake = await startFakeCloud({ config: `[notifications]\ndriver = ["messaging"]\n${options}\n` })
  try {
    const ears = await Ears.on(fake)
    await work(fake, ears)
    await ears.close()
  } finally {
    await fake.stop()
  }
}

const server = (id: string): string => `/compute/v2.1/servers/${id}`

async function rename({ demo }: FakeCloud, id: string, name: string): Promise<void> {
  await demo.ask({ method: 'PUT', path: server(id), body: { server: { name } } })
}

async function remove(fake: FakeCloud, id: string, ears: Ears): Promise<void> {
  await fake.demo.ask({ method: 'DELETE', path: server(id) })
  await goneServer(fake, id)
  await ears.hear('compute.instance.delete.end', id)
}

const types = (heard: readonly Heard[]): string[] => heard.map(({ event_type }) => event_type)
const taskStates = ({ payload }: Heard): unknown[] => [payload.old_task_state, payload.new_task_state]
const states = ({ payload }: Heard): unknown[] => [payload.old_state, payload.state]

describe('notifications', () => {
  it('seed-8.5.4-1: without the option a life sends start and end messages and no update', () =>
    hearing('', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      await rename(fake, id, 'renamed')
      await remove(fake, id, ears)
      assert.deepEqual(types(ears.of(id)), [
        'compute.instance.create.start',
        'compute.instance.create.end',
        'compute.instance.delete.start',
        'compute.instance.shutdown.start',
        'compute.instance.shutdown.end',
        'compute.instance.delete.end',
      ])
      const [start, end] = ears.of(id)
      assert.equal(start!.payload.state, 'building')
      assert.equal(start!.payload.state_description, 'networking')
      assert.equal(start!.publisher_id, `compute.${end!.payload.host}`)
      assert.equal(end!.payload.state, 'active')
      assert.equal(end!.payload.message, 'Success')
      assert.match(end!.payload.fixed_ips[0].address, /^10\./)
      assert.equal(ears.of(id, 'compute.instance.delete.end')[0]!.payload.state, 'deleted')
    }))

  it('seed-8.5.4-2: with vm_and_task_state a boot tells its walk through the states in order', () =>
    hearing('notify_on_state_change = "vm_and_task_state"', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      await ears.hear('compute.instance.create.end', id)
      const updates = ears.of(id, UPDATE)
      const moves = updates.filter((heard) => {
        const [[from, to], [was, is]] = [taskStates(heard), states(heard)]
        return from !== to || was !== is
      })
      assert.deepEqual(
        moves.map((heard) => [...states(heard), ...taskStates(heard)]),
        [
          [null, 'building', null, null],
          ['building', 'building', 'scheduling', null],
          ['building', 'building', null, 'networking'],
          ['building', 'building', 'networking', 'block_device_mapping'],
          ['building', 'building', 'block_device_mapping', 'spawning'],
          ['building', 'active', 'spawning', null],
        ],
      )
      assert.match(updates[0]!.publisher_id, /^conductor\./)
      assert.equal(updates.at(-1)!.publisher_id, `compute.${updates.at(-1)!.payload.host}`)
      const { audit_period_beginning: beginning, audit_period_ending: ending } = updates.at(-1)!.payload
      assert.match(beginning, /-01T00:00:00.000000$/)
      assert.ok(beginning <= ending)
    }))

  it('seed-8.5.4-3: with vm_state no change of the task state alone is told, a rename is with the old name', () =>
    hearing('notify_on_state_change = "vm_state"', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      await rename(fake, id, 'renamed')
      await remove(fake, id, ears)
      const updates = ears.of(id, UPDATE)
      for (const heard of updates) {
        const [from, to] = taskStates(heard)
        const [was, is] = states(heard)
        assert.ok(from === to || was !== is, JSON.stringify(heard))
      }
      assert.ok(updates.some((heard) => states(heard).join() === 'building,active'))
      const named = updates.filter(({ payload }) => 'old_display_name' in payload)
      assert.deepEqual(
        named.map(({ payload }) => [payload.old_display_name, payload.display_name, payload.old_state, payload.state]),
        [['test', 'renamed', 'active', 'active']],
      )
    }))

  it('seed-8.5.4-4: in both formats each is told once on each topic, with the same server and states', () =>
    hearing('notify_on_state_change = "vm_and_task_state"\nnotification_format = "both"', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      await remove(fake, id, ears)
      await ears.hear('instance.delete.end', id)
      const unversioned = ears.of(id).filter(({ topic }) => topic === 'notifications')
      const versioned = ears.of(id).filter(({ topic }) => topic === 'versioned_notifications')
      assert.deepEqual(
        versioned.map(({ event_type }) => `compute.${event_type}`),
        types(unversioned),
      )
      const data = versioned.map(({ payload }) => payload['nova_object.data'])
      assert.deepEqual(
        data.map(({ state, task_state }) => [state, task_state ?? '']),
        unversioned.map(({ payload }) => [payload.state, payload.state_description]),
      )
      const updates = data.flatMap(({ state_update }) => (state_update ? [state_update['nova_object.data']] : []))
      const plain = ears.of(id, UPDATE).map(({ payload }) => payload)
      assert.deepEqual(
        updates.map(({ old_state, state, old_task_state, new_task_state }) => [
          ...[old_state, state, old_task_state, new_task_state],
        ]),
        plain.map(({ old_state, state, old_task_state, new_task_state }) => [
          ...[old_state, state, old_task_state, new_task_state],
        ]),
      )
    }))

  it('tells of tags and locks whatever the option says', () =>
    hearing('notification_format = "versioned"', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      await fake.demo.ask({ method: 'PUT', path: `${server(id)}/tags`, body: { tags: ['one'] } })
      const body = { lock: { locked_reason: 'mine' } }
      await fake.demo.ask({ method: 'POST', path: `${server(id)}/action`, body })
      await fake.demo.ask({ method: 'POST', path: `${server(id)}/action`, body: { unlock: null } })
      const unlocked = await ears.hear('instance.unlock', id)
      const tagged = await ears.hear('instance.update', id)
      const locked = await ears.hear('instance.lock', id)
      assert.deepEqual(tagged.payload['nova_object.data'].tags, ['one'])
      assert.match(tagged.publisher_id, /^nova-api:/)
      const about = ({ payload }: Heard) => [
        payload['nova_object.data'].locked,
        payload['nova_object.data'].locked_reason,
      ]
      assert.deepEqual(
        [about(locked), about(unlocked)],
        [
          [true, 'mine'],
          [false, null],
        ],
      )
    }))

  it('tells of a build for which there is no host, each notification under an id of its own', () =>
    hearing('notification_format = "both"', async (fake, ears) => {
      const flavor = { name: 'huge', ram: 1_000_000, vcpus: 1, disk: 1 }
      const { flavor: made } = await fake.admin.ask<{ flavor: { id: string } }>({
        ...{ method: 'POST', path: '/compute/v2.1/flavors', body: { flavor } },
      })
      const as = { ...fake, demo: fake.admin, flavor: made.id }
      await fake.admin.ask({
        ...{ method: 'PUT', path: `/compute/v2.1/os-quota-sets/${fake.admin.projectId}` },
        body: { quota_set: { ram: -1 } },
      })
      const id = await createServer(as)
      assert.equal((await settledServer(as, id)).status, 'ERROR')
      const told = await ears.hear('compute_task.build_instances')
      assert.equal(told.priority, 'ERROR')
      assert.deepEqual([told.payload.instance_id, told.payload.state], [id, 'error'])
      assert.match(told.payload.reason, /No valid host/)
      const { payload } = await ears.hear('compute_task.build_instances.error')
      assert.equal(payload['nova_object.data'].reason['nova_object.data'].exception, 'NoValidHost')
      assert.deepEqual(ears.of(id, 'compute.instance.create.start'), [])
      assert.equal(new Set(ears.all.map(({ message_id }) => message_id)).size, ears.all.length)
    }))

  it('tells of moves, with the flavor that the server shall have, and of one without a host', () =>
    hearing('notification_format = "both"\n[compute]\nallow_resize_to_same_host = true', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      const act = async (body: object) => {
        await fake.admin.ask({ method: 'POST', path: `${server(id)}/action`, body })
        await settledServer(fake, id)
      }
      await act({ resize: { flavorRef: '84' } })
      await act({ revertResize: null })
      await act({ resize: { flavorRef: '84' } })
      await act({ confirmResize: null })
      await act({ migrate: null })
      const failed = await ears.hear('compute_task.migrate_server.error')
      assert.equal(failed.payload['nova_object.data'].reason['nova_object.data'].exception, 'NoValidHost')
      const prepared = (await ears.hear('instance.resize_prep.start', id)).payload['nova_object.data']
      assert.equal(prepared.new_flavor['nova_object.data'].flavorid, '84')
      await ears.hear('compute.instance.resize.confirm.end', id)
      const both = (name: string) => [`instance.${name}.start`, `instance.${name}.end`]
      const resized = ['resize_prep', 'resize', 'resize_finish'].flatMap(both)
      assert.deepEqual(
        types(ears.of(id)).filter((type) => /^instance\.resize/.test(type)),
        [...resized, ...both('resize_revert'), ...resized, ...both('resize_confirm')],
      )
    }))

  it('tells of rescue and rebuild from their start to their end', () =>
    hearing('notification_format = "both"', async (fake, ears) => {
      const id = await createServer(fake)
      await settledServer(fake, id)
      const other = await addImage(fake)
      const act = (body: object) => fake.demo.ask({ method: 'POST', path: `${server(id)}/action`, body })
      await act({ rescue: { rescue_image_ref: other } })
      await settledServer(fake, id)
      await act({ unrescue: null })
      await settledServer(fake, id)
      await act({ rebuild: { imageRef: other } })
      await settledServer(fake, id)
      const rescued = await ears.hear('instance.rescue.end', id)
      assert.equal(rescued.payload['nova_object.data'].rescue_image_ref, other)
      assert.equal(rescued.payload['nova_object.data'].state, 'rescued')
      await ears.hear('compute.instance.rebuild.end', id)
      const work = types(ears.of(id)).filter((type) => /^instance\.(un)?rescue|^instance\.rebuild/.test(type))
      const both = (name: string) => [`instance.${name}.start`, `instance.${name}.end`]
      const rebuilt = ['instance.rebuild_scheduled', ...both('rebuild')]
      assert.deepEqual(work, [...both('rescue'), ...both('unrescue'), ...rebuilt])
      assert.equal((await ears.hear('instance.rebuild.end', id)).payload['nova_object.data'].image_uuid, other)
    }))
})
