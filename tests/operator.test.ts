// The operator's API against a whole cloud on fake hosts: who may ask, and what it tells of servers and tasks.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { CloudStatus } from '@kilonova/cloud/operator/status'
import type { TaskView } from '@kilonova/cloud/operator/task-view'
import type { Explanation } from '@kilonova/compute/explain/explanation'
import { taskKind } from '@kilonova/tasks/saga'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const nobodys = taskKind<{ id: string }>('test.nobodys', { resource: ({ id }) => ({ type: 'test', id }) })

describe("the operator's API", () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ hosts: 2 })
  })
  after(() => fake.stop())

  const tasks = async (query: string): Promise<TaskView[]> =>
    (await fake.admin.ask<{ tasks: TaskView[] }>({ path: `/kilonova/v1/tasks?${query}` })).tasks
  const explain = (server: string): Promise<Explanation> =>
    fake.admin.ask<Explanation>({ path: `/kilonova/v1/servers/${encodeURIComponent(server)}/explain` })

  const asked: [method: string, path: string][] = [
    ['GET', '/v1/status'],
    ['GET', '/v1/tasks'],
    ['GET', '/v1/tasks/steps'],
    ['POST', '/v1/tasks/some/retry'],
    ['GET', '/v1/audit'],
    ['GET', '/v1/servers/some/explain'],
    ['POST', '/v1/purge'],
  ]
  for (const [method, path] of asked) {
    it(`refuses ${method} ${path} to everybody but admins`, async () => {
      const url = `${fake.cloud.url}/kilonova${path}`
      const body = method === 'POST' ? { body: '{"before":"2026-01-01"}' } : {}
      const headers = { 'content-type': 'application/json' }
      const stranger = await fetch(url, { method, headers, ...body })
      assert.equal(stranger.status, 401)
      await assert.rejects(
        fake.demo.ask({
          method: method as 'GET',
          path: `/kilonova${path}`,
          ...(method === 'POST' ? { body: { before: '2026-01-01' } } : {}),
        }),
        (refused) => isFault(refused) && refused.status === 403,
      )
    })
  }

  it('says what runs, in numbers', async () => {
    const id = await createServer(fake, { name: 'counted' })
    await settledServer(fake, id)
    const status = await fake.admin.ask<CloudStatus>({ path: '/kilonova/v1/status' })
    assert.deepEqual(status.roles, ['api', 'conductor', 'agent'])
    assert.deepEqual(
      status.hosts.map(({ host, state, status: enabled }) => [host, state, enabled]),
      [
        ['fake-1', 'up', 'enabled'],
        ['fake-2', 'up', 'enabled'],
      ],
    )
    assert.equal(status.servers['ACTIVE'], 1)
    assert.equal(
      status.hosts.reduce((sum, { servers }) => sum + servers, 0),
      1,
    )
    assert.deepEqual([status.images, status.networks], [1, 2])
    assert.deepEqual(status.tasks, { live: 0, stuck: 0 })
    assert.equal(status.libvirt_uri, null)
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  })

  it('explains a server that runs by its name, and one that was deleted by its id', async () => {
    const id = await createServer(fake, { name: 'well / done' })
    await settledServer(fake, id)
    const { server, host, operation, advice } = await explain('well / done')
    assert.deepEqual([server.id, server.status, host?.up], [id, 'ACTIVE', true])
    assert.deepEqual([operation?.name, operation?.state], ['server.build', 'done'])
    assert.ok(operation!.steps.every(({ outcome }) => outcome === 'done'))
    assert.deepEqual(advice, ['Nothing: all is well with it.'])
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    const gone = await explain(id)
    assert.deepEqual([gone.server.status, gone.operation?.name], ['DELETED', 'server.delete'])
  })

  it('explains why no host took a server', async () => {
    const flavor = { name: 'huge', vcpus: 4096, ram: 64, disk: 1 }
    const made = await fake.admin.ask<{ flavor: { id: string } }>({
      method: 'POST',
      path: '/compute/v2.1/flavors',
      body: { flavor },
    })
    const quota = { quota_set: { cores: -1 } }
    const { projectId } = fake.demo
    await fake.admin.ask({ method: 'PUT', path: `/compute/v2.1/os-quota-sets/${projectId}`, body: quota })
    const id = await createServer(fake, { name: 'too-big', flavorRef: made.flavor.id })
    assert.equal((await settledServer(fake, id)).status, 'ERROR')
    const told = await explain('too-big')
    assert.equal(told.operation?.error?.code, 'NoValidHost')
    assert.deepEqual(
      told.placement?.map(({ filter, hosts }) => [filter, hosts]),
      [['resources', 2]],
    )
    assert.match(told.placement![0]!.nearest!, /asks for 4096 VCPU, a host has \d+/)
    assert.match(told.advice.join('\n'), /smaller flavor/)
  })

  it('names the nearest when it finds none', async () => {
    await assert.rejects(explain('too-bgi'), (error) => {
      assert.ok(isFault(error))
      assert.match(error.mend!, /too-big/)
      return error.status === 404
    })
  })

  it('lists tasks by what they are about, and lets only a stuck one be retried', async () => {
    const id = await createServer(fake, { name: 'listed' })
    await settledServer(fake, id)
    const [build, ...more] = await tasks(`resource_type=server&resource_id=${id}`)
    assert.deepEqual([build?.name, build?.state, more.length], ['server.build', 'done', 0])
    assert.deepEqual(await tasks(`live=true&resource_type=server&resource_id=${id}`), [])
    const retry = (task: string) => fake.admin.ask({ method: 'POST', path: `/kilonova/v1/tasks/${task}/retry` })
    await assert.rejects(retry(build!.id), (error) => isFault(error) && error.status === 409)
    await assert.rejects(retry('none'), (error) => isFault(error) && error.status === 404)
  })

  it('lists one that nobody can run as live', async () => {
    const { tasks: engine, store } = fake.cloud.parts
    const id = await engine.enqueue(nobodys, { input: { id: 'x' }, context: makeContext() })
    assert.deepEqual(
      (await tasks('live=true')).map((task) => task.id),
      [id],
    )
    await store.as<{ tasks: { id: string } }>().deleteFrom('tasks').where('id', '=', id).execute()
  })

  it('lets a stuck one go on', async () => {
    const { tasks: engine, store } = fake.cloud.parts
    const id = await engine.enqueue(nobodys, { input: { id: 'y' }, context: makeContext() })
    const row = store.as<{ tasks: { id: string; state: string; holds: string | null; due_at: number | null } }>()
    await row.updateTable('tasks').set({ state: 'stuck', holds: null, due_at: null }).where('id', '=', id).execute()
    assert.deepEqual(
      (await tasks('stuck=true')).map((task) => [task.id, task.state]),
      [[id, 'stuck']],
    )
    assert.deepEqual((await fake.admin.ask<CloudStatus>({ path: '/kilonova/v1/status' })).tasks, { live: 0, stuck: 1 })
    const path = `/kilonova/v1/tasks/${id}/retry`
    const { task } = await fake.admin.ask<{ task: TaskView }>({ method: 'POST', path })
    assert.equal(task.state, 'running')
    assert.deepEqual(await tasks('stuck=true'), [])
    await row.deleteFrom('tasks').where('id', '=', id).execute()
  })

  it('refuses questions that it does not know', async () => {
    const refused = (path: string) =>
      assert.rejects(fake.admin.ask({ path }), (error) => isFault(error) && error.status === 400)
    await refused('/kilonova/v1/tasks?live=perhaps')
    await refused('/kilonova/v1/tasks?state=done')
    await refused('/kilonova/v1/tasks?resource_type=server')
  })

  it('names every step there is', async () => {
    const { steps } = await fake.admin.ask<{ steps: string[] }>({ path: '/kilonova/v1/tasks/steps' })
    assert.ok(steps.includes('server.build.guest') && steps.includes('server.build.guest.undo'))
  })

  it('removes what ended before a date', async () => {
    const purge = (before: Date) =>
      fake.admin.ask<{ purged: Record<string, number> }>({
        method: 'POST',
        path: '/kilonova/v1/purge',
        body: { before: before.toISOString() },
      })
    assert.deepEqual((await purge(new Date('2020-01-01'))).purged, { tasks: 0, servers: 0, actions: 0 })
    const { purged } = await purge(new Date('2100-01-01'))
    assert.ok(purged['tasks']! >= 5 && purged['servers']! >= 2 && purged['actions']! >= 1)
    assert.equal((await explain('listed')).operation, null)
  })
})
