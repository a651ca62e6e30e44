// Servers and their guests on fake hosts, with the real conductor, agents and tasks, and a clock that tests move.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import { LocalBus } from '@kilonova/bus/local'
import { placementSchema } from '@kilonova/placement/schema'
import { createPlacementService } from '@kilonova/placement/service'
import { memoryStore } from '@kilonova/store/testing'
import { taskSchema } from '@kilonova/tasks/schema'
import { Tasks } from '@kilonova/tasks/tasks'
import { computeAgent } from '../agent/agent.ts'
import { FakeHypervisor } from '../agent/drivers/fake/fake-hypervisor.ts'
import { FakeStorage } from '../agent/drivers/fake/fake-storage.ts'
import { Weather } from '../agent/drivers/fake/weather.ts'
import type { HostProcess } from '../agent/host-process.ts'
import { startHostProcess } from '../agent/host-process.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { Notifications } from '../notifications/notifications.ts'
import { computeOptions } from '../options.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ServerRow } from '../schema/tables.ts'
import { change } from '../servers/lifecycle.ts'
import { forceStopServer, rebootServer, startServer, stopServer } from '../servers/power.ts'
import { findServer } from '../servers/store.ts'
import { addServer } from '../testing-rows.ts'
import { guestOf } from './guest.ts'
import { addConductorTasks, startConductor } from './process.ts'

const HOST = 'fake-1'
const SECOND = 1000

class World {
  readonly clock = new VirtualClock()
  readonly weather: Weather
  readonly hypervisor: FakeHypervisor
  readonly compute: Compute
  readonly #nodeUuid = systemRandom.uuid()
  #process: HostProcess | undefined
  readonly #ends: (() => unknown)[] = []

  private constructor(compute: Omit<Compute, 'clock' | 'tasks' | 'bus'>, latency: number) {
    const { clock } = this
    const tasks = new Tasks({ store: compute.store, clock, owner: 'world', exclusive: true, poll: 1 })
    this.weather = new Weather({ clock, latency })
    this.hypervisor = new FakeHypervisor({ name: HOST, weather: this.weather })
    this.compute = { ...compute, clock, tasks, bus: new LocalBus(clock) }
  }

  static async open(toml = '', latency = 0): Promise<World> {
    const store = await memoryStore(taskSchema, placementSchema, computeSchema)
    const placement = createPlacementService({ store }).client
    const read = readConfig(computeOptions, toml)
    const notifications = new Notifications({ options: read.notifications, host: 'control' })
    const parts = { store, random: systemRandom, options: read.compute, placement, notifications }
    const world = new World(parts as unknown as Compute, latency)
    addConductorTasks(world.compute)
    await world.compute.tasks.start()
    world.#ends.push(
      () => store.close(),
      () => world.compute.bus.close(),
      () => world.compute.tasks.throwAway(),
    )
    world.#ends.push(await startConductor(world.compute, 'control'))
    return world
  }

  async startHost(): Promise<void> {
    const { clock, hypervisor, compute } = this
    const agent = computeAgent({
      ...{ hypervisor, storage: new FakeStorage({ weather: this.weather }), nodeUuid: this.#nodeUuid, clock },
      ...{ vifs: { plug: nothing, unplug: nothing }, dhcpDomain: '' },
      vendorData: async () => ({ static: {}, dynamic: {} }),
    })
    const { bus, options } = compute
    this.#process = await startHostProcess({
      ...{ host: HOST, bus, clock, agent, hypervisor, options, nodeUuid: this.#nodeUuid },
      imageCache: readConfig(computeOptions).image_cache,
    })
    await this.after(SECOND)
  }

  async stopHost(): Promise<void> {
    const stopping = this.#process?.stop()
    this.#process = undefined
    await stopping
  }

  async close(): Promise<void> {
    await this.stopHost()
    for (const end of this.#ends.toReversed()) await end()
  }

  /** A server and its guest, in step. */
  async server(columns: Partial<ServerRow> = {}): Promise<string> {
    const row = await addServer(this.compute, { host: HOST, ...columns })
    const made = this.hypervisor.define(guestOf(row))
    await this.after(SECOND)
    await made
    if (row.power_state !== POWER.SHUTDOWN) this.hypervisor.incident(row.id, 'start')
    if (row.power_state === POWER.PAUSED) this.hypervisor.incident(row.id, 'pause')
    return row.id
  }

  /** Lets time pass, and what follows from it happen. */
  async after(ms: number): Promise<void> {
    await this.clock.advance(ms)
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    await this.clock.advance(0)
  }

  /** vm_state, task_state, power_state, and what was done to the server. */
  async state(id: string): Promise<unknown[]> {
    const row = (await findServer(this.compute, id))!
    const actions = await this.actions(id)
    return [row.vm_state, row.task_state, row.power_state, actions.map(({ action }) => action).join()]
  }

  actions(id: string) {
    return tables(this.compute)
      .selectFrom('compute_instance_actions')
      .selectAll()
      .where('server_id', '=', id)
      .orderBy('id')
      .execute()
  }
}

async function nothing(): Promise<void> {}

