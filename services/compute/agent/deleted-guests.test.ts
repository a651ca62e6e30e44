// Guests and files of deleted servers on a fake host, with a conductor that says which servers are deleted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { computeAgent } from './agent.ts'
import { DeletedGuests } from './deleted-guests.ts'
import { FakeHypervisor } from './drivers/fake/fake-hypervisor.ts'
import { FakeStorage } from './drivers/fake/fake-storage.ts'
import { Weather } from './drivers/fake/weather.ts'
import type { GuestSpec } from './guest-spec.ts'
import { agentOptions } from './options.ts'
import { POWER } from './power-state.ts'
import { makeGuest, makeImage } from './testing.ts'

async function host(toml = '') {
  const clock = new VirtualClock()
  const weather = new Weather({ clock })
  const hypervisor = new FakeHypervisor({ name: 'h1', weather })
  const storage = new FakeStorage({ weather })
  const nothing = async (): Promise<void> => undefined
  const agent = computeAgent({
    ...{ hypervisor, storage, nodeUuid: systemRandom.uuid(), clock, dhcpDomain: '' },
    ...{ vifs: { plug: nothing, unplug: nothing }, vendorData: async () => ({ static: {}, dynamic: {} }) },
  })
  const deleted = new Map<string, GuestSpec>()
  const asked: { ids: string[]; deletedFor: number }[] = []
  const conductor = {
    goneServers: async (about: { ids: string[]; deletedFor: number }) => {
      asked.push(about)
      return about.ids.flatMap((id) => deleted.get(id) ?? [])
    },
  }
  const options = readConfig({ compute: agentOptions }, `[compute]\n${toml}`).compute
  const work = new DeletedGuests({ host: 'h1', clock, agent, conductor, options })
  /** A guest that runs, with its files. */
  const guest = async (): Promise<GuestSpec> => {
    const image = makeImage()
    await agent.prepareImage(image)
    const made = makeGuest({ image })
    await agent.start({ ...made, disks: await agent.createDisks(made) })
    return made
  }
  /** A turn of the work, with the time it takes. */
  const turn = async (run: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const running = run(new AbortController().signal)
    await clock.advance(20_000)
    await running
  }
  const cleanUp = () => turn((signal) => work.cleanUp(signal))
  const runPendingDeletes = () => turn((signal) => work.runPendingDeletes(signal))
  const ids = async () => (await agent.guests()).map(({ id }) => id)
  return { agent, weather, hypervisor, storage, deleted, asked, guest, cleanUp, runPendingDeletes, ids, work, clock }
}

test('guests of deleted servers go with their files, others stay', async () => {
  const { deleted, guest, cleanUp, ids, storage } = await host()
  const [gone, kept] = [await guest(), await guest()]
  deleted.set(gone.id, gone)
  await cleanUp()
  assert.deepEqual(await ids(), [kept.id])
  assert.deepEqual(await storage.guests(), [kept.id])
})

test('a server must be called deleted twice', async () => {
  const { deleted, guest, ids, work, clock } = await host()
  const one = await guest()
  deleted.set(one.id, one)
  const running = work.cleanUp(new AbortController().signal)
  await clock.advance(5_000)
  deleted.clear()
  await clock.advance(20_000)
  await running
  assert.deepEqual(await ids(), [one.id])
})

test('nothing goes once the work is told to end', async () => {
  const { deleted, guest, ids, work, clock } = await host()
  const one = await guest()
  deleted.set(one.id, one)
  const ending = new AbortController()
  const running = work.cleanUp(ending.signal)
  await clock.advance(5_000)
  ending.abort()
  await running
  assert.deepEqual(await ids(), [one.id])
})

test('running_deleted_instance_action: shutdown, log, noop', async () => {
  const states = { shutdown: POWER.SHUTDOWN, log: POWER.RUNNING, noop: POWER.RUNNING }
  for (const [action, state] of Object.entries(states)) {
    const { deleted, guest, cleanUp, hypervisor, storage, asked } = await host(
      `running_deleted_instance_action = "${action}"`,
    )
    const one = await guest()
    deleted.set(one.id, one)
    await cleanUp()
    assert.equal(await hypervisor.powerState(one.id), state, action)
    assert.deepEqual(await storage.guests(), [one.id])
    assert.equal(asked.length, action === 'noop' ? 0 : 2)
  }
})

test('running_deleted_instance_timeout is how long a server must have been deleted', async () => {
  const { guest, cleanUp, asked } = await host('running_deleted_instance_timeout = 90')
  await guest()
  await cleanUp()
  assert.deepEqual(
    asked.map(({ deletedFor }) => deletedFor),
    [90],
  )
})

test('files that a deleted server left go, and those of a guest that is there stay', async () => {
  const { agent, deleted, guest, runPendingDeletes, storage } = await host()
  const [left, there] = [await guest(), await guest()]
  for (const one of [left, there]) deleted.set(one.id, one)
  await agent.destroyGuest({ id: left.id })
  await runPendingDeletes()
  assert.deepEqual(await storage.guests(), [there.id])
})

test('files that cannot be removed are tried maximum_instance_delete_attempts times', async () => {
  const { agent, weather, deleted, guest, runPendingDeletes, storage, asked } = await host(
    'maximum_instance_delete_attempts = 2',
  )
  const left = await guest()
  deleted.set(left.id, left)
  await agent.destroyGuest({ id: left.id })
  weather.breakNext('deleteFiles', 2)
  for (let turn = 0; turn < 4; turn++) await runPendingDeletes()
  assert.deepEqual(await storage.guests(), [left.id])
  assert.equal(asked.length, 4)
})
