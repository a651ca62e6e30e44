// Servers that move, with hosts that die, disks that must not be lost, and deletes in the midst of it.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { pick, seededRandom } from '@kilonova/base/random'
import { tables } from '@kilonova/compute/compute'
import { deleteAtEveryPlace } from './interrupted.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'
import type { WorldOptions } from './world-parts.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

async function openWorld(options?: WorldOptions): Promise<ServerWorld> {
  const world = await ServerWorld.open(options)
  worlds.push(world)
  await world.startTasks()
  return world
}

async function done(world: ServerWorld, id: string, asked: Promise<unknown>): Promise<string> {
  await asked
  await world.run(world.settled(id))
  return (await world.row(id)).vm_state
}

const migrationsOf = (world: ServerWorld, id: string) =>
  tables(world.compute).selectFrom('compute_migrations').selectAll().where('server_id', '=', id).orderBy('id').execute()

const away = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

const HOURS = 3_600_000

/** A server that has gone from fake-1 to fake-2. */
async function resized(world: ServerWorld): Promise<string> {
  const id = await world.build()
  world.hosts[0]!.storage.write(id, 'before')
  assert.equal(await done(world, id, world.commands.resize(id)), 'resized')
  assert.equal((await world.row(id)).host, 'fake-2')
  return id
}

/** Its processes end, and nobody hears of it for long. */
async function lose(world: ServerWorld, index: number): Promise<void> {
  await world.hosts[index]!.stop()
  await world.clock.advance(3 * HOURS)
}

async function forceDown(world: ServerWorld, host: string, forced_down: 0 | 1): Promise<void> {
  await tables(world.compute).updateTable('compute_services').set({ forced_down }).where('host', '=', host).execute()
}

describe('the disks of a server', () => {
  it('go with it to its new host, and stay as they were on the old one until that is confirmed', async () => {
    const world = await openWorld()
    const [one, two] = world.hosts.map(({ storage }) => storage)
    const id = await resized(world)
    assert.deepEqual([one!.content(id), two!.content(id)], ['before', 'before'])
    two!.write(id, 'after')
    assert.equal(await done(world, id, world.commands.act(id, 'revertResize')), 'active')
    assert.deepEqual([one!.content(id), two!.content(id)], ['before', undefined])
    assert.equal(await done(world, id, world.commands.resize(id)), 'resized')
    two!.write(id, 'after')
    assert.equal(await done(world, id, world.commands.act(id, 'confirmResize')), 'active')
    assert.deepEqual([one!.content(id), two!.content(id)], [undefined, 'after'])
    await assertWhole(world)
  })

  it('stay beside the new ones on the same host', async () => {
    const hosts = [{ name: 'fake-1', vcpus: 64, memoryMb: 65_536 }]
    const world = await openWorld({ hosts, config: '[compute]\nallow_resize_to_same_host = true\n' })
    const id = await world.build({ config_drive: true })
    const paths = () => world.hosts[0]!.storage.paths(id).map((path) => path.split('/').at(-1)!)
    assert.deepEqual(paths(), ['disk', 'disk.config'])
    for (const [action, left] of [
      ['revertResize', /^disk$/],
      ['confirmResize', /^disk\.[0-9a-f]{8}$/],
    ] as const) {
      assert.equal(await done(world, id, world.commands.resize(id)), 'resized')
      assert.equal(paths().length, 3)
      await assertWhole(world)
      assert.equal(await done(world, id, world.commands.act(id, action)), 'active')
      const [config, disk] = paths().toSorted().toReversed()
      assert.equal([config, disk].includes('disk.config'), true)
      assert.match([config, disk].find((name) => name !== 'disk.config')!, left)
      await assertWhole(world)
    }
  })
})

