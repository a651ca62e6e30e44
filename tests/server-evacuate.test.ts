// Servers whose hosts are down and come back: made anew elsewhere, and nothing of them runs twice.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { POWER } from '@kilonova/compute/agent/power-state'
import { tables } from '@kilonova/compute/compute'
import { Failpoints } from '@kilonova/tasks/failpoints'
import { interrupted, placesOf } from './interrupted.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'
import type { WorldOptions } from './world-parts.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

const HOURS = 3_600_000
const size = { vcpus: 64, memoryMb: 32_768 }
const THREE = [
  { ...size, name: 'fake-1', memoryMb: 65_536 },
  { ...size, name: 'fake-2' },
  { ...size, name: 'fake-3', memoryMb: 16_384 },
]

async function openWorld(options?: WorldOptions): Promise<ServerWorld> {
  const world = await ServerWorld.open(options)
  worlds.push(world)
  await world.startTasks()
  return world
}

/** A server with something on its disk, on fake-1. */
async function build(world: ServerWorld): Promise<string> {
  const id = await world.build({ networks: [{ uuid: await world.privateNetwork() }] })
  assert.equal((await world.row(id)).host, 'fake-1')
  world.hosts[0]!.storage.write(id, 'before')
  return id
}

/** Its processes end, and nobody hears of it for long. */
async function lose(world: ServerWorld, index = 0): Promise<void> {
  await world.hosts[index]!.stop()
  await world.clock.advance(3 * HOURS)
}

/** As `commands.evacuate`, of a host that is down already, and as since 2.95 on request. */
const ask = (world: ServerWorld, id: string, { anew = false, ...parts }: { anew?: boolean; host?: string } = {}) =>
  world.commands.evacuateOnly(id, parts, anew)

async function settled(world: ServerWorld, id: string): Promise<[string, string | null, number]> {
  await world.run(world.settled(id))
  const { vm_state, host, power_state } = await world.row(id)
  return [vm_state, host, power_state]
}

const MOVED = ['active', 'fake-2', POWER.RUNNING]

const migrationsOf = (world: ServerWorld, id: string) =>
  tables(world.compute).selectFrom('compute_migrations').selectAll().where('server_id', '=', id).orderBy('id').execute()

async function newest(world: ServerWorld, id: string): Promise<[string, string | null]> {
  const { status, uncleaned_host: host } = (await migrationsOf(world, id)).at(-1)!
  return [status, host]
}

const guestsOn = async (world: ServerWorld, index: number): Promise<Record<string, number>> => {
  const guests = await world.hosts[index]!.hypervisor.guests()
  return Object.fromEntries(guests.map(({ id, powerState }) => [id, powerState]))
}

/** By its last report. */
async function isUp({ compute, clock }: ServerWorld, host: string): Promise<boolean> {
  const services = tables(compute).selectFrom('compute_services').select('last_seen_at').where('host', '=', host)
  const { last_seen_at: seen } = await services.where('binary', '=', 'nova-compute').executeTakeFirstOrThrow()
  return clock.now() - seen <= 2 * HOURS
}

const refused = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

async function evacuated(world: ServerWorld): Promise<string> {
  const id = await build(world)
  await lose(world)
  await ask(world, id)
  assert.deepEqual(await settled(world, id), MOVED)
  return id
}

