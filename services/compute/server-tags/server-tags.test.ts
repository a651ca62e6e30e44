import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiUnderTest, Asked, Reply } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addServer } from '../testing-rows.ts'
import { serverTagRoutes } from './routes.ts'

type Ask = (method: string, below?: string, asked?: Asked) => Promise<Reply>

async function withServer(work: (ask: Ask, id: string, api: ApiUnderTest) => Promise<void>, row = {}): Promise<void> {
  const api = await startApi(serverTagRoutes)
  try {
    const { id } = await addServer(api.compute, row)
    await work(
      (method, below = '', asked = {}) =>
        api.ask(`${method} /v2.1/servers/${id}/tags${below}`, { version: '2.26', ...asked }),
      id,
      api,
    )
  } finally {
    await api.close()
  }
}

const sentence = ({ body }: Reply): string => (Object.values(body)[0] as { message: string }).message

test('tags come and go one by one', () =>
  withServer(async (ask, id) => {
    const added = await ask('PUT', '/web')
    assert.deepEqual([added.status, added.body], [201, undefined])
    assert.match(String(added.headers['location']), new RegExp(`/compute/v2\\.1/servers/${id}/tags/web$`))
    const again = await ask('PUT', '/web')
    assert.deepEqual([again.status, again.headers['location']], [204, undefined])
    assert.match(String((await ask('PUT', '/new%20one')).headers['location']), /\/tags\/new%20one$/)
    assert.deepEqual((await ask('GET')).body, { tags: ['web', 'new one'] })
    assert.equal((await ask('GET', '/web')).status, 204)
    assert.equal((await ask('DELETE', '/web')).status, 204)
    for (const method of ['GET', 'DELETE']) {
      const gone = await ask(method, '/web')
      assert.deepEqual([gone.status, sentence(gone)], [404, `Instance ${id} has no tag 'web'`])
    }
    assert.deepEqual((await ask('GET')).body, { tags: ['new one'] })
  }))

test('tags are replaced and removed as a whole', () =>
  withServer(async (ask) => {
    const put = await ask('PUT', '', { body: { tags: ['b', 'a', 'b'] } })
    assert.deepEqual([put.status, put.body], [200, { tags: ['b', 'a'] }])
    assert.equal((await ask('DELETE')).status, 204)
    assert.deepEqual((await ask('GET')).body, { tags: [] })
  }))

test('what is no tag is refused, and the 51st', () =>
  withServer(async (ask) => {
    const many = Array.from({ length: 51 }, (_, at) => `tag-${at}`)
    for (const tags of [many, ['a/b'], [''], ['x'.repeat(61)], 'web', [1]])
      assert.equal((await ask('PUT', '', { body: { tags } })).status, 400, JSON.stringify(tags))
    const refused: [string, RegExp][] = [
      ['/a,b', /^Tag 'a,b' is invalid/],
      ['/a%2Fb', /^Tag 'a\/b' is invalid/],
      [`/${'x'.repeat(61)}`, /^Tag 'x{61}' is too long\. Maximum length of a tag is 60$/],
    ]
    for (const [below, message] of refused) {
      const reply = await ask('PUT', below)
      assert.equal(reply.status, 400)
      assert.match(sentence(reply), message)
    }
    assert.equal((await ask('PUT', '/web', { body: {} })).status, 400)
    assert.deepEqual((await ask('GET')).body, { tags: [] })
    await ask('PUT', '', { body: { tags: many.slice(1) } })
    const full = await ask('PUT', '/more')
    assert.deepEqual([full.status, sentence(full)], [400, 'The number of tags exceeded the per-server limit 50'])
  }))

test('tags need 2.26, a member, and a server of the caller that is in order, locked or not', async () => {
  await withServer(
    async (ask) => {
      assert.equal((await ask('PUT', '/web')).status, 201)
      assert.equal((await ask('GET', '', { version: '2.25' })).status, 404)
      assert.equal((await ask('GET', '', { as: 'guest' })).status, 200)
      assert.equal((await ask('PUT', '/db', { as: 'guest' })).status, 403)
      assert.equal((await ask('GET', '', { as: 'bob' })).status, 404)
    },
    { locked_by: 'owner' },
  )
  await withServer(
    async (ask, id) => {
      const words = { 'PUT /web': 'update tag', 'DELETE /web': 'delete tag', 'DELETE ': 'delete tags' }
      for (const [request, action] of Object.entries(words)) {
        const [method, below] = request.split(' ') as [string, string]
        const reply = await ask(method, below)
        const expected = `Cannot '${action}' instance ${id} while it is in vm_state error`
        assert.deepEqual([reply.status, sentence(reply).split('.')[0]], [409, expected])
      }
      assert.equal((await ask('GET')).status, 200)
    },
    { vm_state: 'error' },
  )
})
