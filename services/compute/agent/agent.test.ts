import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { LocalBus } from '@kilonova/bus/local'
import { computeAgent } from './agent.ts'
import { FakeHypervisor } from './drivers/fake/fake-hypervisor.ts'
import { FakeStorage } from './drivers/fake/fake-storage.ts'
import { Weather } from './drivers/fake/weather.ts'
import type { GuestSpec, GuestVif } from './guest-spec.ts'
import { POWER } from './power-state.ts'
import { type ComputeAgent, computeTopic } from './protocol.ts'
import { makeGuest, makeImage, makeVif } from './testing.ts'

const NODE = '7d1ad0e5-2b5a-4b1c-9d0e-0123456789ab'

function make({ shutdownTime = 0 as number | null } = {}) {
  const clock = new VirtualClock()
  const weather = new Weather({ clock })
  const hypervisor = new FakeHypervisor({ name: 'fake-1', shutdownTime, weather })
  const storage = new FakeStorage({ localGb: 100, weather })
  const plugged = new Set<string>()
  const vifs = {
    plug: async ({ tap }: GuestVif) => void plugged.add(tap),
    unplug: async ({ tap }: GuestVif) => void plugged.delete(tap),
  }
  const vendorData = async () => ({ static: {}, dynamic: {} })
  const agent = computeAgent({ hypervisor, storage, vifs, nodeUuid: NODE, dhcpDomain: '', vendorData, clock })
  return { agent, hypervisor, storage, plugged, clock, weather }
}

async function build(agent: ComputeAgent, parts: Partial<GuestSpec> = {}): Promise<GuestSpec> {
  const guest = makeGuest({ vifs: [makeVif()], configDrive: true, ...parts })
  await agent.prepareImage(guest.image!)
  guest.disks = await agent.createDisks(guest)
  await agent.plug(guest)
  guest.devices = await agent.define(guest)
  await agent.makeConfigDrive(guest)
  await agent.startPaused({ id: guest.id })
  await agent.resumeGuest({ id: guest.id })
  return guest
}

/** Lets virtual time pass until the promise is settled. */
async function during<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false
  const watched = promise.finally(() => {
    settled = true
  })
  watched.catch(() => undefined)
  for (let step = 0; !settled && step < 10_000; step++) await clock.advance(100)
  return watched
}

