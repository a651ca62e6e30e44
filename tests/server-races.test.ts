// Many requests at once for one server, for one port, for the last room on hosts; all that exists is looked at after.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Fault } from '@kilonova/base/fault'
import { isFault } from '@kilonova/base/fault'
import type { Random } from '@kilonova/base/random'
import { pick, seededRandom } from '@kilonova/base/random'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

async function openWorld(options?: Parameters<typeof ServerWorld.open>[0]): Promise<ServerWorld> {
  const world = await ServerWorld.open(options)
  worlds.push(world)
  await world.startTasks()
  return world
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.float() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

type Command = 'start' | 'stop' | 'reboot' | 'resize' | 'delete'

interface Answer {
  command: Command
  /** Undefined: accepted. */
  refused: Fault | undefined
}

/** All at once, in an order and with pauses that the seed decides. */
async function fireTogether(world: ServerWorld, id: string, seed: number): Promise<Answer[]> {
  const random = seededRandom(seed)
  const commands = shuffled(random, ['start', 'stop', 'reboot', 'resize', 'delete'] as const)
  const most = pick(random, [0, 1, 4])
  return Promise.all(
    commands.map(async (command): Promise<Answer> => {
      for (let turns = Math.floor(random.float() * (most + 1)); turns > 0; turns--) await nextTurn()
      try {
        await world.commands[command](id)
        return { command, refused: undefined }
      } catch (error) {
        if (!isFault(error)) throw error
        return { command, refused: error }
      }
    }),
  )
}

const MEANWHILE: Record<Command, string> = {
  ...{ start: 'powering-on', stop: 'powering-off', reboot: 'rebooting' },
  ...{ resize: 'resize_prep', delete: 'deleting' },
}

describe('start, stop, reboot, resize and delete fired together', () => {
  it('let one win beside the delete, tell the others what runs, and leave nothing', async () => {
    const size = { vcpus: 64, memoryMb: 65_536, latency: 100 } // what wins does not end before all have asked
    const world = await openWorld({
      hosts: [
        { name: 'fake-1', ...size },
        { name: 'fake-2', ...size },
      ],
    })
    const ROUNDS = 100
    const won: Record<string, number> = {}
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const id = await world.build()
      if (seed % 2 === 0) {
        await world.commands.stop(id)
        await world.run(world.settled(id))
      }
      const state = (await world.row(id)).vm_state
      const answers = await fireTogether(world, id, seed)
      const accepted = answers.filter(({ refused }) => !refused).map(({ command }) => command)
      assert.ok(accepted.includes('delete'), `seed ${seed}: the delete was refused`)
      assert.ok(accepted.length <= 2, `seed ${seed}: ${accepted.join()} were accepted`)
      const told = [...accepted.map((command) => `task_state ${MEANWHILE[command]}`), `vm_state ${state}`]
      for (const { command, refused } of answers) {
        if (!refused || refused.code === 'InstanceNotFound') continue
        const sentence = `Cannot '${command}' instance ${id} while it is in `
        assert.equal(refused.status, 409, `seed ${seed}: ${refused.message}`)
        assert.ok(told.map((what) => sentence + what).includes(refused.message), `seed ${seed}: ${refused.message}`)
      }
      const winner = accepted.find((command) => command !== 'delete') ?? 'delete'
      won[winner] = (won[winner] ?? 0) + 1
      await world.run(world.settled(id))
      assert.equal((await world.row(id)).vm_state, 'deleted', `seed ${seed}`)
      await assertWhole(world)
      await world.assertEmpty()
    }
    console.log(`${ROUNDS} rounds; accepted before the delete: ${JSON.stringify(won)}`)
    assert.deepEqual(Object.keys(won).toSorted(), ['delete', 'reboot', 'resize', 'start', 'stop'])
  })
})

describe('a hard reboot', () => {
  it('takes the place of a soft one that the guest does not obey', async () => {
    const world = await openWorld({ hosts: [{ name: 'fake-1', vcpus: 4, memoryMb: 8192, shutdownTime: null }] })
    const id = await world.build()
    await world.commands.reboot(id, 'SOFT')
    await world.run(world.clock.sleep(5000))
    assert.equal((await world.row(id)).task_state, 'rebooting')
    await world.commands.reboot(id, 'HARD')
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
    assert.equal((await world.taskOf(id, 'server.reboot')).state, 'undone')
    assert.equal((await world.taskOf(id, 'server.hard-reboot')).state, 'done')
    await assertWhole(world)
  })
})

describe('ten creates with the same port', () => {
  it('give it to one of them for as long as that lives', async () => {
    const world = await openWorld()
    await world.givePort()
    const networks = [{ port: world.given }]
    const ids = await Promise.all(Array.from({ length: 10 }, () => world.commands.create({ networks })))
    await world.run(Promise.all(ids.map((id) => world.settled(id))))
    const rows = await Promise.all(ids.map((id) => world.row(id)))
    assert.equal(rows.filter(({ vm_state }) => vm_state === 'active').length, 1)
    for (const { id, vm_state } of rows) {
      if (vm_state !== 'error') continue
      assert.match((await world.fault(id)).message, /Port already has an attached device/)
      await world.commands.delete(id)
      await world.run(world.settled(id))
    }
    await assertWhole(world)
  })
})

const ENDLESS = 'quota_instances = -1\nquota_cores = -1\nquota_ram = -1'
const SMALL = { memoryMb: 65_536 }

describe('a hundred creates', () => {
  it('for three places on two hosts make exactly three servers', async () => {
    const world = await openWorld({
      config: `[compute]\ncpu_allocation_ratio = 1.0\n${ENDLESS}`,
      hosts: [
        { name: 'fake-1', vcpus: 2, ...SMALL },
        { name: 'fake-2', vcpus: 1, ...SMALL },
      ],
    })
    const ids = await Promise.all(Array.from({ length: 100 }, () => world.commands.create()))
    await world.run(Promise.all(ids.map((id) => world.settled(id))))
    const rows = await Promise.all(ids.map((id) => world.row(id)))
    assert.equal(rows.filter(({ vm_state }) => vm_state === 'active').length, 3)
    const lost = rows.filter(({ vm_state }) => vm_state === 'error')
    assert.equal(lost.length, 97)
    for (const { id } of lost) {
      const { message } = await world.fault(id)
      assert.match(
        message,
        /^No valid host was found\. No host that suits it has room: of 2, (resources|claim) removed /,
      )
      assert.match(message, /\(fake-\d: 1 VCPU short \(asks for 1 VCPU, free are 0\)[,)]/)
      const removed = [...message.matchAll(/ removed (\d)/g)].map(([, hosts]) => Number(hosts))
      assert.equal(removed[0]! + (removed[1] ?? 0), 2, message)
    }
    await assertWhole(world)
  })
})
