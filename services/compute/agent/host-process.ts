// The compute agent as a process serves it: let in by the conductor, on the bus, with its periodic work, until it is
// stopped. While the conductor does not let the host in, nobody is served.
import type { Clock } from '@kilonova/base/clock'
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import { systemRandom } from '@kilonova/base/random'
import type { Bus, Remote } from '@kilonova/bus/bus'
import type { RunNow } from '@kilonova/tasks/periodic'
import { Periodic } from '@kilonova/tasks/periodic'
import { CallGate } from './call-gate.ts'
import type { ConductorMethods } from './conductor-protocol.ts'
import { CONDUCTOR_TOPIC } from './conductor-protocol.ts'
import type { ConsoleListener } from './console-listener.ts'
import { DeletedGuests } from './deleted-guests.ts'
import type { HostOptions, ImageCacheOptions } from './host-options.ts'
import { HostReports } from './host-reports.ts'
import type { Hypervisor } from './hypervisor.ts'
import { removeLeft } from './left-guests.ts'
import { LifecycleEvents } from './lifecycle-events.ts'
import type { HostBoot } from './node-identity.ts'
import type { HostWorkers } from './periodic-work.ts'
import { hostWork } from './periodic-work.ts'
import type { ComputeAgent } from './protocol.ts'
import { computeTopic } from './protocol.ts'
import { StalledGuests } from './stalled-guests.ts'

export interface HostProcessParts {
  host: string
  bus: Bus
  clock: Clock
  random?: Random
  agent: ComputeAgent
  /** The compute node's uuid. */
  nodeUuid: string
  /** Absent where guests do not outlive the process, so that no boot is told from another. */
  boot?: HostBoot
  /** Resolves once the host's networks are as they should be: guests that ran before a boot wait for it. */
  networkReady?: Promise<unknown>
  /** Whose guests' events the conductor is told; absent: it is told none. */
  hypervisor?: Pick<Hypervisor, 'events' | 'reconnections'>
  /** Absent where guests have no files. */
  housekeeping?: Pick<HostWorkers, 'removeUnusedImages' | 'limitConsoleLogs'>
  /** Closed when the host stops. */
  consoles?: Pick<ConsoleListener, 'close'> | undefined
  options: HostOptions
  imageCache: ImageCacheOptions
}

export interface HostProcess {
  /** Resolves when the host has reported for the first time, so that it can be given servers. */
  readonly reported: Promise<void>
  /** Why the conductor does not let the host in; undefined when it does, or was not asked yet. */
  readonly refused: string | undefined
  /** Runs periodic work out of its turn, or joins the turn under way. Rejects for a name that is not in the table. */
  runNow(name: string): Promise<void>
  /** Takes no new calls, waits for those under way at most `graceMs`, then ends. */
  stop(graceMs?: number): Promise<void>
}

/** Milliseconds that a host which has booted waits for its networks before it asks for its guests all the same. */
const NETWORK_PATIENCE = 120_000
const CLEAN_UP = 'cleanup_running_deleted_instances'

/** Resolves when the conductor has been asked for the first time; it is asked again until it lets the host in. */
export async function startHostProcess(parts: HostProcessParts): Promise<HostProcess> {
  const serving = new Serving(parts)
  await serving.start()
  return serving
}

class Serving implements HostProcess {
  readonly reported: Promise<void>
  refused: string | undefined
  readonly #parts: HostProcessParts
  readonly #conductor: Remote<ConductorMethods>
  readonly #gate: CallGate
  readonly #reports: HostReports
  readonly #periodic: Periodic
  readonly #turns = new Map<string, RunNow>()
  readonly #ending = new AbortController()
  #entering: Promise<void> = Promise.resolve()
  #events: LifecycleEvents | undefined
  #owesCleanUp = false
  #endServing: () => Promise<void> = async () => undefined

  constructor(parts: HostProcessParts) {
    const { host, bus, clock, agent, random = systemRandom } = parts
    this.#parts = parts
    this.#conductor = bus.remote<ConductorMethods>(CONDUCTOR_TOPIC)
    this.#gate = new CallGate(host)
    this.#reports = new HostReports({ host, agent, conductor: this.#conductor, removeLeft: () => this.#removeLeft() })
    this.#periodic = new Periodic(clock, random)
    this.reported = this.#reports.first
  }

