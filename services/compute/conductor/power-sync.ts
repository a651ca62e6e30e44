// Keeps servers in step with their guests, whatever happens to those behind the cloud's back.
import type { RequestContext } from '@kilonova/base/context'
import { adminContext, withContext } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { GuestPowerEvent } from '../agent/conductor-protocol.ts'
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { deleteServer } from '../servers/delete.ts'
import { change } from '../servers/lifecycle.ts'
import { forceStopServer, stopServer } from '../servers/power.ts'
import { findServer } from '../servers/store.ts'
import { isUp } from '../services/liveness.ts'
import { listServices } from '../services/store.ts'
import { agentOf } from './conductor.ts'
import type { PowerDecision } from './power-sync-decision.ts'
import { decide } from './power-sync-decision.ts'

/** Milliseconds after which a host is asked again whether a guest is really missing. */
const LOOK_AGAIN = 10_000

type Listed = Pick<ServerRow, 'id' | 'vm_state' | 'task_state' | 'power_state'>

interface Look {
  guests: Map<string, PowerState>
  servers: Listed[]
}

/** Undefined: nothing is known, or nothing certain. */
type SeenOf = (server: Listed) => PowerState | undefined

interface Sample {
  host: string
  id: string
  seen: PowerState
}

/** Seconds between two comparisons of all; 0 or less: never. */
export function powerSyncSeconds({ sync_power_state_interval: seconds }: Compute['options']): number {
  return seconds === 0 ? 60 : seconds
}

export class PowerSync {
  readonly #compute: Compute
  /** By host and by server: what is under way, one after another. */
  readonly #queues = new Map<string, Promise<void>>()
  /** By host: the comparison that has not begun yet; who wishes another one means the same. */
  readonly #waiting = new Map<string, Promise<void>>()
  readonly #stopped = new AbortController()

  constructor(compute: Compute) {
    this.#compute = compute
  }

