// Requests that are sent again with their Idempotency-Key, because their answer was lost: done once, answered the same.
import assert from 'node:assert/strict'
import { StatementSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'
import { goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const SERVERS = '/compute/v2.1/servers'
const KEYPAIRS = '/compute/v2.1/os-keypairs'
const REPLAYED = 'idempotent-replayed'

interface Got {
  status: number
  location: string | null
  replayed: string | null
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every form are looked into
  body: any
}

interface Kept {
  kept_answers: { id: string; answer: string }
}

interface Sent {
  key?: string
  path?: string
  as?: ApiClient
  headers?: Record<string, string>
}

let fake: FakeCloud
before(async () => {
  fake = await startFakeCloud({ hosts: 2 })
  await quota({ instances: -1, cores: -1, ram: -1 })
})
after(() => fake?.stop())

/** Of the project demo, whatever it has. */
async function quota(limits: Record<string, number>): Promise<void> {
  const path = `/compute/v2.1/os-quota-sets/${fake.demo.projectId}`
  await fake.admin.ask({ method: 'PUT', path, body: { quota_set: { ...limits, force: true } } })
}

const newKey = (): string => systemRandom.uuid()

async function send(body: unknown, { key, path = SERVERS, as = fake.demo, headers = {} }: Sent = {}): Promise<Got> {
  const keyed: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
  const reply = await as.send({ method: 'POST', path, body, headers: { ...headers, ...keyed } })
  const text = await reply.text()
  return {
    status: reply.status,
    location: reply.headers.get('location'),
    replayed: reply.headers.get(REPLAYED),
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function serverOf(parts: object = {}): { server: object } {
  const { image, flavor, network } = fake
  const usual = { imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
  return { server: { name: newKey(), ...usual, ...parts } }
}

const message = ({ body }: Got): string => (Object.values(body)[0] as { message: string }).message

async function named(name: string, as = fake.demo): Promise<{ id: string; name: string }[]> {
  const { servers } = await as.ask<{ servers: { id: string; name: string }[] }>({ path: `${SERVERS}?name=${name}` })
  return servers
}

describe('a server that is asked for again', () => {
  it('is one server, with the same answer', async () => {
    const [body, key] = [serverOf({ name: 'again' }), newKey()]
    const first = await send(body, { key })
    assert.deepEqual([first.status, first.replayed], [202, null])
    assert.match(first.location!, new RegExp(`/servers/${first.body.server.id}$`))
    assert.ok(first.body.server.adminPass)
    assert.deepEqual(await send(body, { key }), { ...first, replayed: 'true' })
    await settledServer(fake, first.body.server.id)
    assert.deepEqual(await send(body, { key: `"${key}"` }), { ...first, replayed: 'true' }, 'quoted')
    assert.equal((await named('again')).length, 1)
    const { id } = first.body.server
    await fake.demo.ask({ method: 'DELETE', path: `${SERVERS}/${id}` })
    await goneServer(fake, id)
    assert.deepEqual(await send(body, { key }), { ...first, replayed: 'true' }, 'after it was deleted')
    assert.deepEqual(await named('again'), [])
  })

  it('is one server for twenty requests at once', async () => {
    const [body, key] = [serverOf({ name: 'raced' }), newKey()]
    const all = await Promise.all(Array.from({ length: 20 }, () => send(body, { key })))
    const [first] = await named('raced')
    assert.deepEqual(new Set(all.map((got) => got.body.server?.id)), new Set([first!.id]))
    assert.equal(new Set(all.map((got) => got.body.server.adminPass)).size, 1)
    assert.equal(all.filter(({ replayed }) => replayed === null).length, 1)
    assert.equal((await named('raced')).length, 1)
  })

  it('is one server, though what it was given is taken by it', async () => {
    const port = { port: { network_id: fake.network } }
    const made = await send(port, { path: '/network/v2.0/ports' })
    const [body, key] = [serverOf({ networks: [{ port: made.body.port.id }] }), newKey()]
    const all = await Promise.all(Array.from({ length: 5 }, () => send(body, { key })))
    assert.deepEqual(
      all.map(({ status }) => status),
      [202, 202, 202, 202, 202],
    )
    await settledServer(fake, all[0]!.body.server.id)
    assert.equal((await send(body)).status, 409)
    assert.deepEqual((await send(body, { key })).body, all[0]!.body)
  })

  it('is as many servers as the first time', async () => {
    const [body, key] = [serverOf({ name: 'several', min_count: 3, max_count: 3 }), newKey()]
    const first = await send(body, { key })
    assert.deepEqual((await send(body, { key })).body, first.body)
    assert.equal((await named('several')).length, 3)
  })

  it('is made when the first request was refused', async () => {
    const [body, key] = [serverOf({ name: 'refused' }), newKey()]
    await quota({ instances: 0 })
    const refused = await send(body, { key })
    assert.deepEqual([refused.status, refused.replayed], [403, null])
    await quota({ instances: -1 })
    const made = await send(body, { key })
    assert.deepEqual([made.status, made.replayed], [202, null])
    await quota({ instances: 0 })
    assert.deepEqual(await send(body, { key }), { ...made, replayed: 'true' }, 'nothing is counted again')
    await quota({ instances: -1 })
    assert.equal((await named('refused')).length, 1)
  })

  it('is another server without the key, and with another key', async () => {
    const body = serverOf({ name: 'two' })
    for (const key of [newKey(), newKey()]) assert.equal((await send(body, { key })).status, 202)
    for (const _ of [1, 2]) assert.equal((await send(body)).replayed, null)
    assert.equal((await named('two')).length, 4)
  })
})

describe('a key', () => {
  it('belongs to one request', async () => {
    const [body, key] = [serverOf({ name: 'mine' }), newKey()]
    const { server } = body
    assert.equal((await send(body, { key })).status, 202)
    const turned = { server: Object.fromEntries(Object.entries(server).toReversed()) }
    assert.equal((await send(turned, { key })).status, 202, 'the order of keys says nothing')
    const older = { 'openstack-api-version': 'compute 2.60' }
    const others: [unknown, Sent][] = [
      [serverOf({ name: 'yours' }), { key }],
      [{ server: { ...server, metadata: {} } }, { key }],
      [body, { key, headers: older }],
      [body, { key, path: `${SERVERS}?x=1` }],
    ]
    for (const [other, sent] of others) {
      const got = await send(other, sent)
      assert.equal(got.status, 422)
      assert.match(message(got), /^This Idempotency-Key was used for another request: .*\. Send .* with a new key\.$/)
      assert.ok(!JSON.stringify(got.body).includes(key))
    }
    assert.deepEqual([(await named('mine')).length, (await named('yours')).length], [1, 0])
    const network = { network: { name: 'beside' } }
    assert.equal((await send(network, { key, path: '/network/v2.0/networks' })).status, 201, 'of one address')
  })

  it('belongs to one user in one project', async () => {
    const [body, key] = [serverOf({ name: 'shared' }), newKey()]
    const first = await send(body, { key })
    const user = { name: 'dora', password: 'dora-password', default_project_id: fake.demo.projectId }
    const dora = (await send({ user }, { as: fake.admin, path: '/identity/v3/users' })).body.user.id
    const { roles } = await fake.admin.ask<{ roles: { id: string }[] }>({ path: '/identity/v3/roles?name=member' })
    const grant = `/identity/v3/projects/${fake.demo.projectId}/users/${dora}/roles/${roles[0]!.id}`
    await fake.admin.ask({ method: 'PUT', path: grant })
    const login = { name: 'dora', password: user.password, project: 'demo' }
    const others = [fake.admin, await ApiClient.logIn(fake.cloud.url, login)]
    for (const as of others) {
      const got = await send(body, { key, as })
      assert.deepEqual([got.status, got.replayed], [202, null])
      assert.notEqual(got.body.server.id, first.body.server.id)
      assert.equal((await send(serverOf({ name: 'unlike' }), { key, as })).status, 422, 'by now it has used it itself')
    }
    assert.equal((await named('shared')).length, 2, 'one of each user of the project')
  })

  it('is refused when it is none, and nothing is made', async () => {
    for (const key of ['""', 'x'.repeat(256), '"a", "b"', 'two words', '"open']) {
      const got = await send(serverOf({ name: 'malformed' }), { key })
      assert.equal(got.status, 400)
      assert.match(message(got), /^The Idempotency-Key must be 1 to 255 printable ASCII characters/)
    }
    assert.deepEqual(await named('malformed'), [])
  })

  it('is refused where a request would be done twice all the same', async () => {
    const made = await send(serverOf())
    const { id } = made.body.server
    await settledServer(fake, id)
    const got = await send({ 'os-stop': null }, { key: newKey(), path: `${SERVERS}/${id}/action` })
    assert.equal(got.status, 400)
    assert.match(
      message(got),
      /^This POST takes no Idempotency-Key: sent twice it is done twice\. Send it without one\.$/,
    )
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
  })

  it('is not needed where repeating changes nothing', async () => {
    const headers = { 'idempotency-key': newKey() }
    const reply = await fake.demo.send({ path: SERVERS, headers })
    assert.deepEqual([reply.status, reply.headers.get(REPLAYED)], [200, null])
  })

  it('opens what is kept; the store alone does not', async () => {
    const key = newKey()
    const keypair = { keypair: { name: 'secret' } }
    const generating = { path: KEYPAIRS, headers: { 'openstack-api-version': 'compute 2.60' } }
    const first = await send(keypair, { key, ...generating })
    assert.match(first.body.keypair.private_key, /PRIVATE KEY/)
    assert.deepEqual(await send(keypair, { key, ...generating }), { ...first, replayed: 'true' })
    assert.equal((await send(keypair, generating)).status, 409)
    const server = serverOf({ adminPass: 'a-planted-password' })
    assert.equal((await send(server, { key })).body.server.adminPass, 'a-planted-password')
    const kept = JSON.stringify(
      await fake.cloud.parts.store.as<Kept>().selectFrom('kept_answers').selectAll().execute(),
    )
    for (const secret of [key, 'PRIVATE', first.body.keypair.private_key.slice(100, 140), 'a-planted-password', 'dora'])
      assert.ok(!kept.includes(secret))
  })

  it('costs who sends none nothing: the store is not asked', async (test) => {
    let asked = 0
    for (const name of ['run', 'all'] as const) {
      const call = StatementSync.prototype[name] as (this: StatementSync, ...values: unknown[]) => unknown
      test.mock.method(StatementSync.prototype, name, function (this: StatementSync, ...values: unknown[]) {
        if (this.sourceSQL.includes('kept_answers')) asked++
        return call.apply(this, values)
      })
    }
    assert.equal((await send(serverOf())).status, 202)
    assert.equal(asked, 0)
    assert.equal((await send(serverOf(), { key: newKey() })).status, 202)
    assert.equal(asked, 3, 'before the work, in its transaction, and to keep the answer')
  })

  it('holds again once its time is over', async () => {
    const short = await startFakeCloud({ config: '[api]\nidempotency_key_retention = 1\n' })
    try {
      const body = { network: { name: 'short' } }
      const network = (key: string) => send(body, { key, as: short.demo, path: '/network/v2.0/networks' })
      const key = newKey()
      const { id } = (await network(key)).body.network
      const other = await until(60, async () => {
        const got = await network(key)
        return got.body.network.id === id ? undefined : got
      })
      assert.deepEqual([other?.status, other?.replayed], [201, null])
    } finally {
      await short.stop()
    }
  })
})
