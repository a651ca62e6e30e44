// kill -9 around the commit that accepts a request: who lost the reply sends it again, and has what it asked for once.
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { Death } from './death.ts'
import { dyingAt } from './death.ts'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { active, removeServer, thingsOf } from './servers.ts'

interface Round {
  name: string
  when: Death['when']
  /** Whether the first request was done. */
  done: boolean
}

const ROUNDS: Round[] = [
  { name: 'before the commit', when: 'before', done: false },
  { name: 'between the commit and the reply', when: 'begun', done: true },
]

interface Resource {
  path: string
  body: (name: string) => object
  /** Tables of the commit, in their order. */
  tables: string
}

describe('a cloud that is killed around the commit of a request', () => {
  let cloud: RealCloud
  let things: Things
  let armed: string

  before(async () => {
    cloud = await RealCloud.start({ driver: 'fake', config: '' })
    things = await thingsOf(cloud.demo)
    armed = join(cloud.state.path, 'armed')
    await cloud.stop()
  })
  after(() => cloud?.remove())

  const servers: Resource = {
    path: '/compute/v2.1/servers',
    body: (name) => {
      const { image, flavor, network } = things
      const usual = { imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
      return { server: { name, ...usual, min_count: 2, max_count: 2 } }
    },
    tables: 'compute_servers.*kept_answers.*tasks',
  }
  const networks: Resource = {
    path: '/network/v2.0/networks',
    body: (name) => ({ network: { name } }),
    tables: 'kept_answers.*network_networks',
  }

  async function start(death?: Omit<Death, 'armed'>): Promise<void> {
    await rm(armed, { force: true })
    await cloud.up(death ? dyingAt({ ...death, armed }) : {})
    await cloud.ready()
  }

  async function idsOf({ path }: Resource, name: string): Promise<string[]> {
    const reply = await cloud.demo.ask<Record<string, { id: string; name: string }[]>>({ path })
    const all = Object.values(reply).find(Array.isArray)!
    return all.filter((one) => one.name.startsWith(name)).map(({ id }) => id)
  }

  /** The death of one who waits for a reply. */
  async function lostReply({ path, body }: Resource, name: string, key: string): Promise<void> {
    const asked = cloud.demo.send({ method: 'POST', path, body: body(name), headers: { 'idempotency-key': key } })
    await assert.rejects(asked, (error) => isFault(error, 'CloudSilent'))
    assert.deepEqual(await cloud.end(), { code: null, signal: 'SIGKILL' })
  }

  async function repeated({ path, body }: Resource, name: string, key: string) {
    const headers = { 'idempotency-key': key }
    const reply = await cloud.demo.send({ method: 'POST', path, body: body(name), headers })
    const [made] = Object.values((await reply.json()) as Record<string, { id: string }>)
    return { status: reply.status, replayed: reply.headers.get('idempotent-replayed') === 'true', id: made!.id }
  }

  async function killedAt(resource: Resource, { name, when, done }: Round) {
    const key = systemRandom.uuid()
    await start({ path: [`^commit .*${resource.tables}`], when })
    await writeFile(armed, '')
    await lostReply(resource, name, key)
    await start()
    const before = await idsOf(resource, name)
    assert.equal(before.length > 0, done)
    const first = await repeated(resource, name, key)
    assert.equal(first.replayed, done)
    assert.deepEqual(await repeated(resource, name, key), { ...first, replayed: true })
    const ids = await idsOf(resource, name)
    assert.ok(ids.includes(first.id))
    if (done) assert.deepEqual(ids, before)
    return { first, ids }
  }

  for (const round of ROUNDS) {
    it(`makes two servers, once: ${round.name}`, async () => {
      const { first, ids } = await killedAt(servers, round)
      assert.deepEqual([first.status, ids.length], [202, 2])
      for (const id of ids) await active(cloud.demo, id)
      const { orphans, unchecked } = await cloud.audit()
      assert.deepEqual([orphans, unchecked], [[], []])
      for (const id of ids) await removeServer(cloud.demo, id)
      await cloud.stop()
    })

    it(`makes one network: ${round.name}`, async () => {
      const { first, ids } = await killedAt(networks, round)
      assert.deepEqual([first.status, ids], [201, [first.id]])
      await cloud.stop()
    })
  }
})