  /** Compares the servers of every host that is up with its guests. A host that fails is logged, and left to the next. */
  async all(): Promise<void> {
    const services = await listServices(this.#compute, { binary: 'nova-compute' })
    const up = services.filter((service) => isUp(this.#compute, service) && !this.#queues.has(hostKey(service.host)))
    await sideBySide(up, this.#atOnce, ({ host }) => this.host(host))
  }

  /** Compares the servers of one host, after a comparison that is under way. Does not throw. */
  host(host: string): Promise<void> {
    const waiting = this.#waiting.get(host)
    if (waiting) return waiting
    const context = adminContext()
    const compared = this.#queued(hostKey(host), () => {
      this.#waiting.delete(host)
      return withContext(context, () => this.#compareHost(host, context)).catch((error) => {
        if (this.#stopped.signal.aborted) return
        // A host that is not there asks for it when it is back.
        const level = isFault(error, 'Unreachable') ? 'info' : 'warn'
        log('compute.power_sync')[level]({ host }, `could not compare servers with guests: ${errorChain(error)}`)
      })
    })
    this.#waiting.set(host, compared)
    return compared
  }

  /** The same at the wish of a host, unless the option turns comparisons off. */
  async wished(host: string): Promise<void> {
    if (powerSyncSeconds(this.#compute.options) > 0) await this.host(host)
  }

  /** A guest changed its power state, says its host. What no longer holds is dropped. */
  async event({ host, id, powerState }: GuestPowerEvent): Promise<void> {
    const row = await findServer(this.#compute, id)
    if (!row || row.host !== host) {
      log('compute.power_sync').debug({ host, server_id: id }, 'no server of this host has the guest of the event')
      return
    }
    if (row.task_state !== null) return
    const seen = await this.#powerState(host, id)
    if (seen === powerState) await this.#server({ host, id, seen }, adminContext())
  }

  /** Begins nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.allSettled(this.#queues.values())
  }

  get #atOnce(): number {
    return this.#compute.options.sync_power_state_pool_size
  }

  async #compareHost(host: string, context: RequestContext): Promise<void> {
    const { guests, servers } = await this.#look(host)
    if (guests.size !== servers.length) {
      const counts = { host, servers: servers.length, guests: guests.size }
      log('compute.power_sync').warn(counts, `${servers.length} servers are recorded for ${guests.size} guests`)
    }
    const compare = (some: Listed[], seenOf: SeenOf) => this.#compare({ host, context }, some, seenOf)
    await compare(servers, ({ id }) => guests.get(id))
    const unseen = servers.filter(({ id, task_state }) => task_state === null && !guests.has(id))
    const doubtful = unseen.some(({ power_state }) => power_state !== POWER.NOSTATE)
    if (doubtful) await this.#compute.clock.sleep(LOOK_AGAIN, this.#stopped.signal)
    const again = doubtful ? await this.#look(host) : { guests, servers }
    const missing = new Set(unseen.map(({ id }) => id))
    const still = again.servers.filter(({ id }) => missing.has(id))
    await compare(still, ({ id }) => again.guests.get(id) ?? POWER.NOSTATE)
  }

  /** The servers are read after the guests: what was just made is not taken for missing more than once. */
  async #look(host: string): Promise<Look> {
    const { signal } = this.#stopped
    signal.throwIfAborted()
    const states = await agentOf({ compute: this.#compute }, host).guests(null as never, { signal })
    const servers = await tables(this.#compute)
      .selectFrom('compute_servers')
      .select(['id', 'vm_state', 'task_state', 'power_state'])
      .where('host', '=', host)
      .where('deleted_at', 'is', null)
      .execute()
    return { guests: new Map(states.map(({ id, powerState }) => [id, powerState])), servers }
  }

  async #compare(
    { host, context }: { host: string; context: RequestContext },
    servers: Listed[],
    seenOf: SeenOf,
  ): Promise<void> {
    await sideBySide(servers, this.#atOnce, async (server) => {
      const seen = seenOf(server)
      if (seen === undefined || this.#queues.has(server.id) || isAsRecorded(server, seen)) return
      await this.#server({ host, id: server.id, seen }, context)
    })
  }

  /** Acts on what was seen of one server; two never do at once. Does not throw. */
  #server(sample: Sample, context: RequestContext): Promise<void> {
    return this.#queued(sample.id, async () => {
      try {
        if (!this.#stopped.signal.aborted) await withContext(context, () => this.#synchronise(sample, context))
      } catch (error) {
        const of = { host: sample.host, server_id: sample.id }
        log('compute.power_sync').warn(of, `could not be brought in step, left to the next turn: ${errorChain(error)}`)
      }
    })
  }

  async #synchronise({ host, id, seen }: Sample, context: RequestContext): Promise<void> {
    const row = await findServer(this.#compute, id)
    if (!row || row.host !== host) return
    const sample = {
      vmState: row.vm_state,
      taskState: row.task_state,
      recorded: row.power_state,
      seen,
      terminates: row.shutdown_terminate === 1,
    }
    let decision = decide(sample)
    let power = seen
    // Asked after the row was read: the command refuses if the server has changed since.
    if (decision.act === 'requery') {
      power = await this.#powerState(host, id)
      decision = decide({ ...sample, requeried: power })
    }
    const { save } = decision
    if (save !== undefined && !(await change(this.#compute, id, { power_state: save }, row))) return
    await this.#act(decision, { row, power, context })
  }

  async #act(
    { act }: PowerDecision,
    { row, power, context }: { row: ServerRow; power: PowerState; context: RequestContext },
  ): Promise<void> {
    if (act === 'nothing') return
    const of = { server_id: row.id, host: row.host, vm_state: row.vm_state, power_state: power }
    const done = act === 'delete' ? 'deleted' : 'stopped'
    log('compute.power_sync').warn(of, act === 'warn' ? warning(row, power) : `power state ${power}: it is ${done}`)
    if (act === 'stop') await stopServer(this.#compute, context, row.id)
    if (act === 'delete') await deleteServer(this.#compute, context, row.id)
    if (act === 'forceStop') await forceStopServer(this.#compute, context, row.id)
  }

  #powerState(host: string, id: string): Promise<PowerState> {
    return agentOf({ compute: this.#compute }, host).powerState({ id }, { signal: this.#stopped.signal })
  }

  #queued(key: string, work: () => Promise<void>): Promise<void> {
    const mine = (this.#queues.get(key) ?? Promise.resolve()).then(work).finally(() => {
      if (this.#queues.get(key) === mine) this.#queues.delete(key)
    })
    this.#queues.set(key, mine)
    return mine
  }
}

const hostKey = (host: string): string => `host ${host}`

function isAsRecorded({ vm_state, task_state, power_state }: Listed, seen: PowerState): boolean {
  const decision = decide({ vmState: vm_state, taskState: task_state, recorded: power_state, seen })
  return decision.act === 'nothing' && decision.save === undefined
}

function warning({ vm_state }: ServerRow, power: PowerState): string {
  if (vm_state !== 'active') return `its guest is there though the server is ${vm_state}; it is left alone`
  return power === POWER.NOSTATE
    ? 'its guest was unexpectedly not found on its host; the server stays as it is'
    : 'its guest was unexpectedly paused on its host; the server stays as it is'
}

/** Works on all, on so many at once. */
async function sideBySide<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