const NO_TURNS = '[compute]\nsync_power_state_interval = 100000\n'
const NO_EVENTS = '[compute]\nhandle_virt_lifecycle_events = false\n'
const OFTEN = `${NO_EVENTS}sync_power_state_interval = 60\n`
const NEVER = `${NO_EVENTS}sync_power_state_interval = -1\n`

function worldly(name: string, toml: string, test: (world: World) => Promise<void>): void {
  it(name, async () => {
    const world = await World.open(toml)
    try {
      await world.startHost()
      await test(world)
    } finally {
      await world.close()
    }
  })
}

describe('lifecycle events', () => {
  worldly('stop a server whose guest went off 15 s ago, under a request of nobody', NO_TURNS, async (world) => {
    for (const incident of ['poweroff', 'crash'] as const) {
      const id = await world.server()
      world.hypervisor.incident(id, incident)
      await world.after(14.9 * SECOND)
      assert.deepEqual(await world.state(id), ['active', null, 1, ''])
      await world.after(2 * SECOND)
      assert.deepEqual(await world.state(id), ['stopped', null, 4, 'stop'])
      const [action] = await world.actions(id)
      assert.match(action!.request_id, /^req-/)
      assert.deepEqual([action!.user_id, action!.project_id], [null, null])
      assert.notEqual(action!.finish_at, null)
    }
  })

  worldly('do not stop one that started again within 15 s', NO_TURNS, async (world) => {
    const id = await world.server()
    world.hypervisor.incident(id, 'poweroff')
    await world.after(14 * SECOND)
    world.hypervisor.incident(id, 'start')
    await world.after(60 * SECOND)
    assert.deepEqual(await world.state(id), ['active', null, 1, ''])
  })

  worldly('shut a stopped server’s guest down again', NO_TURNS, async (world) => {
    const id = await world.server({ vm_state: 'stopped', power_state: 4 })
    world.hypervisor.incident(id, 'start')
    await world.after(5 * SECOND)
    assert.deepEqual(await world.state(id), ['stopped', null, 4, 'stop'])
    assert.equal(await world.hypervisor.powerState(id), POWER.SHUTDOWN)
  })

  worldly('show a pause and its end, and leave the server active', NO_TURNS, async (world) => {
    const id = await world.server()
    world.hypervisor.incident(id, 'pause')
    await world.after(SECOND)
    assert.deepEqual(await world.state(id), ['active', null, 3, ''])
    world.hypervisor.incident(id, 'unpause')
    await world.after(SECOND)
    assert.deepEqual(await world.state(id), ['active', null, 1, ''])
  })

  worldly('leave a server alone that a task works on', NO_TURNS, async (world) => {
    const id = await world.server({ task_state: 'rebooting' })
    world.hypervisor.incident(id, 'poweroff')
    await world.after(60 * SECOND)
    assert.deepEqual(await world.state(id), ['active', 'rebooting', 1, ''])
  })

  worldly('of guests that nobody knows, and of servers elsewhere, change nothing', NO_TURNS, async (world) => {
    const moved = await world.server({ host: 'elsewhere' })
    const gone = await world.server({ deleted_at: 1 })
    for (const id of [moved, gone]) world.hypervisor.incident(id, 'poweroff')
    await world.after(60 * SECOND)
    assert.deepEqual(await world.state(moved), ['active', null, 1, ''])
    assert.deepEqual(await world.actions(gone), [])
  })

  worldly('of what users asked for change nothing', NO_TURNS, async (world) => {
    const id = await world.server()
    const { compute } = world
    for (const ask of [stopServer, startServer]) {
      await ask(compute, adminContext(), id)
      await world.after(30 * SECOND)
    }
    for (const how of ['soft', 'hard'] as const) {
      await rebootServer(compute, adminContext(), id, how)
      await world.after(30 * SECOND)
    }
    assert.deepEqual(await world.state(id), ['active', null, 1, 'stop,start,reboot,reboot'])
  })

  worldly('that the conductor did not hear are made up for', NO_TURNS, async (world) => {
    const id = await world.server()
    await world.after(SECOND)
    world.weather.breakNext('powerState')
    world.hypervisor.incident(id, 'pause')
    await world.after(SECOND)
    assert.deepEqual(await world.state(id), ['active', null, 3, ''])
  })

  worldly('missed while the hypervisor was away are made up for at once', NO_TURNS, async (world) => {
    const [off, on, paused] = [await world.server(), await world.server(), await world.server()]
    world.hypervisor.outage(() => {
      world.hypervisor.incident(off, 'poweroff')
      world.hypervisor.incident(paused, 'pause')
    })
    await world.after(2 * SECOND)
    assert.deepEqual(await world.state(off), ['stopped', null, 4, 'stop'])
    assert.deepEqual(await world.state(paused), ['active', null, 3, ''])
    assert.deepEqual(await world.state(on), ['active', null, 1, ''])
  })
})

