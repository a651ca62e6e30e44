// The network agent as a process of a host serves it: on the bus, with signs of life, comparing again and again.
import type { Clock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Bus, Remote } from '@kilonova/bus/bus'
import type { NetworkBackend } from '../agent/backend.ts'
import { NetworkAgent } from '../agent/network-agent.ts'
import type { NetworkChange, PortReport, ReconcileResult } from '../agent/protocol.ts'
import type { HostMethods, NetworkMethods } from '../host-protocol.ts'
import { NETWORK_TOPIC, networkTopic } from '../host-protocol.ts'

export interface NetworkHostParts {
  host: string
  bus: Bus
  clock: Clock
  /** Where the agent keeps its records. */
  directory: string
  backend: NetworkBackend
  options: {
    /** Seconds between signs of life. */
    report_interval: number
    /** Seconds between comparisons of the host with what it should have. */
    reconcile_interval: number
  }
}

export interface NetworkHost {
  readonly agent: NetworkAgent
  /** Resolves when the host has reported and been brought to what it should have, for the first time. */
  readonly ready: Promise<void>
  /** Ends serving; what was made for guests stays. */
  stop(): Promise<void>
}

const SOON_MS = 1000

/** Serves the agent until stopped. While the service cannot be reached the host stays as it is. */
export async function startNetworkHost(parts: NetworkHostParts): Promise<NetworkHost> {
  const serving = new Serving(parts)
  await serving.start()
  return serving
}

class Serving implements NetworkHost {
  agent!: NetworkAgent
  readonly ready: Promise<void>
  readonly #parts: NetworkHostParts
  readonly #service: Remote<NetworkMethods>
  readonly #ending = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  readonly #reports = new Map<string, PortReport>()
  /** Changes are done one after the other, in the order in which they were told. */
  #applying: Promise<unknown> = Promise.resolve()
  #flushing: Promise<void> = Promise.resolve()
  #running: Promise<unknown> = Promise.resolve()
  #endServing: () => Promise<void> = async () => undefined

  constructor(parts: NetworkHostParts) {
    this.#parts = parts
    this.#service = parts.bus.remote<NetworkMethods>(NETWORK_TOPIC)
    this.ready = this.#first.promise
  }

  async start(): Promise<void> {
    const { directory, backend, bus, host } = this.#parts
    const report = (one: PortReport): void => void this.#reports.set(one.portId, one)
    this.agent = await NetworkAgent.start({ directory, backend, report })
    this.#endServing = await bus.serve<HostMethods>(networkTopic(host), this.#methods())
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#endServing()
    await this.#running
    await this.#applying
    await this.#flushing
    await this.agent.close()
  }

  #methods(): HostMethods {
    return {
      plug: async ({ portId }) => {
        const details = await this.#service.portDetails({ portId, host: this.#parts.host })
        await this.agent.plug(details).finally(() => this.#flush())
        return null
      },
      unplug: async ({ portId }) => {
        const generation = await this.#service.generation(undefined)
        await this.agent.unplug(portId, generation).finally(() => this.#flush())
        return null
      },
      apply: async ({ changes }) => {
        await this.#inTurn(() => this.#apply(changes))
        return null
      },
      reconcile: () => this.#inTurn(() => this.#reconcile()),
      inventory: () => this.agent.inventory(),
      leftovers: async () => {
        const wanted = await this.#service.wantedState({ host: this.#parts.host })
        return this.agent.leftovers(wanted)
      },
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#applying.then(work)
    this.#applying = turn.catch(() => undefined)
    return turn
  }

  async #apply(changes: readonly NetworkChange[]): Promise<void> {
    const done: NetworkChange[] = []
    for (const change of changes) {
      try {
        await this.agent.apply(change)
        done.push(change)
      } catch (error) {
        log('network.agent').warn({ kind: change.kind }, `left to the next comparison: ${errorChain(error)}`)
      }
    }
    await this.#flush()
    await this.#tellReady(
      done.flatMap((change) => (change.kind === 'network' ? change.network.id : [])),
      done.flatMap((change) => (change.kind === 'router' ? change.router : [])),
    )
  }

  async #reconcile(): Promise<ReconcileResult> {
    const wanted = await this.#service.wantedState({ host: this.#parts.host })
    const result = await this.agent.reconcile(wanted)
    for (const { kind, id, reason } of result.failures)
      log('network.agent').warn({ kind, id, reason }, 'could not be made as it should be')
    const failed = new Set(result.failures.map(({ id }) => id))
    await this.#flush()
    await this.#tellReady(
      wanted.networks.map(({ id }) => id).filter((id) => !failed.has(id)),
      wanted.routers.filter(({ id }) => !failed.has(id)),
    )
    return result
  }

  async #tellReady(
    networks: string[],
    routers: readonly { id: string; floatingIps: readonly { id: string }[] }[],
  ): Promise<void> {
    if (networks.length === 0 && routers.length === 0) return
    const ready = routers.map(({ id, floatingIps }) => ({ id, floatingIps: floatingIps.map((one) => one.id) }))
    await this.#tell(() => this.#service.readyReport({ host: this.#parts.host, networks, routers: ready }))
  }

  /** Sends what the agent has reported; what does not arrive is reported again by the next comparison. */
  #flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      const reports = [...this.#reports.values()]
      this.#reports.clear()
      if (reports.length === 0) return
      await this.#tell(() => this.#service.portReport({ host: this.#parts.host, reports }))
    })
    return this.#flushing
  }

  async #tell(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      log('network.agent').warn({ host: this.#parts.host }, `could not report: ${errorChain(error)}`)
      return false
    }
  }

  /** A host is known before it asks what it should have: DHCP servers and routers may be its own. */
  async #run(): Promise<void> {
    const { clock } = this.#parts
    while (!this.#ending.signal.aborted && !(await this.#report(true))) await clock.sleep(SOON_MS, this.#ending.signal)
    await Promise.all([this.#reportForever(), this.#reconcileForever()])
  }

  #report(isStart: boolean): Promise<boolean> {
    const { host, backend } = this.#parts
    return this.#tell(() => this.#service.agentReport({ host, backend: backend.name, isStart }))
  }

  async #reportForever(): Promise<void> {
    let isCutOff = false
    await this.#forever(this.#parts.options.report_interval, async () => {
      const arrived = await this.#report(false)
      // What was told meanwhile is lost.
      if (arrived && isCutOff) await this.#tell(() => this.#inTurn(() => this.#reconcile()))
      isCutOff = !arrived
      return arrived
    })
  }

  async #reconcileForever(): Promise<void> {
    await this.#forever(this.#parts.options.reconcile_interval, async () => {
      const done = await this.#tell(() => this.#inTurn(() => this.#reconcile()))
      if (done) this.#first.resolve()
      return done
    })
  }

  /** Again after `seconds`, sooner after a failure. */
  async #forever(seconds: number, work: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#parts
    while (!this.#ending.signal.aborted) {
      const done = await work()
      await clock.sleep(done ? seconds * 1000 : SOON_MS, this.#ending.signal)
    }
  }
}
