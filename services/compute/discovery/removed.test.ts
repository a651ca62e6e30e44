import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from '../testing-api.ts'
import { removedRoutes } from './removed.ts'

test('each API that Nova removed is gone at the oldest and the newest microversion, for all but the nameless', async () => {
  const api = await startApi(removedRoutes)
  try {
    assert.equal(removedRoutes.length, 53)
    for (const { method, path, action } of removedRoutes) {
      const request = `${method} ${path.replaceAll(/:\w+/g, '1')}`
      const body = ['POST', 'PUT'].includes(method) ? { [action ?? 'x']: null } : undefined
      for (const version of ['2.1', '2.104']) {
        const reply = await api.ask(request, { version, body })
        assert.deepEqual([reply.status, reply.body.computeFault?.code], [410, 410], request)
      }
      assert.equal((await api.ask(request, { as: null, body })).status, 401)
    }
  } finally {
    await api.close()
  }
})
