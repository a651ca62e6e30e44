// kill -9 of a busy cloud, again and again at moments that a seed decides: what it has accepted comes to its end.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { seededRandom } from '@kilonova/base/random'
import { answers, until } from '@kilonova/cloud/api-client'
import { loadConfig } from '@kilonova/cloud/config'
import { openDatabase } from '@kilonova/cloud/database'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import { Tasks } from '@kilonova/tasks/tasks'
import { actionProblems } from '../action-oracle.ts'
import { localDiskProblems } from '../disk-oracle.ts'
import { eventProblems } from '../event-oracle.ts'
import { RealCloud } from './real-cloud.ts'
import { RestlessClient } from './restless-clients.ts'
import { findServer, removeServer, thingsOf } from './servers.ts'

/** Decides the moments, and what clients ask for. */
const SEED = Number(process.env['KILONOVA_TEST_SEED'] ?? 1)
const DEATHS = Number(process.env['KILONOVA_TEST_DEATHS'] ?? 12)
const CLIENTS = 4
const PATIENCE_SECONDS = 300
const LARGER = '84'

const CONFIG = `[compute]
quota_instances = -1
quota_cores = -1
[fake]
latency = 30
shutdown_time = 100
`

interface Task {
  id: string
  ended_at: string | null
}

/** Where servers may be when nothing is done to them any more: no step fails here, so none ends in ERROR. */
const RESTS = ['ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED', 'RESCUE', 'VERIFY_RESIZE', 'SHELVED_OFFLOADED']

describe(`a cloud that is killed ${DEATHS} times under load (KILONOVA_TEST_SEED=${SEED})`, () => {
  const random = seededRandom(SEED)
  const working = new AbortController()
  let cloud: RealCloud
  let clients: RestlessClient[]

  before(async () => {
    cloud = await RealCloud.start({ driver: 'fake', fakeHosts: 3, config: CONFIG })
    const things = await thingsOf(cloud.demo)
    clients = Array.from({ length: CLIENTS }, (_, index) => {
      const own = { seed: SEED * 1000 + index, prefix: `restless${index}` }
      return new RestlessClient({ client: cloud.demo, things, larger: LARGER, ...own })
    })
  })
  after(() => cloud?.remove())

  const accepted = () => clients.flatMap((client) => client.accepted)

  const tasks = async (query = ''): Promise<Task[]> =>
    (await cloud.admin.ask<{ tasks: Task[] }>({ path: `/kilonova/v1/tasks${query}` })).tasks

  const ended = async (): Promise<Set<string>> =>
    new Set((await tasks()).flatMap(({ id, ended_at }) => (ended_at === null ? [] : [id])))

  /** In every other life it dies blindly, perhaps while it starts; else not before it has got something done. */
  async function live(life: number): Promise<void> {
    const started = cloud.up().catch(() => undefined) // it may die before it answers
    if (life % 2 === 0) await systemClock.sleep(random.float() * 2000)
    else {
      await started
      const before = await ended()
      await systemClock.sleep(random.float() * 1000)
      const progress = async () => ((await ended()).difference(before).size > 0 ? true : undefined)
      assert.ok(await until(PATIENCE_SECONDS, progress, 50), `nothing has ended in life ${life}`)
    }
    assert.ok(cloud.runs, `it has ended by itself in life ${life}`)
    await cloud.kill()
    assert.deepEqual(await cloud.end(), { code: null, signal: 'SIGKILL' })
    await started
  }

  /** Waits until every operation has ended. */
  async function settled(): Promise<void> {
    const none = await until(
      PATIENCE_SECONDS,
      async () => ((await tasks('?live=true')).length === 0 ? true : undefined),
      50,
    )
    assert.ok(none, `these do not end: ${JSON.stringify(await tasks('?live=true'))}`)
  }

  it('answers again, and brings to an end what it has accepted', async () => {
    const loads = clients.map((client) => client.work(working.signal))
    await cloud.kill()
    for (let life = 1; life <= DEATHS; life++) await live(life)
    working.abort()
    await Promise.all(loads)
    const begin = systemClock.monotonic()
    const starting = cloud.up()
    const heard = await until(PATIENCE_SECONDS, async () => ((await answers(cloud.url)) ? true : undefined), 5)
    assert.ok(heard, 'it does not answer')
    const answered = systemClock.monotonic() - begin
    await starting
    const left = (await tasks('?live=true')).length
    await settled()
    const all = systemClock.monotonic() - begin
    const figures = `answered after ${(answered / 1000).toFixed(1)} s, ${left} operations were left`
    console.log(`${accepted().length} requests accepted; ${figures} and had ended after ${(all / 1000).toFixed(1)} s`)
    assert.deepEqual(
      clients.flatMap((client) => client.outrages),
      [],
    )
  })

  it('has a record of each accepted request', async () => {
    const lost: object[] = []
    for (const one of accepted()) {
      const path = `/compute/v2.1/servers/${one.server}/os-instance-actions/${one.request}`
      const reply = await cloud.admin.send({ path })
      if (!reply.ok) lost.push(one)
      await reply.body?.cancel()
    }
    assert.deepEqual(lost, [])
    const deleted = new Set(accepted().flatMap(({ what, server }) => (what === 'delete' ? [server] : [])))
    for (const id of deleted) assert.equal(await findServer(cloud.demo, id), undefined, `${id} was deleted`)
  })

  it('has left every server and everything of it whole', async () => {
    const path = '/compute/v2.1/servers/detail'
    type Shown = { id: string; status: string; fault?: object }
    const { servers } = await cloud.demo.ask<{ servers: Shown[] }>({ path })
    assert.deepEqual(
      servers.filter(({ status }) => !RESTS.includes(status)),
      [],
    )
    await cloud.ready()
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    const { limits } = await cloud.demo.ask<{ limits: { absolute: { totalInstancesUsed: number } } }>({
      path: '/compute/v2.1/limits',
    })
    assert.equal(limits.absolute.totalInstancesUsed, servers.length)
  })

  it('tells the same story in its tables', async () => {
    await cloud.stop()
    const config = await loadConfig(undefined, cloud.state.configFile)
    const store = openDatabase({ config, state: cloud.state })
    try {
      const compute = { store } as Compute
      const all = await new Tasks({ store, owner: 'reader' }).list({ limit: 100_000 })
      const rows = await tables(compute).selectFrom('compute_servers').selectAll().execute()
      const ofServers = all.filter(({ resource }) => resource?.type === 'server')
      const problems = [
        ...(await actionProblems(compute, ofServers)),
        ...(await eventProblems(compute, rows)),
        ...(await localDiskProblems(compute, rows)),
      ]
      assert.deepEqual(problems, [])
    } finally {
      await store.close()
    }
  })

  it('can be emptied, and then nothing is left', async () => {
    await cloud.up()
    await cloud.ready()
    const { servers } = await cloud.demo.ask<{ servers: { id: string }[] }>({ path: '/compute/v2.1/servers' })
    await Promise.all(servers.map(({ id }) => removeServer(cloud.demo, id)))
    const { orphans, unchecked, checked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    assert.deepEqual([checked['domain'], checked['instance-files']], [0, 0])
    const { ports } = await cloud.demo.ask<{ ports: unknown[] }>({
      path: '/network/v2.0/ports?device_owner=compute:nova',
    })
    assert.deepEqual(ports, [])
    const { usages } = await cloud.admin.ask<{ usages: object }>({
      path: `/placement/usages?project_id=${cloud.demo.projectId}`,
      headers: { 'openstack-api-version': 'placement 1.36' },
    })
    assert.deepEqual(usages, {})
  })
})
