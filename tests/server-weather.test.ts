// Users who do whatever comes to their mind, on hosts that fail now and then: servers stay whole, and all can go.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { Random } from '@kilonova/base/random'
import { pick, seededRandom } from '@kilonova/base/random'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

const STEPS = 80
const SIZE = { vcpus: 64, memoryMb: 65_536, latency: 50 }
/**
 * Not powerState: what a guest is after a failure is then unknown until servers are compared with their guests.
 * Not deleteFiles: fake guests run without their files, so a reboot would bring back what was half deleted.
 */
const CALLS = [
  ...['prepareImage', 'createDisks', 'plug', 'unplug', 'define', 'makeConfigDrive', 'start', 'suspend', 'resume'],
  ...['stop', 'destroy', 'createRescueDisks', 'removeRescueDisks', 'planRebuild', 'removeDisks'],
]

/** One thing that somebody does; what is refused is refused. */
async function act(world: ServerWorld, random: Random): Promise<void> {
  const { commands, hosts } = world
  const servers = await world.liveServers()
  const chance = random.float()
  if (chance < 0.2 || servers.length === 0) return void (await commands.create({ config_drive: random.float() < 0.5 }))
  if (chance < 0.4) {
    const times = Math.ceil(random.float() * 3)
    return pick(random, hosts).weather.breakNext(pick(random, CALLS), times, pick(random, ['before', 'after']))
  }
  const { id } = pick(random, servers)
  const asks = [
    ...[() => commands.start(id), () => commands.stop(id), () => commands.delete(id)],
    ...[() => commands.reboot(id, 'SOFT'), () => commands.reboot(id, 'HARD')],
    ...[() => commands.pause(id), () => commands.unpause(id), () => commands.suspend(id), () => commands.resume(id)],
    ...[() => commands.rescue(id), () => commands.act(id, 'unrescue'), () => commands.rebuild(id)],
  ]
  await pick(random, asks)()
}

async function calm(world: ServerWorld): Promise<void> {
  for (const { weather } of world.hosts) for (const call of CALLS) weather.breakNext(call, 0)
  for (const { id } of await world.liveServers()) await world.run(world.settled(id))
  await world.run(world.restartHosts()) // a port that could not be made ready is made ready by the next comparison
}

describe('on hosts that fail now and then', () => {
  for (const seed of [1, 2, 3]) {
    it(`servers stay whole whatever is asked for, and all can go (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const config = '[compute]\nquota_instances = -1\nquota_cores = -1'
      const world = await ServerWorld.open({ config, hosts: ['fake-1', 'fake-2'].map((name) => ({ name, ...SIZE })) })
      worlds.push(world)
      await world.startTasks()
      for (let step = 0; step < STEPS; step++) {
        await act(world, random).catch((error) => {
          if (!isFault(error) || ![404, 409].includes(error.status)) throw error
        })
        await world.run(world.clock.sleep(random.float() * 1500))
      }
      await calm(world)
      await assertWhole(world)
      for (const { id } of await world.liveServers()) {
        await world.commands.delete(id)
        await world.run(world.settled(id))
      }
      await assertWhole(world)
      await world.assertEmpty()
      const tasks = await world.tasks.list({ limit: 1000 })
      const undone = tasks.filter(({ state }) => state === 'undone').length
      assert.ok(undone > 0)
      console.log(`seed ${seed}: ${tasks.length} operations, ${undone} undone`)
    })
  }
})