describe('a server whose source is down', () => {
  it('is confirmed; the source removes what it kept when it is back, and takes the server only then', async () => {
    const world = await openWorld()
    const [source] = world.hosts
    const id = await resized(world)
    await lose(world, 0)
    await assert.rejects(world.commands.act(id, 'revertResize'), away(409, /^Service is unavailable at this time\.$/))
    assert.equal(await done(world, id, world.commands.act(id, 'confirmResize')), 'active')
    assert.equal((await migrationsOf(world, id))[0]!.uncleaned_host, 'fake-1')
    assert.equal(await done(world, id, world.commands.act(id, 'migrate')), 'active')
    assert.match((await world.fault(id)).details, /leftovers removed 1 \(it keeps old files of the server/)
    await world.run(source!.start())
    await world.run(source!.runNow('cleanup_incomplete_migrations'))
    assert.deepEqual(await source!.storage.guests(), [])
    await world.run(source!.runNow('cleanup_incomplete_migrations'))
    assert.equal((await migrationsOf(world, id))[0]!.uncleaned_host, null)
    assert.equal(await done(world, id, world.commands.act(id, 'migrate')), 'resized')
    assert.equal((await world.row(id)).host, 'fake-1')
    await assertWhole(world)
  })
})

describe('a server whose new host is down', () => {
  it('goes back only when an admin says that nothing runs there', async () => {
    const world = await openWorld()
    const [source, target] = world.hosts
    const id = await resized(world)
    await lose(world, 1)
    await assert.rejects(world.commands.act(id, 'revertResize'), away(409, /^Service is unavailable at this time\.$/))
    await forceDown(world, 'fake-2', 1)
    assert.equal(await done(world, id, world.commands.act(id, 'revertResize')), 'active')
    assert.equal(source!.storage.content(id), 'before')
    await forceDown(world, 'fake-2', 0)
    await world.run(target!.start())
    await world.run(target!.runNow('cleanup_incomplete_migrations'))
    assert.deepEqual([await target!.hypervisor.guests(), await target!.storage.guests()], [[], []])
    await assertWhole(world)
  })

  it('is deleted, and nothing of it is left on either host', async () => {
    const world = await openWorld()
    const id = await resized(world)
    await lose(world, 1)
    assert.equal(await done(world, id, world.commands.delete(id)), 'deleted')
    await world.run(world.hosts[1]!.start())
    await world.run(world.hosts[1]!.runNow('run_pending_deletes'))
    await assertWhole(world)
    await world.assertEmpty()
  })
})

describe('a move that nobody confirms', () => {
  it('is confirmed when its time is over', async () => {
    const world = await openWorld({ config: '[compute]\nresize_confirm_window = 1800\n' })
    const id = await resized(world)
    await world.clock.advance(0.4 * HOURS)
    assert.equal((await world.row(id)).vm_state, 'resized')
    await world.clock.advance(0.2 * HOURS)
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
    assert.equal((await migrationsOf(world, id))[0]!.status, 'confirmed')
    await assertWhole(world)
  })

  it('of a server that an admin has reset is over soon', async () => {
    const world = await openWorld()
    const id = await resized(world)
    await world.commands.act(id, 'os-resetState', { state: 'active' })
    await assert.rejects(world.commands.resize(id, '1'), away(409, /in migration status finished$/))
    await world.clock.advance(0.1 * HOURS)
    await world.run(world.settled(id))
    assert.deepEqual(
      [(await world.row(id)).vm_state, (await migrationsOf(world, id))[0]!.status],
      ['active', 'confirmed'],
    )
    assert.deepEqual(await world.hosts[0]!.storage.guests(), [])
  })
})

describe('a guest that is off', () => {
  it('stays off through a resize, its confirmation and a move back', async () => {
    const world = await openWorld()
    const id = await world.build()
    await done(world, id, world.commands.stop(id))
    for (const [ask, state] of [
      [() => world.commands.resize(id), 'resized'],
      [() => world.commands.act(id, 'confirmResize'), 'stopped'],
      [() => world.commands.act(id, 'migrate'), 'resized'],
      [() => world.commands.act(id, 'revertResize'), 'stopped'],
    ] as const) {
      assert.equal(await done(world, id, ask()), state)
      await assertWhole(world)
    }
  })
})

describe('resizes at once', () => {
  it('for the last of a quota become larger only as far as it allows', async () => {
    const world = await openWorld({ config: `[compute]\nquota_ram = ${10 * 192 + 3 * 64}\n` })
    const ids = await Promise.all(Array.from({ length: 10 }, () => world.commands.create()))
    await world.run(Promise.all(ids.map((id) => world.settled(id))))
    const answers = await Promise.allSettled(ids.map((id) => world.commands.resize(id)))
    assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 3)
    for (const answer of answers)
      if (answer.status === 'rejected') assert.match(String(answer.reason), /Quota exceeded for ram: Requested 64/)
    await world.run(Promise.all(ids.map((id) => world.settled(id))))
    await assertWhole(world)
  })

  it('with a stop, a reboot and a delete let one win, and leave nothing', async () => {
    const size = { vcpus: 64, memoryMb: 65_536, latency: 100 }
    const world = await openWorld({
      hosts: [
        { name: 'fake-1', ...size },
        { name: 'fake-2', ...size },
      ],
    })
    const won = new Set<string>()
    for (let seed = 1; seed <= 12; seed++) {
      const random = seededRandom(seed)
      const id = await world.build()
      const asks = { resize: () => world.commands.resize(id), stop: () => world.commands.stop(id) }
      const all = { ...asks, reboot: () => world.commands.reboot(id), delete: () => world.commands.delete(id) }
      const left = Object.keys(all) as (keyof typeof all)[]
      const order: (keyof typeof all)[] = []
      while (left.length > 0) order.push(...left.splice(left.indexOf(pick(random, left)), 1))
      const answers = await Promise.allSettled(order.map((name) => all[name]()))
      const accepted = order.filter((_, index) => answers[index]!.status === 'fulfilled')
      assert.ok(accepted.includes('delete') && accepted.length <= 2, `seed ${seed}: ${accepted.join()}`)
      for (const name of accepted) won.add(name)
      await world.run(world.settled(id))
      assert.equal((await world.row(id)).vm_state, 'deleted')
      await assertWhole(world)
      await world.assertEmpty()
    }
    assert.deepEqual([...won].toSorted(), ['delete', 'reboot', 'resize', 'stop'])
  })
})

