import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { imageOptions } from '@kilonova/image/options'
import { imageSchema } from '@kilonova/image/schema'
import type { ImageService } from '@kilonova/image/service'
import { createImageService } from '@kilonova/image/service'
import { memoryStore } from '@kilonova/store/testing'
import { computeAgent } from './agent.ts'
import { FakeHypervisor } from './drivers/fake/fake-hypervisor.ts'
import { FakeStorage } from './drivers/fake/fake-storage.ts'
import { Weather } from './drivers/fake/weather.ts'
import type { GuestSpec } from './guest-spec.ts'
import { POWER } from './power-state.ts'
import type { ComputeAgent, SnapshotOfGuest } from './protocol.ts'
import { makeGuest, makeImage } from './testing.ts'

const COPY_TIME = 10_000
const context = adminContext()

describe('snapshots of a host', () => {
  let clock: VirtualClock
  let hypervisor: FakeHypervisor
  let storage: FakeStorage
  let image: ImageService
  let close: (() => Promise<void>) | undefined

  const agentOf = (options: { most?: number; alwaysHolds?: boolean } = {}): ComputeAgent =>
    computeAgent({
      ...{ hypervisor, storage, clock, nodeUuid: systemRandom.uuid(), dhcpDomain: '' },
      vifs: { plug: async () => undefined, unplug: async () => undefined },
      vendorData: async () => ({ static: {}, dynamic: {} }),
      snapshots: { image: image.client, most: 5, alwaysHolds: false, ...options },
    })

  before(async () => {
    const store = await memoryStore(imageSchema)
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-snapshots-'))
    const { image: options } = readConfig({ image: imageOptions }, '')
    image = createImageService({ store, directory, options: { ...options, reserved_space_mb: 0 } })
    await image.start()
    close = async () => {
      await image.stop()
      await store.close()
      await rm(directory, { recursive: true })
    }
  })
  after(() => close?.())

  beforeEach(() => {
    clock = new VirtualClock()
    const weather = new Weather({ clock })
    hypervisor = new FakeHypervisor({ name: 'fake-1', copyTime: COPY_TIME, weather })
    storage = new FakeStorage({ weather })
  })

  async function running(agent: ComputeAgent, properties: Record<string, string> = {}): Promise<GuestSpec> {
    const guest = makeGuest({ image: makeImage({ properties }) })
    await agent.prepareImage(guest.image!)
    guest.disks = await agent.createDisks(guest)
    await agent.start(guest)
    return guest
  }

  /** Lets time pass until it has ended. */
  async function passing<T>(work: Promise<T>): Promise<T> {
    let over = false
    work.then(
      () => (over = true),
      () => (over = true),
    )
    while (!over) {
      await clock.advance(500)
      await systemClock.sleep(0)
    }
    return work
  }

  /** With an image that waits for it. */
  async function snapshotOf(guest: GuestSpec): Promise<SnapshotOfGuest> {
    const formats = { disk_format: 'qcow2', container_format: 'bare' }
    const { id: imageId } = await image.client.create(context, { name: 'snapshot', ...formats })
    return { guest, imageId }
  }

  async function sentBy(agent: ComputeAgent, snapshot: SnapshotOfGuest) {
    for (;;) {
      const sent = await passing(agent.uploadSnapshot!(snapshot))
      if (sent.done) return sent
    }
  }

  const ended = (): Promise<unknown> => passing(clock.sleep(COPY_TIME))

  it('tells how far it is, and fills the image', async () => {
    const agent = agentOf()
    const guest = await running(agent)
    const snapshot = await snapshotOf(guest)
    const first = await passing(agent.copySnapshot!(snapshot))
    assert.deepEqual(first, { done: false, doing: 'copying', percent: 0 })
    assert.equal(await hypervisor.powerState(guest.id), POWER.RUNNING)
    await passing(clock.sleep(COPY_TIME / 2))
    const second = await passing(agent.copySnapshot!(snapshot))
    assert.ok(!second.done && second.percent >= 50, JSON.stringify(second))
    await ended()
    const { done } = await passing(agent.copySnapshot!(snapshot))
    assert.equal(done, true)
    const sent = await sentBy(agent, snapshot)
    const filled = await image.client.show(context, snapshot.imageId)
    assert.deepEqual([filled.status, filled.size], ['active', sent.size])
    assert.deepEqual(await passing(agent.uploadSnapshot!(snapshot)), sent)
    assert.deepEqual(await agent.storedSnapshots(), [snapshot.imageId])
    await agent.removeSnapshot!(snapshot)
    assert.deepEqual(await storage.work(), [])
    assert.deepEqual(await hypervisor.diskCopies.begun(), [])
  })

  it('ends a copy half-way, and the guest goes on', async () => {
    const agent = agentOf()
    const guest = await running(agent)
    const snapshot = await snapshotOf(guest)
    await passing(agent.copySnapshot!(snapshot))
    assert.deepEqual(await hypervisor.diskCopies.begun(), [guest.id])
    await passing(agent.removeSnapshot!(snapshot))
    await passing(agent.removeSnapshot!(snapshot))
    assert.deepEqual(await hypervisor.diskCopies.begun(), [])
    assert.deepEqual(await storage.work(), [])
    assert.equal(await hypervisor.powerState(guest.id), POWER.RUNNING)
  })

  it('ends what nobody asks after any more', async () => {
    const agent = agentOf()
    const guest = await running(agent)
    await passing(agent.copySnapshot!(await snapshotOf(guest)))
    await passing(clock.sleep(1_000_000))
    assert.deepEqual(await storage.work(), [])
    assert.deepEqual(await hypervisor.diskCopies.begun(), [])
  })

  it('holds a guest where live copies are turned off, and lets it go on as it was', async () => {
    const agent = agentOf({ alwaysHolds: true })
    for (const state of [POWER.RUNNING, POWER.PAUSED, POWER.SHUTDOWN]) {
      const guest = await running(agent)
      if (state === POWER.PAUSED) await agent.suspendGuest(guest)
      if (state === POWER.SHUTDOWN) await agent.stop({ id: guest.id, how: 'force' })
      const { done } = await passing(agent.copySnapshot!(await snapshotOf(guest)))
      assert.equal(done, true)
      assert.equal(await hypervisor.powerState(guest.id), state)
    }
  })

  it('lets a held guest go on when its copy fails', async () => {
    const agent = agentOf({ alwaysHolds: true })
    const guest = await running(agent)
    storage.weather.breakNext('extract')
    await assert.rejects(passing(agent.copySnapshot!(await snapshotOf(guest))), (error) =>
      isFault(error, 'HypervisorFailed'),
    )
    assert.equal(await hypervisor.powerState(guest.id), POWER.RUNNING)
  })

  it('copies the disk as it stands when the guest goes off meanwhile', async () => {
    const agent = agentOf()
    const guest = await running(agent)
    const snapshot = await snapshotOf(guest)
    await passing(agent.copySnapshot!(snapshot))
    hypervisor.incident(guest.id, 'poweroff')
    await ended()
    assert.equal((await passing(agent.copySnapshot!(snapshot))).done, true)
    assert.equal(await hypervisor.powerState(guest.id), POWER.SHUTDOWN)
  })

  it('refuses where a guest must be quiesced and cannot, and tries again when asked again', async () => {
    const agent = agentOf()
    const guest = await running(agent, { os_require_quiesce: 'yes' })
    const snapshot = await snapshotOf(guest)
    await passing(agent.copySnapshot!(snapshot))
    await ended()
    await assert.rejects(agent.copySnapshot!(snapshot), (error) => isFault(error, 'QuiesceNotPossible'))
    assert.equal((await passing(agent.copySnapshot!(snapshot))).done, false)
    const other = await running(agent, { os_require_quiesce: 'yes', hw_qemu_guest_agent: 'yes' })
    const quiesced = await snapshotOf(other)
    await passing(agent.copySnapshot!(quiesced))
    await ended()
    assert.equal((await passing(agent.copySnapshot!(quiesced))).done, true)
  })

  it('makes so many at once, the others wait', async () => {
    const agent = agentOf({ most: 1 })
    const [one, two] = [await running(agent), await running(agent)]
    await passing(agent.copySnapshot!(await snapshotOf(one)))
    const waiting = await snapshotOf(two)
    assert.deepEqual(await passing(agent.copySnapshot!(waiting)), { done: false, doing: 'waiting', percent: 0 })
    await ended()
    const now = await passing(agent.copySnapshot!(waiting))
    assert.ok(now.done || now.doing === 'copying')
  })

  it('ends what an agent that died had begun', async () => {
    const guest = await running(agentOf())
    await hypervisor.diskCopies.hold(guest.id)
    hypervisor.weather.breakNext('release')
    agentOf()
    await clock.advance(1)
    assert.equal(await hypervisor.powerState(guest.id), POWER.SHUTDOWN)
    await clock.advance(60_000)
    assert.equal(await hypervisor.powerState(guest.id), POWER.RUNNING)
  })

  it('begins anew what an agent that died has left', async () => {
    const guest = await running(agentOf())
    const snapshot = await snapshotOf(guest)
    await passing(agentOf().copySnapshot!(snapshot))
    const next = agentOf()
    await sentBy(next, snapshot)
    assert.equal((await image.client.show(context, snapshot.imageId)).status, 'active')
  })
})