describe('a server whose host is down', () => {
  it('comes up on another from its image, with its ports; the host that comes back removes what it had', async () => {
    const world = await openWorld({ powerSync: true })
    const id = await evacuated(world)
    const [one, two] = world.hosts
    assert.deepEqual([one!.storage.content(id), two!.storage.content(id)], ['before', ''])
    assert.deepEqual(await newest(world, id), ['done', 'fake-1'])
    assert.deepEqual(Object.keys(await world.compute.placement.allocationsOf(id)), [two!.nodeId])
    await world.run(one!.start())
    assert.deepEqual([await guestsOn(world, 0), await one!.storage.guests()], [{}, []])
    assert.deepEqual(await newest(world, id), ['completed', null])
    assert.deepEqual(await guestsOn(world, 1), { [id]: POWER.RUNNING })
    await assertWhole(world)
    assert.deepEqual(await settled(world, id), MOVED)
  })

  it('may go back to the host that has come back, which then keeps it over a restart', async () => {
    const world = await openWorld()
    const id = await evacuated(world)
    await world.run(world.hosts[0]!.start())
    await lose(world, 1)
    await world.run(world.hosts[0]!.runNow('report_state'))
    await ask(world, id)
    assert.deepEqual(await settled(world, id), ['active', 'fake-1', POWER.RUNNING])
    await world.run(world.hosts[1]!.start())
    await world.run(world.restartHosts())
    assert.deepEqual([await guestsOn(world, 0), await guestsOn(world, 1)], [{ [id]: POWER.RUNNING }, {}])
    await assertWhole(world)
  })

  for (const [what, stops, anew] of [
    ['was off stays off', true, false],
    ['ran is off since 2.95', false, true],
  ] as const) {
    it(`that ${what}, and can be started there`, async () => {
      const world = await openWorld()
      const id = await build(world)
      if (stops) await world.commands.stop(id)
      await settled(world, id)
      await lose(world)
      await ask(world, id, { anew })
      assert.deepEqual(await settled(world, id), ['stopped', 'fake-2', POWER.SHUTDOWN])
      await world.run(world.hosts[0]!.start())
      await assertWhole(world)
      await world.commands.start(id)
      assert.deepEqual(await settled(world, id), MOVED)
      await assertWhole(world)
    })
  }

  it('is evacuated in place of what waits for its host', async () => {
    const world = await openWorld()
    const id = await build(world)
    await world.hosts[0]!.stop()
    await world.commands.reboot(id, 'HARD')
    await world.clock.advance(2.5 * HOURS)
    const other = await world.taskOf(id, 'server.hard-reboot')
    await ask(world, id)
    const [state, host] = await settled(world, id)
    assert.deepEqual([state, host], ['active', 'fake-2'])
    assert.notEqual((await world.tasks.get(other.id))!.endedAt, null)
    await world.run(world.hosts[0]!.start())
    await assertWhole(world)
  })

  it('lives where it did when no host takes it, and its user reads why', async () => {
    const world = await openWorld({ hosts: THREE })
    const id = await build(world)
    await lose(world)
    await world.commands.forceDown('fake-2')
    await world.commands.forceDown('fake-3')
    await ask(world, id)
    assert.deepEqual(await settled(world, id), ['active', 'fake-1', POWER.RUNNING])
    assert.match((await world.fault(id)).message, /^No valid host was found\./)
    assert.deepEqual(await newest(world, id), ['failed', null])
    await world.commands.forceDown('fake-2', false)
    await ask(world, id, { host: 'fake-2' })
    assert.deepEqual(await settled(world, id), MOVED)
    await world.run(world.hosts[0]!.start())
    await assertWhole(world)
  })

  it('is evacuated once by two who ask at once, and is refused while its host is up', async () => {
    const world = await openWorld()
    const id = await build(world)
    await assert.rejects(ask(world, id), refused(400, /^Compute service of fake-1 is still in use\.$/))
    await lose(world)
    const answers = await Promise.allSettled([ask(world, id), ask(world, id)])
    const no = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
    assert.equal(no.length, 1)
    refused(409, /^Cannot 'evacuate' instance \S+ while it is in task_state rebuilding$/)(no[0])
    assert.deepEqual(await settled(world, id), MOVED)
    assert.equal((await migrationsOf(world, id)).length, 1)
    await world.run(world.hosts[0]!.start())
    await assertWhole(world)
  })
})

