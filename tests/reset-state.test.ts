// os-resetState while something is done to the server: that ends, at whatever place it stands, and the server is free.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { Failpoints } from '@kilonova/tasks/failpoints'
import { interrupted, placesOf } from './interrupted.ts'
import { serverAsks } from './server-asks.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

async function openWorld(options: Parameters<typeof ServerWorld.open>[0] = {}): Promise<ServerWorld> {
  const world = await ServerWorld.open(options)
  worlds.push(world)
  await world.startTasks()
  return world
}

const conflict = (error: unknown): boolean => isFault(error) && error.status === 409

const tasksOf = (world: ServerWorld, id: string) => world.tasks.list({ resource: { type: 'server', id } })

/** The admin says what it is, whatever stands still; a process that has died there starts again. */
async function reset(world: ServerWorld, id: string, state: 'active' | 'error', crashed = false): Promise<void> {
  await world.commands.resetState(id, state)
  if (crashed) await world.startTasks()
  await world.run(world.settled(id))
}

/** Tasks whose server ends with its guest, so that an admin may call it active. */
const KEEPS_GUEST = ['start', 'stop', 'reboot', 'hard-reboot', 'pause', 'unpause', 'snapshot', 'attach-interface'].map(
  (verb) => `server.${verb}`,
)

/** Tasks that stand still on their way down, too. */
const UNDONE = ['server.rescue', 'server.resize', 'server.backup']

describe('a reset of the state', () => {
  for (const task of KEEPS_GUEST) {
    it(`ends a ${task} that stands still or has died at any place, and the next operation runs`, async () => {
      const world = await openWorld()
      for (const failpoint of placesOf(task).filter((place) => /:effect:(hang|crash)$/.test(place))) {
        const { id, failpoints } = await interrupted(world, task, failpoint)
        await reset(world, id, 'active', failpoints.crashed)
        await world.startTasks() // nothing hangs any more
        assert.deepEqual(failpoints.unfired, [])
        const { vm_state, task_state } = await world.row(id)
        assert.deepEqual([vm_state, task_state], ['active', null], failpoint)
        assert.ok(
          (await tasksOf(world, id)).every(({ endedAt }) => endedAt !== null),
          failpoint,
        )
        await world.commands.reboot(id, 'HARD')
        await world.run(world.settled(id))
        assert.equal((await world.row(id)).vm_state, 'active', failpoint)
        await assertWhole(world)
        await world.commands.delete(id)
        await world.run(world.settled(id))
        await world.assertEmpty()
      }
    })
  }

  it('to error ends whatever else is done, and then the server can be deleted', async () => {
    const world = await openWorld({ config: '[compute]\nshelved_offload_time = -1\n' })
    const others = Object.keys(serverAsks).filter((task) => ![...KEEPS_GUEST, 'server.build'].includes(task))
    for (const task of others.filter((name) => name !== 'server.reset-state')) {
      const places = UNDONE.includes(task) ? /:effect:hang$/ : /^[^,]*:effect:hang$/
      for (const failpoint of placesOf(task).filter((place) => places.test(place))) {
        const { id, failpoints } = await interrupted(world, task, failpoint)
        await reset(world, id, 'error')
        await world.startTasks()
        assert.deepEqual(failpoints.unfired, [])
        const { vm_state, task_state } = await world.row(id)
        assert.deepEqual([vm_state, task_state], ['error', null], failpoint)
        await world.commands.delete(id)
        await world.run(world.settled(id))
        assert.equal((await world.row(id)).vm_state, 'deleted', failpoint)
        if (task === 'server.evacuate') await world.run(world.comeBack())
        await assertWhole(world)
        await world.assertEmpty()
      }
    }
  })

  it('ends a build', async () => {
    const world = await openWorld()
    for (const failpoint of placesOf('server.build').filter((place) => place.includes(':effect:hang'))) {
      const failpoints = new Failpoints(failpoint)
      await world.startTasks(failpoints)
      const id = await world.commands.create()
      while (failpoints.hanging === 0) await world.run(world.clock.sleep(100))
      await reset(world, id, 'error')
      await world.startTasks()
      const { vm_state, task_state, host } = await world.row(id)
      assert.deepEqual([vm_state, task_state, host], ['error', null, null], failpoint)
      await assertWhole(world)
      await world.commands.delete(id)
      await world.run(world.settled(id))
      await world.assertEmpty()
    }
  })
})

