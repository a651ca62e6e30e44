// The leak audit as the cloud does it by itself: again and again, with the newest result kept and its orphans logged.
import type { Clock } from '@kilonova/base/clock'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import { Periodic } from '@kilonova/tasks/periodic'
import type { AuditReport } from './finding.ts'

export interface AuditsParts {
  look: () => Promise<AuditReport>
  clock: Clock
  random: Random
}

export interface KeptAudit {
  /** Milliseconds since 1970, when it ended. */
  at: number
  report: AuditReport
}

/** Seconds after the start in which hosts come up and operations that were interrupted end. */
const FIRST_AFTER = 300

export class Audits {
  readonly #parts: AuditsParts
  #last: KeptAudit | undefined

  constructor(parts: AuditsParts) {
    this.#parts = parts
  }

  /** Of whatever asked for it; undefined until there was one. */
  get last(): KeptAudit | undefined {
    return this.#last
  }

  async run(): Promise<AuditReport> {
    const report = await this.#parts.look()
    this.#last = { at: this.#parts.clock.now(), report }
    for (const { kind, id, host, why } of report.orphans)
      log('cloud.audit').warn({ kind, id, ...(host === undefined ? {} : { host }) }, `${kind} ${id}: ${why}`)
    for (const { what, why } of report.unchecked) log('cloud.audit').warn(`${what} could not be looked at: ${why}`)
    return report
  }

  /** Every `seconds`, the first time soon after the start; 0 or less: never. What is returned ends it. */
  start(seconds: number): () => Promise<void> {
    const { clock, random } = this.#parts
    const periodic = new Periodic(clock, random)
    const runNow = periodic.every({ name: 'cloud.audit', seconds }, () => this.run())
    const first = seconds > FIRST_AFTER ? clock.after(FIRST_AFTER * 1000, () => void runNow()) : undefined
    return async () => {
      first?.cancel()
      await periodic.stop()
    }
  }
}
