// What a host tells the conductor of itself: signs of life, and what it has.
import type { Remote } from '@kilonova/bus/bus'
import type { ConductorMethods, HostReport } from './conductor-protocol.ts'
import { fault } from './faults.ts'
import type { ComputeAgent } from './protocol.ts'

export interface HostReportsParts {
  host: string
  agent: Pick<ComputeAgent, 'inventory'>
  conductor: Pick<Remote<ConductorMethods>, 'reportHost'>
  /** Stops the guests of servers that went elsewhere while the host was down; answers their ids. */
  removeLeft(): Promise<string[]>
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
    if (this.#isKnown) await this.#tell({ host: this.#parts.host })
    else await this.resources()
  }

  async resources(): Promise<void> {
    const { host, agent } = this.#parts
    await this.#tell({ host, inventory: await agent.inventory() })
    this.#isKnown = true
    this.#told.resolve()
  }

  async #tell(report: HostReport): Promise<void> {
    const { host, conductor, removeLeft } = this.#parts
    if (!(await conductor.reportHost(report)).keepsGuests) return
    const { keepsGuests } = await conductor.reportHost({ ...report, stopped: await removeLeft() })
    if (keepsGuests) throw fault('GuestsLeft', { host })
  }
}
