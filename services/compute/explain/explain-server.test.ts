import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { LocalBus } from '@kilonova/bus/local'
import { memoryStore } from '@kilonova/store/testing'
import { later, saga } from '@kilonova/tasks/saga'
import { taskSchema } from '@kilonova/tasks/schema'
import { Tasks } from '@kilonova/tasks/tasks'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addHost, addServer } from '../testing-rows.ts'
import { explainServer } from './explain-server.ts'

const removed = [{ filter: 'resources', hosts: 1, nearest: 'h1: 2 VCPU short (asks for 8 VCPU, free are 6)' }]

/** Ends as its input says. */
const trial = saga<{ id: string; how: 'well' | 'no-room' | 'naps' | 'sticks' }, object>('server.try', {
  resource: ({ id }) => ({ type: 'server', id }),
})
  .step('first', {
    do: () => 'made',
    undo: ({ input }) => {
      if (input.how === 'sticks') throw new Error('it will not go')
    },
  })
  .step('second', {
    do: ({ input }) => {
      if (input.how === 'naps') return later(3600, 'waits for a sign')
      if (input.how !== 'well') throw fault('NoValidHost', { lack: 'no_capacity', why: 'None is left.', removed })
    },
  })
  .end()

describe('explain', () => {
  let api: ApiUnderTest
  let compute: Compute
  before(async () => {
    const store = await memoryStore(taskSchema, computeSchema)
    const tasks = new Tasks({ store, owner: 'one', exclusive: true, undoTries: 1, sagas: [trial], deps: {} })
    api = await startApi([], { store, parts: { tasks, bus: new LocalBus() } })
    compute = api.compute
    await tasks.start()
  })
  after(async () => {
    await compute.tasks.stop(0)
    await api.close()
  })

  async function run(how: 'well' | 'no-room' | 'naps' | 'sticks', columns: Partial<ServerRow> = {}) {
    const row = await addServer(compute, columns)
    const context = makeContext({ requestId: `req-${how}` })
    const id = await compute.tasks.enqueue(trial, { input: { id: row.id, how }, context })
    await compute.tasks.idle()
    return { row, id }
  }

  it('tells the state, the host and the last operation step by step', async () => {
    await addHost(compute, 'h1')
    const { row, id } = await run('well', { display_name: 'web', host: 'h1' })
    const told = await explainServer(compute, 'web')
    const { server, host, operation } = told
    assert.deepEqual([server.id, server.name, server.status], [row.id, 'web', 'ACTIVE'])
    assert.deepEqual([host?.name, host?.up, host?.disabled_reason], ['h1', true, null])
    assert.deepEqual([operation?.id, operation?.state, operation?.request_id], [id, 'done', 'req-well'])
    assert.deepEqual(
      operation?.steps.map(({ step, outcome }) => `${step} ${outcome}`),
      ['first done', 'second done'],
    )
    assert.equal(server.since, operation?.ended_at)
    assert.deepEqual(told.advice, ['Nothing: all is well with it.'])
  })

  it('tells for a failed placement which filter removed how many hosts', async () => {
    const { row } = await run('no-room', { vm_state: 'error' })
    const told = await explainServer(compute, row.id)
    assert.deepEqual([told.placement, told.lack], [removed, 'no_capacity'])
    assert.equal(told.operation?.state, 'undone')
    assert.equal(told.operation?.error?.code, 'NoValidHost')
    assert.deepEqual(
      told.operation?.steps.map(({ step, direction, outcome }) => `${direction} ${step} ${outcome}`),
      ['do first done', 'do second failed', 'undo first undone'],
    )
    assert.match(told.advice.join('\n'), /smaller flavor/)
  })

  it('tells what one that naps waits for, and lets one that is stuck be retried', async () => {
    const naps = await run('naps', { vm_state: 'building' })
    const told = await explainServer(compute, naps.row.id)
    assert.deepEqual([told.operation?.state, told.operation?.reason], ['running', 'waits for a sign'])
    assert.equal(told.operation?.steps.at(-1)?.outcome, null)
    const stuck = await run('sticks', { vm_state: 'building' })
    await compute.tasks.ended(stuck.id)
    const { operation, advice } = await explainServer(compute, stuck.row.id)
    assert.equal(operation?.state, 'stuck')
    assert.match(advice.join('\n'), new RegExp(`tasks retry ${stuck.id}`))
  })

  it('tells the fault of a server whose operations are no longer recorded', async () => {
    const row = await addServer(compute, { vm_state: 'error' })
    const about = { server_id: row.id, code: 500, message: 'It failed.', details: 'Really.', host: null }
    await tables(compute)
      .insertInto('compute_server_faults')
      .values({ ...about, created_at: 1000 })
      .execute()
    const told = await explainServer(compute, row.id)
    assert.equal(told.operation, null)
    assert.deepEqual(told.fault, {
      code: 500,
      message: 'It failed.',
      details: 'Really.',
      at: '1970-01-01T00:00:01.000Z',
    })
  })

  it('finds one that was deleted, but not in place of one that is there', async () => {
    const old = await addServer(compute, { display_name: 'db', deleted_at: 5000 })
    assert.equal((await explainServer(compute, 'db')).server.status, 'DELETED')
    const young = await addServer(compute, { display_name: 'db' })
    assert.equal((await explainServer(compute, 'db')).server.id, young.id)
    assert.equal((await explainServer(compute, old.id.toUpperCase())).server.id, old.id)
  })

  it('names the nearest when there is none, and the ids when there are several', async () => {
    const two = [await addServer(compute, { display_name: 'twin' }), await addServer(compute, { display_name: 'twin' })]
    await assert.rejects(explainServer(compute, 'weeb'), (error) => {
      assert.ok(isFault(error, 'ServerUnknown'))
      assert.match(error.mend!, /nearest names are: web/)
      return error.status === 404
    })
    await assert.rejects(explainServer(compute, 'twin'), (error) => {
      assert.ok(isFault(error, 'ServerAmbiguous'))
      for (const { id } of two) assert.ok(error.mend!.includes(id))
      return error.status === 409
    })
  })
})
