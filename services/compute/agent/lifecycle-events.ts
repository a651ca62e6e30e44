// What happens to the guests of a host, told to the conductor; and a wish for a full look when something may be missed.
import type { Clock, Timer } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Remote } from '@kilonova/bus/bus'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { GuestEvent, Hypervisor } from './hypervisor.ts'

export interface LifecycleEventsParts {
  host: string
  clock: Clock
  conductor: Pick<Remote<ConductorMethods>, 'guestEvent' | 'syncPowerStates'>
  /** Absent: nothing is told but the first wish. */
  hypervisor?: Pick<Hypervisor, 'events' | 'reconnections'>
  /** Whether events are told; reconnections are in any case. */
  handlesEvents: boolean
}

/** Milliseconds that "stopped" waits for what makes it a reboot. */
const HOLD_BACK = 15_000

export class LifecycleEvents {
  readonly #parts: LifecycleEventsParts
  readonly #held = new Map<string, Timer>()
  readonly #stopped = new AbortController()
  readonly #listening: Promise<void>[] = []
  /** How often something may have been missed, and up to which of those the conductor was asked to look. */
  #missed = 1
  #asked = 0

  /** Listens from now on, until stopped. */
  constructor(parts: LifecycleEventsParts) {
    this.#parts = parts
    const { hypervisor, handlesEvents } = parts
    const { signal } = this.#stopped
    if (!hypervisor) return
    if (handlesEvents) this.#listen(hypervisor.events(signal), (event) => this.#hear(event))
    const reconnections = hypervisor.reconnections?.(signal)
    if (reconnections) this.#listen(reconnections, () => this.#miss('the hypervisor was away'))
  }

  /** Asks the conductor to look at all guests if something may have been missed since it was asked last. */
  async catchUp(): Promise<void> {
    const upTo = this.#missed
    if (this.#asked >= upTo) return
    await this.#parts.conductor.syncPowerStates({ host: this.#parts.host })
    this.#asked = Math.max(this.#asked, upTo)
  }

  /** What is held back is forgotten: the look at the next start finds it. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const timer of this.#held.values()) timer.cancel()
    this.#held.clear()
    await Promise.all(this.#listening)
  }

  #listen<T>(source: AsyncIterable<T>, hear: (item: T) => void): void {
    const listen = async (): Promise<void> => {
      try {
        for await (const item of source) hear(item)
      } catch (error) {
        log('compute.agent').error(`listens to the hypervisor no more: ${errorChain(error)}`)
      }
    }
    this.#listening.push(listen())
  }

  /** A newer event of the guest takes the place of a "stopped" that is held back. */
  #hear(event: GuestEvent): void {
    if (this.#stopped.signal.aborted) return
    const { id } = event
    this.#held.get(id)?.cancel()
    this.#held.delete(id)
    if (event.event !== 'stopped') {
      this.#tell(event)
      return
    }
    const timer = this.#parts.clock.after(HOLD_BACK, () => {
      this.#held.delete(id)
      this.#tell(event)
    })
    this.#held.set(id, timer)
  }

  #tell({ id, powerState }: GuestEvent): void {
    const { conductor, host } = this.#parts
    conductor.guestEvent({ host, id, powerState }).catch((error) => {
      this.#miss(`an event of guest ${id} could not be told: ${errorChain(error)}`)
    })
  }

  /** If the conductor cannot be asked now, the next report asks it. */
  #miss(why: string): void {
    if (this.#stopped.signal.aborted) return
    const { host } = this.#parts
    log('compute.agent').warn({ host }, `${why}; all guests are looked at`)
    this.#missed += 1
    this.catchUp().catch((error) => log('compute.agent').warn({ host }, `the look has to wait: ${errorChain(error)}`))
  }
}
