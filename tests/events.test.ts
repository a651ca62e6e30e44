// GET /events of a whole cloud: what a project hears of its servers as it happens.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { EventReader } from './event-reader.ts'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

describe('the stream of events', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud()
  })
  after(() => fake?.stop())

  const open = (who: 'admin' | 'demo', asked?: { query?: string; after?: string }) => EventReader.open(fake, who, asked)

  const remove = (id: string) => fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })

  it('tells the life of a server, each event from where the one before ended', async () => {
    const reader = await open('demo')
    const id = await createServer(fake)
    await settledServer(fake, id)
    const path = `/compute/v2.1/servers/${id}`
    await fake.demo.ask({ method: 'PUT', path, body: { server: { name: 'renamed' } } })
    await remove(id)
    const last = await reader.hear((event) => event.event === 'server.delete')
    const heard = reader.all
    assert.equal(heard[0]!.event, 'server.create')
    assert.deepEqual([last.data.server_id, last.data.state, last.data.task_state], [id, 'deleted', null])
    for (const [index, { data }] of heard.entries()) {
      const [state, task] =
        index === 0 ? [null, null] : [heard[index - 1]!.data.state, heard[index - 1]!.data.task_state]
      assert.deepEqual([data.old_state, data.old_task_state], [state, task])
    }
    assert.ok(heard.some(({ data }) => data.changed.includes('name')))
    assert.ok(heard.some(({ data }) => data.changed.includes('addresses')))
    assert.match(heard[0]!.data.request_id, /^req-/)
    await reader.close()
  })

  it('goes on after the event that was seen last', async () => {
    const reader = await open('demo')
    const id = await createServer(fake)
    await settledServer(fake, id)
    const active = await reader.hear(({ data }) => data.state === 'active')
    const untilActive = ({ all }: EventReader) => {
      const ids = all.map((event) => event.id)
      return ids.slice(0, ids.indexOf(active.id) + 1)
    }
    const known = untilActive(reader)
    const again = await open('demo', { after: known[1]! })
    await again.hear((event) => event.id === active.id)
    assert.deepEqual(untilActive(again), known.slice(2))
    await remove(id)
    await goneServer(fake, id)
    await again.hear((event) => event.event === 'server.delete')
    await reader.close()
    await again.close()
  })

  it('is of the own project, for admins of all if they ask', async () => {
    const [own, all] = [await open('admin'), await open('admin', { query: '?all_tenants=1' })]
    const id = await createServer(fake)
    await all.hear(({ event, data }) => event === 'server.create' && data.server_id === id)
    await settledServer(fake, id)
    const { project_id } = (await all.hear(({ data }) => data.state === 'active')).data
    assert.equal(project_id, fake.demo.projectId)
    await createServer({ ...fake, demo: fake.admin })
    const first = await own.hear(() => true)
    assert.equal(first.data.project_id, fake.admin.projectId)
    await assert.rejects(open('demo', { query: '?all_tenants=1' }), /403/)
    await assert.rejects(open('demo', { after: 'yesterday' }), /400/)
    await own.close()
    await all.close()
  })

  it('ends when its token is revoked', async () => {
    const reader = await open('demo')
    await fake.demo.ask({
      method: 'DELETE',
      path: '/identity/v3/auth/tokens',
      headers: { 'x-subject-token': reader.token },
    })
    await createServer({ ...fake, demo: fake.admin })
    await reader.end()
  })
})
