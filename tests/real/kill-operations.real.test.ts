// kill -9 of the cloud at every step of what is done to living servers; each time it is started again and looked at.
// One death finds several servers, each at a step of another operation.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import { allStepNames } from '@kilonova/cloud/operator/steps'
import { RealCloud } from './real-cloud.ts'
import { act, active, createServer, removeServer, settled, showServer, thingsOf } from './servers.ts'

interface Operation {
  body: () => object
  /** What the server may be when the cloud has brought the operation to an end. */
  ends: string[]
}

const CONFIG = `[compute]
virt_type = "qemu"
vnc_enabled = false
allow_resize_to_same_host = true
shutdown_timeout = 5
`

/** What makes a server ACTIVE again. */
const BACK: Record<string, object> = {
  SHUTOFF: { 'os-start': null },
  RESCUE: { unrescue: null },
  VERIFY_RESIZE: { revertResize: null },
  SHELVED: { unshelve: null },
  SHELVED_OFFLOADED: { unshelve: null },
}

/** Operations that one server goes through, one death after the other: about equally many steps each. */
const LANES = [
  ['server.stop', 'server.reboot', 'server.hard-reboot', 'server.shelve'],
  ['server.snapshot', 'server.rescue'],
  ['server.resize'],
]

interface Point {
  task: string
  failpoint: string
}

/** From the last step to the first, so that the next process does not meet its own failpoint on the way. */
function pointsOf(task: string): Point[] {
  const steps = allStepNames().filter((step) => step.startsWith(`${task}.`) && !step.endsWith('.undo'))
  return steps.toReversed().map((step) => ({ task, failpoint: `${step}:effect:crash` }))
}

describe('servers whose cloud is killed after the effect of every step', () => {
  let cloud: RealCloud
  let ids: string[]
  let larger: string
  /** Of the last death: what each server may be now. */
  let expected = LANES.map(() => ['ACTIVE'])

  const operations: Record<string, Operation> = {
    'server.stop': { body: () => ({ 'os-stop': null }), ends: ['SHUTOFF', 'ACTIVE'] },
    'server.reboot': { body: () => ({ reboot: { type: 'SOFT' } }), ends: ['ACTIVE'] },
    'server.hard-reboot': { body: () => ({ reboot: { type: 'HARD' } }), ends: ['ACTIVE'] },
    'server.snapshot': { body: () => ({ createImage: { name: 'kept' } }), ends: ['ACTIVE'] },
    'server.rescue': { body: () => ({ rescue: {} }), ends: ['RESCUE', 'ACTIVE'] },
    'server.resize': { body: () => ({ resize: { flavorRef: larger } }), ends: ['VERIFY_RESIZE', 'ACTIVE'] },
    'server.shelve': { body: () => ({ shelve: null }), ends: ['SHELVED', 'SHELVED_OFFLOADED', 'ACTIVE'] },
  }

  before(async () => {
    cloud = await RealCloud.start({ config: CONFIG })
    const things = await thingsOf(cloud.demo)
    ids = await Promise.all(LANES.map((_, index) => createServer(cloud.demo, things, { name: `mortal-${index}` })))
    for (const id of ids) await active(cloud.demo, id)
    const { flavors } = await cloud.demo.ask<{ flavors: { id: string; name: string }[] }>({
      path: '/compute/v2.1/flavors',
    })
    larger = flavors.find(({ name }) => name === 'm1.micro')!.id
    await cloud.stop()
  })
  after(() => cloud?.remove())

  /** The operations have come to an end, nothing lies about, and the servers are made what they were. */
  async function lookAndMend(): Promise<void> {
    const servers = await Promise.all(ids.map((id) => settled(cloud.demo, id)))
    for (const [index, server] of servers.entries())
      assert.ok(server && expected[index]!.includes(server.status), JSON.stringify(server))
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    await dropImages()
    await Promise.all(servers.map((server) => mend(server!.id, BACK[server!.status])))
  }

  async function mend(id: string, action: object | undefined): Promise<void> {
    if (action) await act(cloud.demo, id, action)
    await active(cloud.demo, id)
    assert.match(await cloud.virsh('domstate', id), /^running/)
  }

  /** Every image that is left is whole; one that an offloaded server comes back from is its own. */
  async function dropImages(): Promise<void> {
    for (const { id, name, status } of await ownImages()) {
      assert.equal(status, 'active', name)
      if (name === 'kept') await cloud.demo.ask({ method: 'DELETE', path: `/image/v2/images/${id}` })
    }
  }

  async function ownImages(): Promise<{ id: string; name: string; status: string }[]> {
    const path = '/image/v2/images?visibility=private'
    return (await cloud.demo.ask<{ images: { id: string; name: string; status: string }[] }>({ path })).images
  }

  const lanes = LANES.map((tasks) => tasks.flatMap(pointsOf))
  const rounds = Array.from({ length: Math.max(...lanes.map(({ length }) => length)) }, (_, round) =>
    lanes.map((points) => points[round]),
  )

  for (const points of rounds) {
    const failpoints = points.flatMap((point) => point?.failpoint ?? []).join(',')
    it(failpoints, async () => {
      await cloud.kill()
      await cloud.up({ KILONOVA_FAILPOINT: failpoints })
      await cloud.ready()
      await lookAndMend()
      expected = points.map((point) => (point ? operations[point.task]!.ends : ['ACTIVE']))
      await Promise.all(
        points.map(async (point, index) => {
          if (point) await act(cloud.demo, ids[index]!, operations[point.task]!.body()).catch(unlessDead)
        }),
      )
      const died = await until(480, async () => (cloud.runs ? undefined : true), 20)
      const shown = died ? [] : await Promise.all(ids.map((id) => showServer(cloud.demo, id).catch(String)))
      assert.ok(died, `${failpoints} did not fire: ${JSON.stringify(shown)}`)
      assert.deepEqual(await cloud.end(), { code: null, signal: 'SIGKILL' })
    })
  }

  /** The reply may be lost. */
  async function unlessDead(error: unknown): Promise<void> {
    if (!(await until(60, async () => (cloud.runs ? undefined : true), 20))) throw error
  }

  it('are whole in the end, and leave nothing', async () => {
    await cloud.kill()
    await cloud.up()
    await cloud.ready()
    await lookAndMend()
    for (const id of ids) await removeServer(cloud.demo, id)
    assert.deepEqual(await ownImages(), [])
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  })
})