describe('the compute agent', () => {
  test('saves a guest’s memory, and plugs before it goes on from there', async () => {
    const { agent, plugged, weather } = make()
    const guest = await build(agent)
    for (let i = 0; i < 2; i++) await agent.managedSave!({ id: guest.id })
    assert.equal(await agent.powerState({ id: guest.id }), POWER.SHUTDOWN)
    plugged.clear()
    weather.breakNext('restore')
    await assert.rejects(agent.restore!(guest), (error) => isFault(error, 'HypervisorFailed'))
    assert.equal(plugged.size, 1)
    for (let i = 0; i < 2; i++) await agent.restore!(guest)
    assert.equal(await agent.powerState({ id: guest.id }), POWER.RUNNING)
  })

  test('rescues a guest and brings it back, each step twice', async () => {
    const { agent, hypervisor, storage } = make()
    const guest = await build(agent)
    const image = makeImage()
    const [own, files] = [hypervisor.disksOf(guest.id), storage.paths(guest.id)]
    await agent.prepareImage(image)
    for (let i = 0; i < 2; i++) {
      const disks = await agent.createRescueDisks({ guest, image })
      const rescued = { ...guest, rescue: { image, disks } }
      if (i === 0) await agent.stop({ id: guest.id, how: 'force' })
      await agent.define(rescued)
      await agent.makeConfigDrive(rescued)
      await agent.start(rescued)
      assert.deepEqual(
        hypervisor.disksOf(guest.id),
        disks.map(({ source }) => source.path),
      )
      assert.deepEqual(
        disks.map(({ role }) => role),
        ['rescue', 'root', 'config'],
      )
    }
    assert.equal(storage.paths(guest.id).length, files.length + 2)
    await agent.stop({ id: guest.id, how: 'force' })
    for (let i = 0; i < 2; i++) {
      await agent.start(guest)
      await agent.removeRescueDisks({ id: guest.id })
      assert.deepEqual([hypervisor.disksOf(guest.id), storage.paths(guest.id)], [own, files])
    }
  })

  test('rebuilds a guest beside its old disks, each step twice', async () => {
    const { agent, hypervisor, storage } = make()
    const guest = await build(agent)
    const image = makeImage()
    await agent.prepareImage(image)
    for (let i = 0; i < 2; i++) {
      const disks = await agent.planRebuild({ guest: { ...guest, image }, generation: 'g1', keepsEphemeral: false })
      const rebuilt = { ...guest, image, disks: await agent.createDisks({ ...guest, image, disks }) }
      if (i === 0) await agent.stop({ id: guest.id, how: 'force' })
      await agent.define(rebuilt)
      await agent.makeConfigDrive(rebuilt)
      await agent.start(rebuilt)
      const paths = rebuilt.disks.map(({ source }) => source.path)
      assert.deepEqual(hypervisor.disksOf(guest.id), paths)
      assert.deepEqual(storage.paths(guest.id), [...guest.disks.map(({ source }) => source.path), ...paths].toSorted())
      for (const path of paths) assert.match(path, /\.g1$/)
    }
    for (let i = 0; i < 2; i++) await agent.removeDisks({ id: guest.id, disks: guest.disks })
    assert.deepEqual(storage.paths(guest.id), hypervisor.disksOf(guest.id).toSorted())
  })

  test('builds a guest, each step twice, and takes it down, each step twice', async () => {
    const { agent, plugged } = make()
    const guest = await build(agent, { vifs: [makeVif({ tag: 'front' })] })
    const disks = guest.disks
    assert.deepEqual(
      disks.map(({ role }) => role),
      ['root', 'config'],
    )
    await agent.prepareImage(guest.image!)
    assert.deepEqual(await agent.createDisks(guest), disks)
    await agent.plug(guest)
    assert.deepEqual(await agent.define(guest), guest.devices)
    assert.deepEqual(guest.devices[0]?.tags, ['front'])
    await agent.makeConfigDrive(guest)
    await agent.startPaused({ id: guest.id })
    await agent.resumeGuest({ id: guest.id })
    assert.equal(await agent.powerState({ id: guest.id }), POWER.RUNNING)
    assert.deepEqual([...plugged], [guest.vifs[0]?.tap])
    assert.deepEqual(await agent.storedGuests(), [guest.id])
    for (let i = 0; i < 2; i++) {
      await agent.destroyGuest({ id: guest.id })
      await agent.unplug(guest)
      await agent.deleteFiles({ id: guest.id })
    }
    assert.deepEqual(await agent.guests(), [])
    assert.deepEqual(await agent.storedGuests(), [])
    assert.equal(plugged.size, 0)
    assert.equal((await agent.inventory()).diskAvailableLeast, 100)
  })

  test('answers over the bus, and its faults arrive as faults', async () => {
    const { agent } = make()
    const bus = new LocalBus()
    await bus.serve<ComputeAgent>(computeTopic('host1'), agent as Required<ComputeAgent>)
    const remote = bus.remote<Required<ComputeAgent>>(computeTopic('host1'))
    const guest = makeGuest()
    await assert.rejects(remote.createDisks(guest), (error) => isFault(error, 'ImageNotCached'))
    assert.equal((await remote.inventory(null)).uuid, NODE)
    assert.equal(await remote.powerState({ id: guest.id }), POWER.NOSTATE)
    await bus.close()
  })

  test('a guest that obeys is stopped cleanly', async () => {
    const { agent, clock } = make({ shutdownTime: 3_000 })
    const { id } = await build(agent)
    assert.deepEqual(await during(clock, agent.stop({ id, how: 'acpi', timeout: 60 })), { clean: true })
    assert.equal(await agent.powerState({ id }), POWER.SHUTDOWN)
    assert.deepEqual(await agent.stop({ id, how: 'acpi' }), { clean: true })
  })

  test('a guest that does not obey is forced when its time is over, not before', async () => {
    const { agent, clock } = make({ shutdownTime: null })
    const { id } = await build(agent)
    const stopping = agent.stop({ id, how: 'acpi', timeout: 60 })
    await clock.advance(59_000)
    assert.equal(await agent.powerState({ id }), POWER.RUNNING)
    assert.deepEqual(await during(clock, stopping), { clean: false })
    assert.equal(await agent.powerState({ id }), POWER.SHUTDOWN)
  })

  test('force does not wait for a polite stop under way', async () => {
    const { agent } = make({ shutdownTime: null })
    const { id } = await build(agent)
    const polite = agent.stop({ id, how: 'acpi', timeout: 3600 })
    const refused = assert.rejects(polite, (error) => isFault(error, 'GuestBusy'))
    await new Promise((resolve) => setImmediate(resolve))
    await agent.stop({ id, how: 'force' })
    assert.equal(await agent.powerState({ id }), POWER.SHUTDOWN)
    await refused
  })

  test('destroy cuts short a soft reboot, and the guest stays gone', async () => {
    const { agent } = make({ shutdownTime: null })
    const guest = await build(agent)
    const reboot = agent.reboot({ guest, how: 'soft', timeout: 3600 })
    reboot.catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    await agent.destroyGuest({ id: guest.id })
    await assert.rejects(reboot, (error) => isFault(error, 'GuestBusy'))
    assert.equal(await agent.powerState({ id: guest.id }), POWER.NOSTATE)
  })

  test('a hard reboot cuts short a soft one, and boots once', async () => {
    const { agent } = make({ shutdownTime: null })
    const guest = await build(agent)
    const soft = agent.reboot({ guest, how: 'soft', timeout: 3600 })
    soft.catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await agent.reboot({ guest, how: 'hard' }), { how: 'hard' })
    await assert.rejects(soft, (error) => isFault(error, 'GuestBusy'))
    const boots = (await agent.consoleOutput({ id: guest.id, length: null })).match(/login-ready/g)
    assert.equal(boots?.length, 2)
  })

  test('a soft reboot starts the guest again, or becomes a hard one', async () => {
    const obeys = make({ shutdownTime: 1_000 })
    const guest = await build(obeys.agent)
    assert.deepEqual(await during(obeys.clock, obeys.agent.reboot({ guest, how: 'soft' })), { how: 'soft' })
    assert.equal(await obeys.agent.powerState({ id: guest.id }), POWER.RUNNING)
    const ignores = make({ shutdownTime: null })
    const other = await build(ignores.agent)
    assert.deepEqual(await during(ignores.clock, ignores.agent.reboot({ guest: other, how: 'soft' })), { how: 'hard' })
    assert.equal(await ignores.agent.powerState({ id: other.id }), POWER.RUNNING)
    assert.match(await ignores.agent.consoleOutput({ id: other.id, length: null }), /(login-ready\n.*){2}/)
  })

  test('a hard reboot and a start plug and define anew, also where nothing was left', async () => {
    const { agent, hypervisor, plugged } = make()
    const guest = await build(agent)
    for (const again of [() => agent.reboot({ guest, how: 'hard' }), () => agent.start(guest)]) {
      hypervisor.incident(guest.id, 'remove')
      plugged.clear()
      await again()
      assert.equal(await agent.powerState({ id: guest.id }), POWER.RUNNING)
      assert.equal(plugged.size, 1)
    }
  })

  test('files of a guest that is defined are not deleted', async () => {
    const { agent } = make()
    const { id } = await build(agent)
    await assert.rejects(agent.deleteFiles({ id }), (error) => isFault(error, 'GuestBusy'))
  })

  test('an image larger than the flavor is refused', async () => {
    const { agent } = make()
    const image = makeImage({ size: 2 * 2 ** 30 })
    const flavor = { ...makeGuest().flavor, rootGb: 1 }
    await assert.rejects(build(agent, { image, flavor }), (error) => isFault(error, 'FlavorDiskSmallerThanImage'))
  })

  test('console output is cut to its last lines', async () => {
    const { agent } = make()
    const guest = await build(agent, { hostname: 'h' })
    for (let i = 0; i < 2; i++) await agent.reboot({ guest, how: 'hard' })
    const line = 'h login-ready'
    const cases: [number | null, string][] = [
      [null, `${line}\n${line}\n${line}\n`],
      [-1, `${line}\n${line}\n${line}\n`],
      [0, ''],
      [1, ''],
      [2, `${line}\n`],
      [99, `${line}\n${line}\n${line}\n`],
    ]
    for (const [length, text] of cases) assert.equal(await agent.consoleOutput({ id: guest.id, length }), text)
  })

  test('a port that cannot be plugged names itself', async () => {
    const { hypervisor, storage } = make()
    const vifs = {
      plug: async () => {
        throw new Error('no such bridge')
      },
      unplug: async () => undefined,
    }
    const vendorData = async () => ({ static: {}, dynamic: {} })
    const agent = computeAgent({ hypervisor, storage, vifs, nodeUuid: NODE, dhcpDomain: '', vendorData })
    const guest = makeGuest({ vifs: [makeVif()] })
    await assert.rejects(agent.plug(guest), (error: Error) => {
      return (
        isFault(error, 'VifPlugFailed') && error.message.includes(guest.vifs[0]!.portId) && error.cause instanceof Error
      )
    })
  })
})
