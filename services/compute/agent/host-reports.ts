// What a host tells the conductor of itself: signs of life, and what it has.
import type { Remote } from '@kilonova/bus/bus'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { ComputeAgent } from './protocol.ts'

export interface HostReportsParts {
  host: string
  agent: Pick<ComputeAgent, 'inventory'>
  conductor: Pick<Remote<ConductorMethods>, 'reportHost'>
}

export class HostReports {
  /** Resolves when the host has told what it has for the first time, so that it can be given servers. */
  readonly first: Promise<void>
  readonly #parts: HostReportsParts
  readonly #told = Promise.withResolvers<void>()
  #isKnown = false

  constructor(parts: HostReportsParts) {
    this.#parts = parts
    this.first = this.#told.promise
  }

  /** A sign of life; what the host has goes with the first that arrives. */
  async state(): Promise<void> {
    const { host, conductor } = this.#parts
    if (this.#isKnown) await conductor.reportHost({ host })
    else await this.resources()
  }

  async resources(): Promise<void> {
    const { host, agent, conductor } = this.#parts
    await conductor.reportHost({ host, inventory: await agent.inventory() })
    this.#isKnown = true
    this.#told.resolve()
  }
}