describe('a delete', () => {
  for (const task of ['server.resize', 'server.revert-resize', 'server.confirm-resize']) {
    it(`while a ${task} is at any step, or is undone, or its process died there, ends gone`, async () => {
      const world = await ServerWorld.open()
      worlds.push(world)
      await deleteAtEveryPlace(world, task)
    })
  }
})

describe('a server whose port is deleted while it lets go of none', () => {
  /** What is done before the port goes, and what after. */
  const ways: Record<string, [string, ...string[]]> = {
    'comes back from its image': ['shelve', 'shelveOffload', 'unshelve'],
    'goes back to what it was': ['migrate', 'revertResize'],
    'stays what it has become, and moves again': ['migrate', 'confirmResize', 'migrate'],
  }
  for (const [does, [first, ...more]] of Object.entries(ways)) {
    it(does, async () => {
      const world = await openWorld({ config: '[compute]\nshelved_offload_time = -1\n' })
      const network = await world.privateNetwork()
      const id = await world.build({ networks: [{ uuid: network }, { uuid: network }] })
      await done(world, id, world.commands.act(id, first))
      const [port] = await world.compute.network.portsOfDevice(id)
      await world.compute.network.deletePort(world.context(), { portId: port!.id })
      for (const verb of more) await done(world, id, world.commands.act(id, verb))
      const tasks = await world.tasks.list({ resource: { type: 'server', id } })
      assert.deepEqual(
        tasks.map(({ name, state }) => `${name} ${state}`).filter((one) => !one.endsWith(' done')),
        [],
      )
      await assertWhole(world)
    })
  }
})
