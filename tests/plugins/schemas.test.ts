// The body of POST /servers over the wire: exact at each microversion, and with plug-ins.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { loadPlugins } from '@kilonova/cloud/plugins'
import type { FakeCloud } from '../fake-cloud.ts'
import { startFakeCloud } from '../fake-cloud.ts'

const NO_QUOTA = '[compute]\nquota_instances = -1\nquota_cores = -1\n'
const EXAMPLES = join(import.meta.dirname, '../../docs/modify/examples')
const FIELD = 'acme:cost_center'

const badRequest = (sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, 400)
  return true
}

/** POST /servers at a version; answers the server, as it is shown at that version. */
async function create(fake: FakeCloud, version: string, parts: object, path = '/compute/v2.1') {
  const headers = { 'openstack-api-version': `compute ${version}` }
  const networks = [{ uuid: fake.network }]
  const server = { name: 'test', imageRef: fake.image, flavorRef: fake.flavor, networks, ...parts }
  const made = await fake.demo.ask<{ server: { id: string } }>({
    ...{ method: 'POST', path: `${path}/servers`, headers, body: { server } },
  })
  const one = `${path}/servers/${made.server.id}`
  const { server: shown } = await fake.demo.ask<{ server: Record<string, unknown> }>({ path: one, headers })
  return shown
}

describe('POST /servers without plug-ins', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ config: NO_QUOTA })
  })
  after(() => fake?.stop())

  const takes = (version: string, parts: object): Promise<unknown> => create(fake, version, parts)
  const refuses = (version: string, parts: object, sentence: RegExp): Promise<void> =>
    assert.rejects(create(fake, version, parts), badRequest(sentence))

  it('seed-8.5.19-1: networks may be missing at 2.36 and not at 2.37', async () => {
    await takes('2.36', { networks: undefined })
    await refuses('2.37', { networks: undefined }, /'networks' is a required property/)
  })

  it('seed-8.5.19-2: a description is refused at 2.18 and taken at 2.19', async () => {
    await refuses(
      '2.18',
      { description: 'd' },
      /Additional properties are not allowed \('description' was unexpected\)/,
    )
    await takes('2.19', { description: 'd' })
  })

  it('seed-8.5.19-3: the tag of a NIC is taken at 2.32, refused at 2.37 and taken at 2.42', async () => {
    const networks = [{ uuid: fake.network, tag: 'eth0' }]
    await takes('2.32', { networks })
    await refuses('2.37', { networks }, /Additional properties are not allowed \('tag' was unexpected\)/)
    await takes('2.42', { networks })
  })

  it('seed-8.5.19-4: an unknown key is refused at every version', async () => {
    for (const version of ['2.1', '2.32', '2.37', '2.104'])
      await refuses(version, { colour: 1 }, /^Additional properties are not allowed|Additional properties are not/)
  })

  it('seed-8.5.19-5: /v2 ignores unknown keys, and those of later versions', async () => {
    const parts = { colour: 1, description: 'later', tags: 5, networks: [{ uuid: fake.network, tag: 'eth0', x: {} }] }
    const { id, name } = await create(fake, '2.104', parts, '/compute/v2')
    const row = await fake.demo.ask<{ server: { description: unknown } }>({ path: `/compute/v2.1/servers/${id}` })
    assert.deepEqual([name, row.server.description], ['test', null])
  })
})

describe('POST /servers with a plug-in', () => {
  let fake: FakeCloud
  before(async () => {
    const module = join(EXAMPLES, 'cost-center.ts')
    fake = await startFakeCloud({ config: `[plugins]\nmodules = ["${module}"]\n[cost-center]\nknown = ["c1", "c2"]\n` })
  })
  after(() => fake?.stop())

  it('seed-8.5.19-6: takes the plug-in’s key, at its versions alone', async () => {
    assert.equal((await create(fake, '2.60', { [FIELD]: 'c1' }))[FIELD], 'c1')
    const unknown = /Additional properties are not allowed \('acme:cost_center' was unexpected\)/
    await assert.rejects(create(fake, '2.59', { [FIELD]: 'c1' }), badRequest(unknown))
    const { [FIELD]: center, ...rest } = await create(fake, '2.60', {})
    assert.equal(center, undefined)
    assert.ok(rest['id'])
  })

  it('checks the value, by the schema and by the plug-in, before anything is written', async () => {
    const count = async (): Promise<number> =>
      (await fake.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })).servers.length
    const before = await count()
    await assert.rejects(create(fake, '2.60', { [FIELD]: 5 }), badRequest(/5 is not of type 'string'/))
    await assert.rejects(create(fake, '2.60', { [FIELD]: 'c3' }), badRequest(/There is no cost center c3\./))
    assert.equal(await count(), before)
  })

  it('shows the field in lists, and in replies of its versions alone', async () => {
    const headers = { 'openstack-api-version': 'compute 2.60' }
    const networks = [{ uuid: fake.network }]
    const parts = { name: 'kept', imageRef: fake.image, flavorRef: fake.flavor, networks, [FIELD]: 'c2' }
    const body = { server: { ...parts, min_count: 2 } }
    await fake.demo.ask({ method: 'POST', path: '/compute/v2.1/servers', headers, body })
    const centers = async (version: string): Promise<unknown[]> => {
      const { servers } = await fake.demo.ask<{ servers: Record<string, unknown>[] }>({
        path: '/compute/v2.1/servers/detail?name=kept',
        headers: { 'openstack-api-version': `compute ${version}` },
      })
      return servers.map((server) => server[FIELD])
    }
    assert.deepEqual(await centers('2.60'), ['c2', 'c2'])
    assert.deepEqual(await centers('2.59'), [undefined, undefined])
  })
})

it('a plug-in that we bring is found by its name', async () => {
  const [plugin] = await loadPlugins(['subnet-choice'], '/nowhere/kilonova.toml', {})
  assert.equal(plugin?.name, 'subnet-choice')
  assert.deepEqual(readConfig({ [plugin.name]: plugin.options }), { 'subnet-choice': {} })
})