describe('the comparison of servers with guests', () => {
  /** One comparison falls into each, with the second look that it may need. */
  const TURN = 80 * SECOND

  worldly('finds what happened when events are not handled', OFTEN, async (world) => {
    const off = await world.server()
    const on = await world.server({ vm_state: 'stopped', power_state: 4 })
    const paused = await world.server({ vm_state: 'paused', power_state: 3 })
    const failed = await world.server({ vm_state: 'error' })
    for (const id of [off, paused, failed]) world.hypervisor.incident(id, 'poweroff')
    world.hypervisor.incident(on, 'start')
    await world.after(30 * SECOND)
    assert.deepEqual(await world.state(off), ['active', null, 1, ''])
    await world.after(TURN)
    assert.deepEqual(await world.state(off), ['stopped', null, 4, 'stop'])
    assert.deepEqual(await world.state(on), ['stopped', null, 4, 'stop'])
    assert.deepEqual(await world.state(paused), ['stopped', null, 4, 'stop'])
    assert.deepEqual(await world.state(failed), ['error', null, 4, ''])
    assert.equal(await world.hypervisor.powerState(on), POWER.SHUTDOWN)
  })

  worldly('shows a guest that is missing, and leaves its server active', OFTEN, async (world) => {
    const id = await world.server()
    world.hypervisor.incident(id, 'remove')
    await world.after(TURN)
    assert.deepEqual(await world.state(id), ['active', null, 0, ''])
    await world.after(2 * TURN)
    assert.deepEqual(await world.state(id), ['active', null, 0, ''])
  })

  worldly('waits for the end of a task', OFTEN, async (world) => {
    const id = await world.server({ task_state: 'rebooting' })
    world.hypervisor.incident(id, 'poweroff')
    await world.after(2 * TURN)
    assert.deepEqual(await world.state(id), ['active', 'rebooting', 1, ''])
    await change(world.compute, id, { task_state: null })
    await world.after(TURN)
    assert.deepEqual(await world.state(id), ['stopped', null, 4, 'stop'])
  })

  worldly('is made when a host starts', OFTEN, async (world) => {
    const id = await world.server()
    await world.stopHost()
    world.hypervisor.incident(id, 'poweroff')
    await world.startHost()
    await world.after(SECOND)
    assert.deepEqual(await world.state(id), ['stopped', null, 4, 'stop'])
  })

  worldly('is never made if the interval is negative', NEVER, async (world) => {
    const id = await world.server()
    world.hypervisor.incident(id, 'poweroff')
    await world.stopHost()
    await world.startHost()
    await world.after(10 * TURN)
    assert.deepEqual(await world.state(id), ['active', null, 1, ''])
  })

  worldly('asks again after a while before it believes that a guest is missing', OFTEN, async (world) => {
    const [away, gone] = [await world.server(), await world.server()]
    world.hypervisor.outage(() => {
      for (const id of [away, gone]) world.hypervisor.incident(id, 'remove')
    })
    await world.after(5 * SECOND)
    for (const id of [away, gone]) assert.deepEqual(await world.state(id), ['active', null, 1, ''])
    await world.hypervisor.define(guestOf((await findServer(world.compute, away))!))
    world.hypervisor.incident(away, 'start')
    await world.after(6 * SECOND)
    assert.deepEqual(await world.state(away), ['active', null, 1, ''])
    assert.deepEqual(await world.state(gone), ['active', null, 0, ''])
  })

  worldly('leaves what failed to the next turn', OFTEN, async (world) => {
    const id = await world.server()
    world.hypervisor.incident(id, 'poweroff')
    world.weather.breakNext('powerState')
    await world.after(TURN)
    assert.deepEqual(await world.state(id), ['active', null, 1, ''])
    await world.after(TURN)
    assert.deepEqual(await world.state(id), ['stopped', null, 4, 'stop'])
  })

  it('goes through 200 guests that take their time', async () => {
    const world = await World.open(NO_EVENTS, 50)
    try {
      const ids: string[] = []
      for (let i = 0; i < 200; i++) ids.push(await world.server())
      for (const id of ids) world.hypervisor.incident(id, 'poweroff')
      const [before, begun] = [world.clock.now(), systemClock.monotonic()]
      await world.startHost()
      const behind = async (): Promise<number> => {
        const rows = await tables(world.compute)
          .selectFrom('compute_servers')
          .select(['vm_state', 'task_state'])
          .execute()
        return rows.filter(({ vm_state, task_state }) => vm_state !== 'stopped' || task_state !== null).length
      }
      for (let i = 0; i < 300 && (await behind()) > 0; i++) await world.after(SECOND)
      const [theirs, ours] = [world.clock.now() - before, systemClock.monotonic() - begun]
      console.log(`200 guests stopped: ${theirs / SECOND} s of their time, ${Math.round(ours)} ms of ours`)
      assert.equal(await behind(), 0)
    } finally {
      await world.close()
    }
  })
})

describe('a stop by force', () => {
  worldly('is refused to a server that is not stopped or paused by now', NO_EVENTS, async (world) => {
    const id = await world.server()
    await assert.rejects(forceStopServer(world.compute, adminContext(), id), (error) =>
      isFault(error, 'InstanceInvalidState'),
    )
  })
})
