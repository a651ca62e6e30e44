// Guests that stand still because their host had no room for what they wrote: told in the log, and let go on when there
// is room. What they were about to write is written then.
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { ComputeAgent } from './protocol.ts'

interface StalledGuestsParts {
  host: string
  agent: Pick<ComputeAgent, 'stalledGuests' | 'resumeGuest' | 'suspendGuest'>
  conductor: { runningGuests: ConductorMethods['runningGuests'] }
}

export class StalledGuests {
  readonly #parts: StalledGuestsParts
  #known = new Set<string>()

  constructor(parts: StalledGuestsParts) {
    this.#parts = parts
  }

  async look(): Promise<void> {
    const { host, agent } = this.#parts
    const stalled = (await agent.stalledGuests?.()) ?? []
    for (const { id, disk } of stalled.filter(({ id }) => !this.#known.has(id))) {
      const why = `was paused: the host has no room for what it writes to ${disk}; it goes on when there is room`
      log('compute.agent').warn({ host, server_id: id }, `the guest ${why}`)
    }
    this.#known = new Set(stalled.map(({ id }) => id))
    const roomy = stalled.filter(({ hasRoom }) => hasRoom).map(({ id }) => id)
    for (const id of await this.#mayRun(roomy)) await this.#resume(id)
  }

  async #resume(id: string): Promise<void> {
    const { host, agent } = this.#parts
    try {
      await agent.resumeGuest({ id })
      log('compute.agent').info({ host, server_id: id }, 'there is room again: the guest goes on')
      // A pause that was asked for meanwhile found it standing still, and had nothing to do.
      if ((await this.#mayRun([id])).length === 0) await agent.suspendGuest({ id })
    } catch (error) {
      if (!isFault(error)) throw error
      log('compute.agent').warn({ host, server_id: id }, `the guest does not go on yet: ${errorChain(error)}`)
    }
  }

  async #mayRun(ids: string[]): Promise<string[]> {
    const { host, conductor } = this.#parts
    return ids.length === 0 ? [] : conductor.runningGuests({ host, ids })
  }
}