describe('a server whose host fails every undo', () => {
  it('is free a minute after the reset, keeps what it has, and nothing retries the undo under its next operation', async () => {
    const world = await openWorld()
    const failpoints = new Failpoints('server.build.run:effect:error')
    await world.startTasks(failpoints)
    const id = await world.commands.create()
    const broken = world.hosts.map(({ hypervisor: { weather } }) => weather)
    for (const weather of broken) weather.breakNext('destroy', Number.MAX_SAFE_INTEGER)
    const isUndone = async () => (await world.taskOf(id, 'server.build')).tries > 0
    while (!(await isUndone())) await world.run(world.clock.sleep(100))
    const asked = world.clock.monotonic()
    await reset(world, id, 'error')
    assert.ok(world.clock.monotonic() - asked < 130_000, `${world.clock.monotonic() - asked} ms`)
    const build = await world.taskOf(id, 'server.build')
    assert.deepEqual([build.state, build.step], ['undone', null])
    assert.match(String(build.reason), /destroy failed.*; given up: an admin has reset the state$/)
    const { vm_state, host } = await world.row(id)
    assert.equal(vm_state, 'error')
    assert.notEqual(host, null)
    await assert.rejects(world.tasks.retry(build.id), (error) => isFault(error, 'TaskNotStuck'))
    for (const weather of broken) weather.breakNext('destroy', 0)
    await world.commands.delete(id)
    await world.run(world.settled(id))
    await assertWhole(world)
    await world.assertEmpty()
  })

  it('and is stuck is dismissed by the reset, or by its delete', async () => {
    for (const way of ['reset', 'delete'] as const) {
      const world = await openWorld()
      await world.startTasks(new Failpoints('server.build.run:effect:error'))
      const id = await world.commands.create()
      const broken = world.hosts.map(({ hypervisor: { weather } }) => weather)
      for (const weather of broken) weather.breakNext('destroy', Number.MAX_SAFE_INTEGER)
      await world.run(world.settled(id))
      assert.equal((await world.taskOf(id, 'server.build')).state, 'stuck')
      for (const weather of broken) weather.breakNext('destroy', 0)
      if (way === 'reset') {
        await reset(world, id, 'error')
        const { vm_state, task_state } = await world.row(id)
        assert.deepEqual([vm_state, task_state], ['error', null])
        assert.equal((await world.taskOf(id, 'server.build')).state, 'undone')
      }
      await world.commands.delete(id)
      await world.run(world.settled(id))
      assert.equal((await world.taskOf(id, 'server.build')).state, 'undone')
      await assertWhole(world)
      await world.assertEmpty()
    }
  })
})

describe('requests that meet a reset', () => {
  it('a delete takes its place, also twice; a second reset and other operations are refused until it has ended', async () => {
    const world = await openWorld()
    const { id } = await interrupted(world, 'server.reboot', 'server.reboot.guest:effect:hang')
    await world.commands.resetState(id, 'active')
    await assert.rejects(world.commands.resetState(id, 'error'), conflict)
    await assert.rejects(world.commands.stop(id), conflict)
    await world.commands.delete(id)
    await world.commands.delete(id)
    await world.run(world.settled(id))
    const ends = (await tasksOf(world, id)).map(({ name, state }) => `${name} ${state}`)
    const wanted = ['server.build done', 'server.delete done', 'server.reboot undone', 'server.reset-state undone']
    assert.deepEqual(ends.toSorted(), wanted)
    await assertWhole(world)
    await world.assertEmpty()
  })

  it('a reset ends a delete that waits or hangs; the server can be deleted again', async () => {
    const world = await openWorld()
    const { id } = await interrupted(world, 'server.reboot', 'server.reboot.guest:effect:hang')
    await world.commands.delete(id)
    await reset(world, id, 'active')
    assert.deepEqual([(await world.row(id)).vm_state, (await world.row(id)).task_state], ['active', null])
    await assertWhole(world)
    const { id: hanging } = await interrupted(world, 'server.delete', 'server.delete.guest:before:hang')
    await reset(world, hanging, 'error')
    assert.equal((await world.row(hanging)).vm_state, 'error')
    for (const one of [id, hanging]) {
      await world.commands.delete(one)
      await world.run(world.settled(one))
    }
    await assertWhole(world)
    await world.assertEmpty()
  })
})
