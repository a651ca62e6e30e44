import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { discoveryRoutes } from './routes.ts'

const BASE = 'http://localhost:80/compute'

async function withApi(work: (api: ApiUnderTest) => Promise<void>): Promise<void> {
  const api = await startApi(discoveryRoutes)
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const v21 = {
  id: 'v2.1',
  status: 'CURRENT',
  version: '2.104',
  min_version: '2.1',
  updated: '2013-07-23T11:33:21Z',
  links: [{ rel: 'self', href: `${BASE}/v2.1/` }],
}
const v20 = {
  id: 'v2.0',
  status: 'DEPRECATED',
  version: '',
  min_version: '',
  updated: '2025-07-04T12:00:00Z',
  links: [{ rel: 'self', href: `${BASE}/v2/` }],
}
const describedBy = { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }
const document = (version: typeof v21, number: string) => ({
  version: {
    ...version,
    links: [...version.links, describedBy],
    'media-types': [{ base: 'application/json', type: `application/vnd.openstack.compute+json;version=${number}` }],
  },
})

test('versions are told without a token, with and without a slash', () =>
  withApi(async ({ ask }) => {
    const get = async (path: string) => (await ask(`GET ${path}`, { as: null })).body
    for (const path of ['', '/']) assert.deepEqual(await get(path), { versions: [v20, v21] })
    for (const path of ['/v2.1', '/v2.1/']) assert.deepEqual(await get(path), document(v21, '2.1'))
    for (const path of ['/v2', '/v2/']) assert.deepEqual(await get(path), document(v20, '2'))
    assert.deepEqual(await get('/v2.1/versions/v2.1'), document(v21, '2.1'))
    assert.equal((await ask('GET /v2.1/versions/v3', { as: null })).status, 404)
  }))

test('extensions are looked up by their aliases', () =>
  withApi(async ({ ask }) => {
    const { body } = await ask('GET /v2.1/extensions')
    assert.equal(body.extensions.length, 99)
    assert.equal(new Set(body.extensions.map(({ alias }: { alias: string }) => alias)).size, 99)
    assert.deepEqual((await ask('GET /v2.1/extensions/os-agents')).body, {
      extension: {
        alias: 'os-agents',
        description: 'Agents support.',
        links: [],
        name: 'Agents',
        namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
        updated: '2014-12-03T00:00:00Z',
      },
    })
    assert.equal((await ask('GET /v2.1/extensions/os-beer')).status, 404)
    assert.equal((await ask('GET /v2.1/extensions', { as: null })).status, 401)
  }))

test('routes below /v2 are still those of 2.1', () =>
  withApi(async ({ ask }) => {
    assert.equal((await ask('GET /v2/extensions')).body.extensions.length, 99)
  }))
