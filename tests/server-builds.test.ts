// Builds on hosts that fail or go away, and deletes that come in the middle of builds.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { FAILPOINT_PLACES, Failpoints } from '@kilonova/tasks/failpoints'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld, sagas } from './server-world.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

async function openWorld(options?: Parameters<typeof ServerWorld.open>[0]): Promise<ServerWorld> {
  const world = await ServerWorld.open(options)
  worlds.push(world)
  await world.startTasks()
  return world
}

async function deleteAll(world: ServerWorld): Promise<void> {
  for (const { id } of await world.liveServers()) {
    await world.commands.delete(id)
    await world.run(world.settled(id))
  }
  await assertWhole(world)
  await world.assertEmpty()
}

/** What a build asks of a host, in this order. */
const CALLS = ['prepareImage', 'createDisks', 'plug', 'define', 'makeConfigDrive', 'start', 'resume']
/** A host whose builds failed comes last, which would spare it the next failure. */
const NO_GRUDGE = 'build_failure_weight_multiplier = 0'

describe('a build', () => {
  it('that fails on its host is done on another, whatever failed there', async () => {
    const world = await openWorld({ config: `[compute]\n${NO_GRUDGE}` })
    const [first] = world.hosts
    let cases = 0
    for (const call of CALLS) {
      for (const when of ['before', 'after'] as const) {
        first!.weather.breakNext(call, 100, when)
        const id = await world.build()
        first!.weather.breakNext(call, 0)
        const { vm_state, host } = await world.row(id)
        assert.deepEqual([vm_state, host], ['active', 'fake-2'], `${call} ${when}`)
        assert.equal((await world.taskOf(id, 'server.build')).attempt, 2)
        await assertWhole(world)
        await deleteAll(world)
        cases += 1
      }
    }
    console.log(`${cases} failures of a host, each built elsewhere`)
  })

  for (const most of [1, 2, 3]) {
    it(`that fails on all hosts within ${most} attempts says so and leaves nothing`, async () => {
      const world = await openWorld({ config: `[compute]\nmax_attempts = ${most}` })
      for (const call of CALLS) {
        for (const { weather } of world.hosts) weather.breakNext(call, 100)
        const id = await world.build()
        for (const { weather } of world.hosts) weather.breakNext(call, 0)
        assert.equal((await world.row(id)).vm_state, 'error')
        const { message, details } = await world.fault(id)
        assert.match(message, /^Exceeded maximum number of retries\./, call)
        assert.match(details, new RegExp(`The last failure: .*${call} failed as the fake driver was told`))
        await assertWhole(world)
        await deleteAll(world)
      }
    })
  }
})

describe('a host that goes away', () => {
  it('for a moment, holds up what is under way there and no more', async () => {
    const world = await openWorld({ hosts: [{ name: 'fake-1', vcpus: 8, memoryMb: 8192, latency: 100 }] })
    const [host] = world.hosts
    const away = async (): Promise<void> => {
      await world.run(world.clock.sleep(250))
      await world.run(host!.stop())
      await world.clock.advance(60_000)
      await world.run(host!.start())
    }
    const id = await world.commands.create()
    await away()
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
    await assertWhole(world)
    for (const command of ['stop', 'start', 'delete'] as const) {
      await world.commands[command](id)
      await away()
      await world.run(world.settled(id))
    }
    assert.equal((await world.row(id)).vm_state, 'deleted')
    await assertWhole(world)
    await world.assertEmpty()
  })

  it('for long, takes away the guest of a server that was deleted meanwhile, once it is back', async () => {
    const world = await openWorld({ hosts: [{ name: 'fake-1', vcpus: 8, memoryMb: 8192 }] })
    const [host] = world.hosts
    const id = await world.build()
    await world.run(host!.stop())
    await world.clock.advance(3 * 3600_000)
    await world.commands.delete(id)
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'deleted')
    assert.equal((await host!.hypervisor.guests()).length, 1)
    await world.run(host!.start())
    await assertWhole(world)
    await world.assertEmpty()
  })
})

/** Where a build stands still, or dies, on its way up and down. */
const PLACES = sagas
  .find(({ name }) => name === 'server.build')!
  .steps.flatMap(({ name, undo }) => [
    `server.build.${name}:`,
    ...(undo ? [`server.build.run:effect:error,server.build.${name}.undo:`] : []),
  ])
  .flatMap((at) => FAILPOINT_PLACES.flatMap((place) => [`${at}${place}:hang`, `${at}${place}:crash`]))

describe('a delete', () => {
  it('while a build is at any step, or is undone, or its process died there, ends gone', async () => {
    const world = await openWorld()
    for (const failpoint of PLACES) {
      const failpoints = new Failpoints(failpoint, 'throw-away')
      await world.startTasks(failpoints)
      const id = await world.commands.create()
      while (failpoints.hanging === 0 && !failpoints.crashed) await nextTurn()
      await world.commands.delete(id)
      if (failpoints.crashed) await world.startTasks()
      await world.run(world.settled(id))
      assert.deepEqual(failpoints.unfired, [])
      assert.equal((await world.row(id)).vm_state, 'deleted', failpoint)
      await assertWhole(world)
      await world.assertEmpty()
    }
    console.log(`${PLACES.length} places in a build at which a delete came`)
  })

  it('at any moment of a build on slow hosts ends gone', async () => {
    const size = { vcpus: 64, memoryMb: 65_536, latency: 1000 }
    const world = await openWorld({
      hosts: [
        { name: 'fake-1', ...size },
        { name: 'fake-2', ...size },
      ],
    })
    let moments = 0
    for (let built = false; !built; moments++) {
      const id = await world.commands.create()
      await world.run(world.clock.sleep(moments * 400))
      built = (await world.row(id)).vm_state === 'active'
      await world.commands.delete(id)
      await world.run(world.settled(id))
      assert.equal((await world.row(id)).vm_state, 'deleted', `after ${moments * 400} ms`)
      await assertWhole(world)
      await world.assertEmpty()
    }
    assert.ok(moments > 15, `${moments}`)
    console.log(`${moments} moments of a build at which a delete came`)
  })
})