  async start(): Promise<void> {
    if (await this.#enter()) await this.#serve()
    else this.#entering = this.#enterLater()
  }

  async runNow(name: string): Promise<void> {
    const turn = this.#turns.get(name)
    if (!turn) throw new Error(`a host has no periodic work named ${name}`)
    await turn()
  }

  async stop(graceMs = 0): Promise<void> {
    this.#ending.abort()
    await this.#entering
    await this.#gate.close(graceMs, this.#parts.clock)
    await this.#periodic.stop()
    await this.#events?.stop()
    await this.#endServing()
    await this.#parts.consoles?.close()
  }

  /** True once the conductor has let the host in. */
  async #enter(): Promise<boolean> {
    const { host, nodeUuid: node, boot } = this.#parts
    try {
      const booted = (await boot?.isNew()) ?? false
      if (booted) await this.#network()
      if (this.#ending.signal.aborted) return false
      const { keepsGuests } = await this.#conductor.hostStarts({ host, node, booted })
      if (keepsGuests) await this.#removeLeft()
      await boot?.keep()
      this.refused = undefined
      return true
    } catch (error) {
      this.#complain('the host is not let in', error)
      return false
    }
  }

  #complain(what: string, error: unknown): void {
    const isRefused = isFault(error, 'NodeRefused')
    if (isRefused) this.refused = error.message
    log('compute.agent')[isRefused ? 'error' : 'warn']({ host: this.#parts.host }, `${what}: ${errorChain(error)}`)
  }

  async #enterLater(): Promise<void> {
    const { clock, options } = this.#parts
    const { signal } = this.#ending
    for (;;) {
      await clock.sleep(options.report_interval * 1000, signal)
      if (signal.aborted) return
      if (await this.#enter()) return this.#serve()
    }
  }

  async #network(): Promise<void> {
    const { networkReady, clock } = this.#parts
    const over = new AbortController()
    const ready = Promise.resolve(networkReady).then(() => over.abort())
    await Promise.race([ready, clock.sleep(NETWORK_PATIENCE, AbortSignal.any([over.signal, this.#ending.signal]))])
  }

  async #serve(): Promise<void> {
    const { host, bus, clock, agent, hypervisor, options } = this.#parts
    this.#endServing = await bus.serve<ComputeAgent>(computeTopic(host), this.#gate.guard(agent))
    this.#events = new LifecycleEvents({
      host,
      clock,
      conductor: this.#conductor,
      ...(hypervisor ? { hypervisor } : {}),
      handlesEvents: options.handle_virt_lifecycle_events,
    })
    this.#beginWork()
  }

  #beginWork(): void {
    const { host, clock, agent, options, imageCache, housekeeping = {} } = this.#parts
    const deleted = new DeletedGuests({ host, clock, agent, conductor: this.#conductor, options })
    const stalled = new StalledGuests({ host, agent, conductor: this.#conductor })
    const workers: HostWorkers = {
      ...housekeeping,
      reportState: () => this.#report(() => this.#reports.state()),
      updateResources: () => this.#report(() => this.#reports.resources()),
      cleanUpDeleted: (signal) => this.#cleanUp(() => deleted.cleanUp(signal)),
      runPendingDeletes: (signal) => deleted.runPendingDeletes(signal),
      removeLeft: async () => void (await this.#removeLeft()),
      resumeStalled: () => stalled.look(),
    }
    for (const { name, seconds, immediately, run } of hostWork(workers, { host: options, images: imageCache })) {
      const turn = { name: `compute.${name}`, seconds, immediately: immediately && seconds > 0 }
      this.#turns.set(name, this.#periodic.every(turn, run))
    }
  }

  /** Before anything else is done with guests, and whenever the conductor has taken the host for down. */
  #removeLeft(): Promise<string[]> {
    const { host, agent } = this.#parts
    return removeLeft({ host, agent, conductor: this.#conductor })
  }

  /** A turn that failed is made up for at the next report: until the next of its own, guests could run long for nobody. */
  async #cleanUp(cleanUp: () => Promise<void>): Promise<void> {
    this.#owesCleanUp = true
    await cleanUp()
    this.#owesCleanUp = false
  }

  /** What does not arrive is told again at the next turn. */
  async #report(tell: () => Promise<void>): Promise<void> {
    try {
      await tell()
      this.refused = undefined
      if (this.#owesCleanUp) void this.runNow(CLEAN_UP)
      await this.#events?.catchUp()
    } catch (error) {
      this.#complain('could not report', error)
    }
  }
}
