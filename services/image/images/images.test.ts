import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { PROJECTS } from '@kilonova/api/testing-callers'
import { onBothStores } from '@kilonova/store/testing'
import { imageSchema } from '../schema/steps.ts'
import { PATCH_TYPE, startService, type TestService, type TestServiceOptions } from '../testing.ts'

const SHOWN = [
  'checksum',
  'container_format',
  'created_at',
  'disk_format',
  'file',
  'id',
  'min_disk',
  'min_ram',
  'name',
  'os_hash_algo',
  'os_hash_value',
  'os_hidden',
  'owner',
  'protected',
  'schema',
  'self',
  'size',
  'status',
  'tags',
  'updated_at',
  'virtual_size',
  'visibility',
]
const UNKNOWN = '00000000-0000-4000-8000-000000000000'

onBothStores('images', (open) => {
  const services: TestService[] = []
  after(() => Promise.all(services.map((service) => service.close())))

  async function start(options: Omit<TestServiceOptions, 'store'> = {}): Promise<TestService> {
    const service = await startService({ store: await open(imageSchema), ...options })
    services.push(service)
    return service
  }

  it('shows a new image as Glance does', async () => {
    const { ask } = await start()
    const id = 'b2173dd3-7ad6-4362-baa6-a68bce3565cb'
    const json = { id, name: 'Ubuntu', container_format: 'bare', disk_format: 'raw' }
    const { status, body, headers } = await ask('POST', '/v2/images', { json })
    assert.equal(status, 201)
    assert.match(String(headers['location']), new RegExp(`^http://.*/image/v2/images/${id}$`))
    assert.deepEqual(Object.keys(body).sort(), SHOWN)
    const { created_at, updated_at, ...rest } = body
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(updated_at, created_at)
    assert.deepEqual(rest, {
      ...json,
      status: 'queued',
      visibility: 'shared',
      owner: PROJECTS.alice,
      size: null,
      virtual_size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      min_disk: 0,
      min_ram: 0,
      protected: false,
      os_hidden: false,
      tags: [],
      self: `/v2/images/${id}`,
      file: `/v2/images/${id}/file`,
      schema: '/v2/schemas/image',
    })
    assert.deepEqual((await ask('GET', `/v2/images/${id}`)).body, body)
    assert.equal((await ask('POST', '/v2/images', { json })).status, 409)
  })

  it('keeps custom properties at the top, and tags', async () => {
    const { ask, create } = await start()
    const id = await create({ hw_disk_bus: 'virtio', kernel_id: null, tags: ['b', 'a', 'b'], protected: true })
    const { body } = await ask('GET', `/v2/images/${id}`)
    assert.equal(body.hw_disk_bus, 'virtio')
    assert.equal(body.kernel_id, null)
    assert.deepEqual(body.tags, ['a', 'b'])
    assert.equal(body.protected, true)
  })

  it('refuses wrong new images and keeps nothing of them', async () => {
    const { ask } = await start({ options: { image_property_quota: 2, image_tag_quota: 1 } })
    const wrong: [number, unknown][] = [
      [400, { name: 5 }],
      [400, { name: 'x'.repeat(256) }],
      [400, { name: 'a\0b' }],
      [400, { disk_format: 'floppy' }],
      [400, { container_format: 'box' }],
      [400, { min_disk: -1 }],
      [400, { min_ram: 2 ** 31 }],
      [400, { protected: 'True' }],
      [400, { visibility: 'secret' }],
      [400, { id: 'not-a-uuid' }],
      [400, { hw_disk_bus: 5 }],
      [400, { kernel_id: 'x' }],
      [400, { tags: ['x'.repeat(256)] }],
      [400, { ['n'.repeat(256)]: 'long name' }],
      [400, []],
      [400, null],
      [403, { status: 'active' }],
      [403, { size: 5 }],
      [403, { checksum: 'x' }],
      [403, { os_glance_importing_to_stores: 'x' }],
      [403, { deleted: 'x' }],
      [403, { visibility: 'public' }],
      [403, { owner: PROJECTS.bob }],
      [413, { a: '1', b: '2', c: '3' }],
      [413, { tags: ['a', 'b'] }],
    ]
    for (const [status, json] of wrong) {
      const answer = await ask('POST', '/v2/images', { json })
      assert.equal(answer.status, status, JSON.stringify(json))
      assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'message', 'title'])
    }
    const broken = { data: '{', headers: { 'content-type': 'application/json' } }
    assert.equal((await ask('POST', '/v2/images', broken)).status, 400)
    assert.equal((await ask('POST', '/v2/images', { as: 'guest', json: {} })).status, 403)
    assert.deepEqual((await ask('GET', '/v2/images')).body.images, [])
  })

  it('changes attributes and properties by patch', async () => {
    const { ask, create, patch } = await start()
    const id = await create({ old: 'x', 'a/b': 'y' })
    const { status, body } = await patch(id, [
      { op: 'replace', path: '/name', value: 'Fedora 17' },
      { op: 'replace', path: '/tags', value: ['fedora', 'beefy'] },
      { op: 'replace', path: '/disk_format', value: 'qcow2' },
      { op: 'add', path: '/new', value: 'n' },
      { op: 'remove', path: '/old' },
      { op: 'replace', path: '/a~1b', value: 'z' },
      { op: 'replace', path: '/protected', value: true },
    ])
    assert.equal(status, 200)
    const { name, tags, disk_format, new: added, old, 'a/b': escaped, protected: isProtected } = body
    assert.deepEqual([name, tags, disk_format, added, old], ['Fedora 17', ['beefy', 'fedora'], 'qcow2', 'n', undefined])
    assert.deepEqual([escaped, isProtected], ['z', true])
    const older = await ask('PATCH', `/v2/images/${id}`, {
      json: [{ replace: '/name', value: 'old form' }],
      headers: { 'content-type': 'application/openstack-images-v2.0-json-patch' },
    })
    assert.equal(older.body.name, 'old form')
    assert.deepEqual((await ask('GET', `/v2/images/${id}`)).body, older.body)
  })

  it('refuses wrong patches whole', async () => {
    const { ask, create, patch } = await start({ options: { image_property_quota: 2, image_tag_quota: 1 } })
    const id = await create({ mine: 'x' })
    const before = (await ask('GET', `/v2/images/${id}`)).body
    const wrong: [number, unknown][] = [
      [400, {}],
      [400, null],
      [400, ['x']],
      [400, [{ op: 'move', path: '/name' }]],
      [400, [{ op: 'replace', value: 1 }]],
      [400, [{ op: 'replace', path: 'name', value: 'x' }]],
      [400, [{ op: 'replace', path: '/name/x', value: 'x' }]],
      [400, [{ op: 'replace', path: '/na~2me', value: 'x' }]],
      [400, [{ op: 'replace', path: '/name' }]],
      [400, [{ op: 'replace', path: '/name', value: 5 }]],
      [400, [{ op: 'replace', path: '/min_disk', value: '5' }]],
      [400, [{ op: 'add', path: '/mine', value: { a: 1 } }]],
      [403, [{ op: 'replace', path: '/id', value: UNKNOWN }]],
      [403, [{ op: 'replace', path: '/status', value: 'active' }]],
      [403, [{ op: 'add', path: '/os_glance_failed_import', value: 'x' }]],
      [403, [{ op: 'remove', path: '/name' }]],
      [403, [{ op: 'replace', path: '/owner', value: PROJECTS.bob }]],
      [403, [{ op: 'replace', path: '/visibility', value: 'public' }]],
      [409, [{ op: 'replace', path: '/nothing', value: 'x' }]],
      [409, [{ op: 'remove', path: '/nothing' }]],
      [413, [{ op: 'replace', path: '/tags', value: ['a', 'b'] }]],
      [413, ['a', 'b', 'c'].map((name) => ({ op: 'add', path: `/${name}`, value: 'x' }))],
    ]
    for (const [status, operations] of wrong) {
      const first = Array.isArray(operations)
        ? [{ op: 'replace', path: '/name', value: 'half' }, ...operations]
        : operations
      const answer = await patch(id, first)
      assert.equal(answer.status, status, `${JSON.stringify(operations)}: ${answer.body.message}`)
    }
    const plain = await ask('PATCH', `/v2/images/${id}`, { json: [] })
    assert.equal(plain.status, 415)
    assert.deepEqual((await ask('GET', `/v2/images/${id}`)).body, before)
  })

  it('lets only the owner change, and shows foreign images to nobody', async () => {
    const { ask, create, patch, upload } = await start()
    const mine = await create()
    const replace = [{ op: 'replace', path: '/name', value: 'x' }]
    const asBob = { as: 'bob' as const }
    for (const path of ['', '/file', '/members', `/members/${PROJECTS.bob}`]) {
      assert.equal((await ask('GET', `/v2/images/${mine}${path}`, asBob)).status, 404, path)
    }
    assert.equal((await patch(mine, replace, 'bob')).status, 404)
    assert.equal((await upload(mine, 'x', asBob)).status, 404)
    assert.equal((await ask('DELETE', `/v2/images/${mine}`, asBob)).status, 404)
    assert.equal((await ask('PUT', `/v2/images/${mine}/tags/x`, asBob)).status, 404)
    assert.equal((await ask('POST', `/v2/images/${mine}/actions/deactivate`, asBob)).status, 404)
    const open = await create({ visibility: 'public' }, 'admin')
    assert.equal((await ask('GET', `/v2/images/${open}`, asBob)).status, 200)
    assert.equal((await patch(open, replace, 'bob')).status, 403)
    assert.equal((await upload(open, 'x', asBob)).status, 403)
    assert.equal((await ask('DELETE', `/v2/images/${open}`, asBob)).status, 403)
    assert.equal((await patch(mine, replace, 'guest')).status, 403)
    assert.equal((await patch(mine, replace, 'admin')).status, 200)
    for (const id of [UNKNOWN, 'nonsense', '%00']) assert.equal((await ask('GET', `/v2/images/${id}`)).status, 404)
  })

  it('deletes in every state but protected', async () => {
    const { ask, create, patch, upload } = await start()
    const id = await create({ protected: true, p: 'x', tags: ['t'] })
    assert.equal((await ask('DELETE', `/v2/images/${id}`)).status, 403)
    await patch(id, [{ op: 'replace', path: '/protected', value: false }])
    assert.equal((await ask('DELETE', `/v2/images/${id}`)).status, 204)
    assert.equal((await ask('GET', `/v2/images/${id}`)).status, 404)
    assert.equal((await ask('DELETE', `/v2/images/${id}`)).status, 404)
    const again = await create({ id })
    assert.equal((await upload(again, 'data')).status, 204)
    assert.equal((await ask('POST', `/v2/images/${id}/actions/deactivate`)).status, 204)
    assert.equal((await ask('DELETE', `/v2/images/${id}`)).status, 204)
  })

  it('lists what the caller may see', async () => {
    const { ask, create } = await start()
    const names = async (query: string, as: 'alice' | 'bob' | 'admin' = 'bob') => {
      const { body } = await ask('GET', `/v2/images?sort=name:asc${query}`, { as })
      return body.images.map((image: { name: string }) => image.name).join(' ')
    }
    await create({ name: 'public', visibility: 'public' }, 'admin')
    await create({ name: 'hidden', visibility: 'public', os_hidden: true }, 'admin')
    await create({ name: 'private', visibility: 'private' })
    await create({ name: 'community', visibility: 'community' })
    const shared = await create({ name: 'shared' })
    await create({ name: 'own', visibility: 'private' }, 'bob')
    assert.equal(await names(''), 'own public')
    assert.equal(await names('', 'alice'), 'community private public shared')
    assert.equal(await names('', 'admin'), 'community own private public shared')
    assert.equal(await names('&visibility=community'), 'community')
    assert.equal(await names('&visibility=all'), 'community own public')
    assert.equal(await names('&os_hidden=true'), 'hidden')
    await ask('POST', `/v2/images/${shared}/members`, { json: { member: PROJECTS.bob } })
    assert.equal(await names(''), 'own public')
    assert.equal(await names('&visibility=shared&member_status=pending'), 'shared')
    await ask('PUT', `/v2/images/${shared}/members/${PROJECTS.bob}`, { as: 'bob', json: { status: 'accepted' } })
    assert.equal(await names(''), 'own public shared')
    assert.equal(await names(`&owner=${PROJECTS.alice}`), 'shared')
  })

  it('filters', async () => {
    const { ask, create, upload } = await start()
    const names = async (query: string) => {
      const { body } = await ask('GET', `/v2/images?sort=name:asc&${query}`)
      return body.images.map((image: { name: string }) => image.name).join(' ')
    }
    const a = await create({ name: 'a', min_disk: 3, tags: ['x', 'y'], flavour: 'sweet' })
    await create({ name: 'b', disk_format: 'qcow2', tags: ['x'], protected: true })
    await create({ name: 'c,d', container_format: null })
    await upload(a, '12345')
    const expected: [string, string][] = [
      ['name=a', 'a'],
      ['name=in:a,b', 'a b'],
      ['name=in:%22c,d%22,b', 'b c,d'],
      ['status=active', 'a'],
      ['status=queued', 'b c,d'],
      ['disk_format=qcow2', 'b'],
      ['container_format=bare', 'a b'],
      ['size_min=5', 'a'],
      ['size_max=4', ''],
      ['min_disk=3', 'a'],
      ['tag=x', 'a b'],
      ['tag=x&tag=y', 'a'],
      ['protected=true', 'b'],
      ['flavour=sweet', 'a'],
      ['flavour=sour', ''],
      ['checksum=827ccb0eea8a706c4c34a16891f84e7b', 'a'],
      ['created_at=gt:2000-01-01T00:00:00Z', 'a b c,d'],
      ['created_at=lt:2000-01-01T00:00:00', ''],
      [`id=in:${a}`, 'a'],
    ]
    for (const [query, found] of expected) assert.equal(await names(query), found, query)
    const wrong = ['limit=x', 'limit=-1', 'sort=colour', 'sort=name:up', 'marker=nonsense', `marker=${UNKNOWN}`]
    const more = ['visibility=secret', 'member_status=x', 'size_min=x', 'created_at=gt:never', 'protected=maybe']
    for (const query of [...wrong, ...more, 'name=%00', 'sort=name&sort_key=id', 'name=in:%22a']) {
      assert.equal((await ask('GET', `/v2/images?${query}`)).status, 400, query)
    }
  })

  it('pages through every order without loss', async () => {
    const { ask, create } = await start()
    const ids = new Set<string>()
    for (let index = 0; index < 7; index++) {
      ids.add(await create({ name: index % 2 ? 'same' : null, disk_format: index % 3 ? 'raw' : null }))
    }
    const orders = ['', 'sort=name:asc,disk_format:desc', 'sort_key=size&sort_dir=asc', 'sort_key=name&sort_key=id']
    for (const order of orders) {
      const seen: string[] = []
      let path = `/v2/images?limit=2${order ? `&${order}` : ''}`
      for (let page = 0; path !== undefined && page < 10; page++) {
        const { body } = await ask('GET', path)
        assert.equal(body.schema, '/v2/schemas/images')
        assert.ok(body.first.startsWith('/v2/images?limit=2'))
        seen.push(...body.images.map((image: { id: string }) => image.id))
        path = body.next
      }
      assert.equal(seen.length, ids.size, order)
      assert.deepEqual(new Set(seen), ids)
    }
    assert.deepEqual((await ask('GET', '/v2/images?limit=0')).body.images, [])
  })

  it('shares with members, who decide themselves', async () => {
    const { ask, create, upload } = await start({ options: { image_member_quota: 1 } })
    const id = await create()
    await upload(id, 'data')
    const members = `/v2/images/${id}/members`
    const added = await ask('POST', members, { json: { member: PROJECTS.bob } })
    assert.equal(added.status, 200)
    const keys = ['created_at', 'image_id', 'member_id', 'schema', 'status', 'updated_at']
    assert.deepEqual(Object.keys(added.body).sort(), keys)
    assert.equal(added.body.status, 'pending')
    assert.equal((await ask('POST', members, { json: { member: PROJECTS.bob } })).status, 409)
    assert.equal((await ask('POST', members, { json: { member: 'other' } })).status, 413)
    assert.equal((await ask('POST', members, { json: { member: '' } })).status, 400)
    const own = `${members}/${PROJECTS.bob}`
    assert.equal((await ask('GET', `/v2/images/${id}/file`, { as: 'bob' })).raw.toString(), 'data')
    assert.equal((await ask('PUT', own, { json: { status: 'accepted' } })).status, 403)
    assert.equal((await ask('PUT', own, { as: 'bob', json: { status: 'perhaps' } })).status, 400)
    assert.equal((await ask('PUT', own, { as: 'bob', json: { status: 'accepted' } })).body.status, 'accepted')
    assert.equal((await ask('POST', members, { as: 'bob', json: { member: 'x' } })).status, 403)
    assert.equal((await ask('DELETE', own, { as: 'bob' })).status, 403)
    assert.equal((await ask('GET', members, { as: 'bob' })).body.members.length, 1)
    assert.equal((await ask('GET', members)).body.schema, '/v2/schemas/members')
    assert.equal((await ask('DELETE', own)).status, 204)
    assert.equal((await ask('DELETE', own)).status, 404)
    assert.equal((await ask('GET', own)).status, 404)
    assert.equal((await ask('GET', `/v2/images/${id}`, { as: 'bob' })).status, 404)
    const priv = await create({ visibility: 'private' })
    assert.equal((await ask('POST', `/v2/images/${priv}/members`, { json: { member: 'x' } })).status, 403)
  })

  it('adds and removes tags', async () => {
    const { ask, create } = await start({ options: { image_tag_quota: 1 } })
    const id = await create()
    const tag = (method: 'PUT' | 'DELETE', name: string) => ask(method, `/v2/images/${id}/tags/${name}`)
    assert.equal((await tag('PUT', 'a%20b')).status, 204)
    assert.equal((await tag('PUT', 'a%20b')).status, 204)
    assert.deepEqual((await ask('GET', `/v2/images/${id}`)).body.tags, ['a b'])
    assert.equal((await tag('PUT', 'second')).status, 413)
    assert.equal((await tag('PUT', '%00')).status, 400)
    assert.equal((await tag('DELETE', 'none')).status, 404)
    assert.equal((await tag('DELETE', 'a%20b')).status, 204)
  })

  it('fixes the formats once there is data, and withholds deactivated data', async () => {
    const { ask, create, patch, upload } = await start()
    const id = await create()
    assert.equal((await ask('POST', `/v2/images/${id}/actions/deactivate`)).status, 403)
    await upload(id, 'data')
    assert.equal((await patch(id, [{ op: 'replace', path: '/disk_format', value: 'qcow2' }])).status, 403)
    assert.equal((await ask('POST', `/v2/images/${id}/actions/deactivate`)).status, 204)
    assert.equal((await ask('GET', `/v2/images/${id}`)).body.status, 'deactivated')
    assert.equal((await ask('GET', `/v2/images/${id}/file`)).status, 403)
    assert.equal((await ask('GET', `/v2/images/${id}/file`, { as: 'admin' })).raw.toString(), 'data')
    assert.equal((await ask('POST', `/v2/images/${id}/actions/reactivate`)).status, 204)
    assert.equal((await ask('GET', `/v2/images/${id}/file`)).status, 200)
  })

  it('describes itself', async () => {
    const { api, ask } = await start()
    const root = await api.fastify.inject({ url: '/image/' })
    assert.equal(root.statusCode, 300)
    const versions = await api.fastify.inject({ url: '/image/versions' })
    assert.equal(versions.statusCode, 200)
    assert.deepEqual(versions.json(), root.json())
    const current = root.json().versions.filter((version: { status: string }) => version.status === 'CURRENT')
    assert.equal(current.length, 1)
    for (const name of ['image', 'images', 'member', 'members']) {
      assert.equal((await ask('GET', `/v2/schemas/${name}`)).body.name, name)
    }
    const shown = Object.keys((await ask('GET', '/v2/schemas/image')).body.properties)
    assert.deepEqual(
      SHOWN.filter((name) => !shown.includes(name)),
      [],
    )
    assert.deepEqual((await ask('GET', '/v2/info/import')).body['import-methods'].value, [])
    assert.equal((await ask('GET', '/v2/info/stores')).status, 404)
    assert.equal((await api.fastify.inject({ url: '/image/v2/images' })).statusCode, 401)
    assert.equal((await ask('PATCH', '/v2/images', { headers: { 'content-type': PATCH_TYPE } })).status, 405)
  })
})