describe('a host that was cut off', () => {
  it('is not up again before it has stopped what runs elsewhere now', async () => {
    const world = await openWorld()
    const [one] = world.hosts
    const id = await build(world)
    one!.isCutOff = true
    await world.clock.advance(3 * HOURS)
    await ask(world, id)
    assert.deepEqual(await settled(world, id), MOVED)
    assert.deepEqual(await guestsOn(world, 0), { [id]: POWER.RUNNING }, 'nobody could tell it to stop')
    one!.isCutOff = false
    one!.weather.breakNext('destroy')
    await world.run(one!.runNow('report_state'))
    assert.equal(await isUp(world, 'fake-1'), false)
    await world.run(one!.runNow('report_state'))
    assert.equal(await isUp(world, 'fake-1'), true)
    assert.deepEqual([await guestsOn(world, 0), await one!.storage.guests()], [{}, []])
    assert.deepEqual(await newest(world, id), ['completed', null])
    await assertWhole(world)
  })

  it('and starts again serves nobody before', async () => {
    const world = await openWorld()
    const [one] = world.hosts
    const id = await evacuated(world)
    one!.weather.breakNext('destroy')
    const starting = one!.start()
    await world.run(world.clock.sleep(60_000))
    assert.equal(await isUp(world, 'fake-1'), false)
    await world.run(starting)
    assert.equal(await isUp(world, 'fake-1'), true)
    assert.deepEqual([await guestsOn(world, 0), (await newest(world, id))[0]], [{}, 'completed'])
    await assertWhole(world)
  })

  it('and is only said to be down loses the guest before the new one runs', async () => {
    const world = await openWorld()
    const id = await build(world)
    const failpoints = new Failpoints('server.evacuate.run:before:hang')
    await world.startTasks(failpoints)
    await world.commands.evacuate(id)
    while (failpoints.hanging === 0) await world.run(world.clock.sleep(1))
    assert.deepEqual([await guestsOn(world, 0), await guestsOn(world, 1)], [{}, { [id]: POWER.PAUSED }])
    await world.startTasks()
    assert.deepEqual(await settled(world, id), MOVED)
  })

  for (const boots of [false, true]) {
    it(`and ${boots ? 'boots' : 'comes back'} before the server has left it keeps it`, async () => {
      const world = await openWorld({ config: '[compute]\nresume_guests_state_on_host_boot = true\n', powerSync: true })
      const [one, two] = world.hosts
      const id = await build(world)
      await lose(world)
      const failpoints = new Failpoints('server.evacuate.plugged:effect:hang')
      await world.startTasks(failpoints)
      await ask(world, id)
      while (failpoints.hanging === 0) await world.run(world.clock.sleep(1))
      await world.run(boots ? one!.boot() : one!.start())
      await world.startTasks()
      assert.deepEqual(await settled(world, id), ['active', 'fake-1', POWER.RUNNING])
      assert.match((await world.fault(id)).message, /^Compute service of fake-1 is still in use\.$/)
      assert.deepEqual([one!.storage.content(id), await two!.storage.guests()], ['before', []])
      assert.deepEqual(await newest(world, id), ['failed', null])
      await assertWhole(world)
    })
  }

  it('and has removed its guest leaves the server where it is, though it could not be run there', async () => {
    const world = await openWorld()
    const id = await build(world)
    await lose(world)
    const failpoints = new Failpoints('server.evacuate.run:before:hang')
    await world.startTasks(failpoints)
    await ask(world, id)
    while (failpoints.hanging === 0) await world.run(world.clock.sleep(1))
    await world.run(world.hosts[0]!.start())
    const [state, host] = await settled(world, id)
    assert.deepEqual([state, host], ['error', 'fake-2'])
    assert.deepEqual([await world.hosts[0]!.storage.guests(), await newest(world, id)], [[], ['failed', null]])
    await assertWhole(world)
    await world.startTasks()
    await world.commands.reboot(id, 'HARD')
    assert.deepEqual(await settled(world, id), MOVED)
    await assertWhole(world)
  })
})

describe('a delete', () => {
  it('while a server.evacuate is at any step, or is undone, or its process died there, ends gone', async () => {
    const world = await openWorld()
    for (const failpoint of placesOf('server.evacuate')) {
      const { id, failpoints } = await interrupted(world, 'server.evacuate', failpoint)
      await world.commands.delete(id)
      if (failpoints.crashed) await world.startTasks()
      await world.run(world.settled(id))
      await world.startTasks() // nothing hangs any more
      assert.deepEqual(failpoints.unfired, [])
      assert.equal((await world.row(id)).vm_state, 'deleted', failpoint)
      await world.run(world.comeBack())
      await assertWhole(world)
      await world.assertEmpty()
    }
  })

  it('of a server that was evacuated leaves nothing on the host that comes back', async () => {
    const world = await openWorld()
    const id = await evacuated(world)
    await world.commands.delete(id)
    await world.run(world.settled(id))
    await world.run(world.hosts[0]!.start())
    await assertWhole(world)
    await world.assertEmpty()
  })
})
