// kill -9 of the cloud at every step of making and deleting a server; each time it is started again and looked at.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { until } from '@kilonova/cloud/api-client'
import { allStepNames } from '@kilonova/cloud/operator/steps'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { active, createServer, removeServer, settled, thingsOf } from './servers.ts'

const PLACES = ['before', 'effect', 'after']
const NAME = 'mortal'
const TASKS = ['server.build', 'server.delete']
/** What makes a build fail late, so that every one of its steps is undone. */
const FAILS_LATE = 'server.build.run:before:error'

/** A failpoint with what has to be asked for so that its step runs. */
interface Point {
  step: string
  failpoint: string
  deletes: boolean
  fails: boolean
}

/**
 * From the last step to the first, so that the next process can end what this one leaves without meeting its own
 * failpoint on the way, mostly.
 */
function pointsOf(places: string[]): Point[] {
  const steps = allStepNames().filter((name) => TASKS.some((task) => name.startsWith(`${task}.`)))
  return steps.toReversed().flatMap((step) =>
    places.toReversed().map((place) => {
      const fails = step.endsWith('.undo')
      const failpoint = [...(fails ? [FAILS_LATE] : []), `${step}:${place}:crash`].join(',')
      return { step, failpoint, deletes: step.startsWith('server.delete.'), fails }
    }),
  )
}

class Killing {
  readonly #cloud: RealCloud
  readonly #things: Things
  /** Where the last process died. Its server is looked for by name: the reply that named its id may be lost. */
  #last: Point | undefined
  /** Of the last request for a server. */
  #key = ''

  constructor(cloud: RealCloud, things: Things) {
    this.#cloud = cloud
    this.#things = things
  }

  /** Starts the cloud with the failpoint and has it die there; what the one before it left is looked at first. */
  async dieAt(point: Point): Promise<void> {
    try {
      await this.#unlessItDies(() => this.#workTo(point))
      this.#last = point
      assert.deepEqual(await this.#cloud.end(), { code: null, signal: 'SIGKILL' }, `${point.failpoint} did not fire`)
    } finally {
      await this.#cloud.kill()
    }
  }

  async #workTo({ deletes, failpoint }: Point): Promise<void> {
    await this.#cloud.up({ KILONOVA_FAILPOINT: failpoint })
    await this.#cloud.ready()
    await this.checkLast()
    this.#key = systemRandom.uuid()
    const id = await this.#create()
    if (!deletes) return
    await active(this.#cloud.demo, id)
    await this.#cloud.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
  }

  #create(): Promise<string> {
    return createServer(this.#cloud.demo, this.#things, { name: NAME }, this.#key)
  }

  async #ids(): Promise<string[]> {
    const path = `/compute/v2.1/servers?all_tenants=1&name=^${NAME}$`
    return (await this.#cloud.admin.ask<{ servers: { id: string }[] }>({ path })).servers.map(({ id }) => id)
  }

  /** It may die earlier, too: while it takes up the work of the one before, or before it has replied. */
  async #unlessItDies(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const died = await until(60, async () => (this.#cloud.runs ? undefined : true), 20)
      if (!died) throw error
    }
  }

  /** What the last process left has come to a good end, and nothing lies about. */
  async checkLast(): Promise<void> {
    if (!this.#last) return
    const { failpoint, deletes, fails } = this.#last
    this.#last = undefined
    const { admin } = this.#cloud // who is told the whole reason
    const [id] = await this.#ids()
    const server = id === undefined ? undefined : await settled(admin, id)
    const again = await this.#create()
    const known = server ? [server.id] : []
    assert.deepEqual(await this.#ids(), known, `${failpoint}: the repeated request is the same server`)
    if (server) assert.equal(again, server.id, failpoint)
    const { orphans, unchecked } = await this.#cloud.audit()
    if (server) await removeServer(admin, server.id)
    const what = `${failpoint}: ${JSON.stringify([server?.status, server?.fault])}`
    assert.equal(server?.status, deletes ? undefined : fails ? 'ERROR' : 'ACTIVE', what)
    if (fails) assert.ok(server?.fault?.message, what)
    assert.deepEqual([orphans, unchecked], [[], []], failpoint)
  }
}

describe('a cloud on a fake host that is killed at every place of every step', () => {
  let cloud: RealCloud
  let killing: Killing

  before(async () => {
    cloud = await RealCloud.start({ driver: 'fake', config: '' })
    killing = new Killing(cloud, await thingsOf(cloud.demo))
    await cloud.stop()
  })
  after(() => cloud?.remove())

  for (const point of pointsOf(PLACES)) it(point.failpoint, () => killing.dieAt(point))

  it('has brought every server to an end', async () => {
    await cloud.up()
    await cloud.ready()
    await killing.checkLast()
    const { servers } = await cloud.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })
    assert.deepEqual(servers, [])
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})

describe('a cloud with real guests that is killed after the effect of every step', () => {
  let cloud: RealCloud
  let killing: Killing
  let things: Things
  let bystander: string
  let pid: string

  const pidOf = async (id: string): Promise<string> =>
    (await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`], { accept: [0, 1] })).stdout.trim()

  before(async () => {
    cloud = await RealCloud.start()
    things = await thingsOf(cloud.demo)
    killing = new Killing(cloud, things)
    bystander = await createServer(cloud.demo, things, { name: 'bystander' })
    await active(cloud.demo, bystander)
    pid = await pidOf(bystander)
    assert.notEqual(pid, '')
    await cloud.stop()
  })
  after(() => cloud?.remove())

  for (const point of pointsOf(['effect'])) {
    it(point.failpoint, async () => {
      await killing.dieAt(point)
      assert.equal(await pidOf(bystander), pid)
    })
  }

  it('has brought every server to an end', async () => {
    await cloud.up()
    await cloud.ready()
    await killing.checkLast()
  })

  it('lets a server be deleted while it is being made', async () => {
    for (const ms of [0, 100, 400]) {
      const id = await createServer(cloud.demo, things)
      await systemClock.sleep(ms)
      await removeServer(cloud.demo, id)
      const { orphans, unchecked } = await cloud.audit()
      assert.deepEqual([orphans, unchecked], [[], []], `deleted after ${ms} ms`)
    }
  })

  it('has not touched the guest beside them', async () => {
    assert.equal(await pidOf(bystander), pid)
    assert.equal((await active(cloud.demo, bystander)).status, 'ACTIVE')
    await removeServer(cloud.demo, bystander)
    assert.equal(await pidOf(bystander), '')
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    const { usages } = await cloud.admin.ask<{ usages: object }>({
      path: `/placement/usages?project_id=${cloud.demo.projectId}`,
      headers: { 'openstack-api-version': 'placement 1.36' },
    })
    assert.deepEqual(usages, {})
  })
})
