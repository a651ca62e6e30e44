// The real services of a cloud on a store in memory, with two fake hosts and a clock that moves only when told to.
// Callers, tasks and faults are the test's.

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { perform } from '@kilonova/api/route'
import type { VirtualClock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import type { RequestContext } from '@kilonova/base/context'
import { makeContext } from '@kilonova/base/context'
import type { LocalBus } from '@kilonova/bus/local'
import { Closing } from '@kilonova/cloud/closing'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import { startConductor } from '@kilonova/compute/conductor/process'
import { conductorSagas, sagasWith } from '@kilonova/compute/conductor/sagas'
import { defaultFlavors } from '@kilonova/compute/flavors/defaults'
import { bootstrapNetwork } from '@kilonova/network/bootstrap'
import type { NetworkService } from '@kilonova/network/service'
import type { Store } from '@kilonova/store/store'
import { Failpoints } from '@kilonova/tasks/failpoints'
import type { AnySaga } from '@kilonova/tasks/saga'
import type { Task } from '@kilonova/tasks/task'
import { Tasks } from '@kilonova/tasks/tasks'
import { callByHand, ServerCommands } from './server-commands.ts'
import type { WorldHost } from './world-host.ts'
import type { WorldOptions, WorldParts } from './world-parts.ts'
import { makeParts } from './world-parts.ts'

const PROJECT = 'd'.repeat(32)

export interface Deps {
  readonly compute: Compute
}

/** The tasks under test. */
export const sagas: readonly AnySaga<Deps>[] = conductorSagas

export class ServerWorld {
  readonly store: Store
  readonly clock: VirtualClock
  readonly bus: LocalBus
  readonly compute: Compute
  readonly network: NetworkService
  readonly hosts: readonly WorldHost[]
  readonly commands: ServerCommands
  /** The engine that runs now; a test that lets one die sets the next. */
  tasks!: Tasks<Deps>
  /** The port that servers may be given. */
  given: string | undefined
  #failpoints: Failpoints | undefined
  #endConductor: () => Promise<void> = async () => undefined
  readonly #closing: Closing
  /** What lies on hosts when there are no servers. */
  readonly #empty = new Map<string, string[]>()

  private constructor(parts: WorldParts, compute: Compute, closing: Closing) {
    this.store = parts.store
    this.clock = parts.clock
    this.bus = parts.bus
    this.network = parts.network
    this.hosts = parts.hosts
    this.compute = compute
    this.commands = new ServerCommands(compute, () => this.context(), parts)
    this.#closing = closing
  }

  static async open(options: WorldOptions = {}): Promise<ServerWorld> {
    const closing = new Closing()
    try {
      const parts = await makeParts(options, closing)
      const compute: Compute = {
        ...parts.compute,
        get tasks(): Tasks {
          return world.tasks
        },
      }
      const world = new ServerWorld(parts, compute, closing)
      await world.run(world.#start(parts))
      return world
    } catch (error) {
      await closing.close()
      throw error
    }
  }

  /** A request of the demo user. */
  context(): RequestContext {
    return makeContext({
      ...{ userId: 'demo', userName: 'demo', projectId: PROJECT, projectName: 'demo' },
      roles: ['member', 'reader'],
    })
  }

  /** Starts an engine in place of the one before. */
  async startTasks(failpoints = new Failpoints()): Promise<Tasks<Deps>> {
    const { store, clock } = this
    this.tasks?.throwAway()
    this.#failpoints = failpoints
    const owned = { owner: 'world', exclusive: true, poll: 60 }
    const all = sagasWith(this.compute.plugins ?? [])
    this.tasks = new Tasks<Deps>({ store, clock, ...owned, sagas: all, deps: this, failpoints })
    await this.tasks.start()
    return this.tasks
  }

  /** Makes a port that servers may be given. */
  async givePort(): Promise<void> {
    const { routes, deps } = this.network.api
    const body = { port: { network_id: await this.privateNetwork() } }
    const route = routes.find(({ method, path }) => method === 'POST' && path === '/v2.0/ports')
    const made = await this.run(perform(route!, deps, callByHand(this.context(), { body })))
    this.given = (made as { port: { id: string } }).port.id
    await this.#remember()
  }

  /** Servers are made with flavors that have ephemeral disks and swap. */
  async giveDisks(): Promise<void> {
    const { flavors } = this.commands
    const sizes = { usual: { ephemeral_gb: 3, swap_mb: 64 }, larger: { ephemeral_gb: 4, swap_mb: 128 } }
    for (const which of ['usual', 'larger'] as const) {
      const like = tables(this.compute).selectFrom('compute_flavors').selectAll().where('id', '=', flavors[which])
      const id = `disks-${which}`
      const row = { ...(await like.executeTakeFirstOrThrow()), ...sizes[which], id, name: id }
      await tables(this.compute).insertInto('compute_flavors').values(row).execute()
      flavors[which] = id
    }
  }

  /** The one network of the project. */
  async privateNetwork(): Promise<string> {
    const [only] = await this.compute.network.validateRequested(this.context(), 'auto', { count: 1 })
    return only!.networkId
  }

  /** Moves time until the work is done; what waits for no time gets turns of the event loop before. */
  async run<T>(work: Promise<T>): Promise<T> {
    let over = false
    const settle = (): void => {
      over = true
    }
    work.then(settle, settle)
    for (let turn = 0; !over; turn++) {
      if (turn < 30) await nextTurn()
      else {
        await systemClock.sleep(1)
        const hangs = (this.#failpoints?.hanging ?? 0) > 0
        await this.clock.advance(hangs ? 60_000 : Math.min((turn - 30) * 20, 1000))
      }
    }
    return work
  }

  /** Resolves when hosts have done what network told them. */
  async told(): Promise<void> {
    await this.network.told()
    for (const host of this.hosts) await host.quiet()
  }

  /** The newest task of that name about the server or aggregate. */
  async taskOf(id: string, name: string): Promise<Task> {
    const tasks = await this.tasks.list({ resource: { type: name.split('.')[0]!, id } })
    const found = tasks.find((task) => task.name === name)
    if (!found) throw new Error(`there is no task ${name} of ${id}`)
    return found
  }

  /** The server's row, also of one that is gone. */
  async row(id: string) {
    return tables(this.compute).selectFrom('compute_servers').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  }

  /** The host that the server lives on. */
  async hostOf(id: string): Promise<WorldHost> {
    const { host } = await this.row(id)
    return this.hosts.find(({ name }) => name === host)!
  }

  /** Why it failed last. */
  async fault(id: string): Promise<{ message: string; details: string }> {
    const query = tables(this.compute).selectFrom('compute_server_faults').select(['message', 'details'])
    return query.where('server_id', '=', id).orderBy('id', 'desc').executeTakeFirstOrThrow()
  }

  liveServers(): Promise<{ id: string }[]> {
    return tables(this.compute).selectFrom('compute_servers').select('id').where('deleted_at', 'is', null).execute()
  }

  /** Throws unless there are no servers, hosts are as they were at first, and the given port is free again. */
  async assertEmpty(): Promise<void> {
    assert.deepEqual(await this.liveServers(), [])
    const ports = (await this.compute.network.allPorts()).filter(
      ({ deviceOwner }) => !deviceOwner.startsWith('network:'),
    )
    const free = { id: this.given, deviceId: '', deviceOwner: '', host: null }
    assert.deepEqual(ports, this.given === undefined ? [] : [free])
    for (const host of this.hosts) assert.deepEqual(await this.run(host.contents()), this.#empty.get(host.name))
  }

  /** Asks for a server and waits until it is built, or has failed. */
  async build(parts?: object): Promise<string> {
    const id = await this.commands.create(parts)
    await this.run(this.settled(id))
    return id
  }

  /** Waits until no task works on the server. */
  async settled(serverId: string): Promise<void> {
    for (;;) {
      const live = await this.tasks.list({ live: true, resource: { type: 'server', id: serverId } })
      if (live.length === 0) return
      for (const { id } of live) await this.tasks.ended(id)
      if (live.some(({ state }) => state === 'stuck')) return
    }
  }

  /** The processes of all hosts end and start again. */
  async restartHosts(): Promise<void> {
    for (const host of this.hosts) {
      await host.stop()
      await host.start()
    }
  }

  /** The conductor's process ends and starts again. */
  async restartConductor(): Promise<void> {
    await this.run(this.#endConductor())
    this.#endConductor = await startConductor(this.compute, 'control')
  }

  /** Hosts that an admin said are down start anew, and remove what is no server's there any more. */
  async comeBack(): Promise<void> {
    for (const host of this.hosts) await this.commands.forceDown(host.name, false)
    await this.restartHosts()
    for (const host of this.hosts) await host.runNow('run_pending_deletes')
  }

  close(): Promise<void> {
    this.tasks?.throwAway()
    return this.#closing.close()
  }

  async #start({ network, hosts }: WorldParts): Promise<void> {
    await defaultFlavors(this.compute)
    const cidrs = { privateCidr: '10.0.0.0/16', publicCidr: '172.24.4.0/24' }
    await bootstrapNetwork(network.network, { demoProjectId: PROJECT, adminProjectId: 'a'.repeat(32), ...cidrs })
    this.#endConductor = await startConductor(this.compute, 'control')
    this.#closing.add('conductor', () => this.#endConductor())
    this.#closing.add('network', await network.start())
    for (const host of hosts) {
      this.#closing.add(host.name, () => host.stop())
      await host.start()
      await this.clock.sleep(1) // the one that reports first is the host of DHCP and routers
    }
    await this.#remember()
  }

  async #remember(): Promise<void> {
    await this.told()
    for (const host of this.hosts) this.#empty.set(host.name, await host.contents())
  }
}
