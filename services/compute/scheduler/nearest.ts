// Of hosts that fell for one reason, the one that lacked least.
import type { Shortfall, Verdict } from './host-state.ts'

/** What is there or not is missing as a whole. */
export function shortfallOf(verdict: NonNullable<Verdict>): Shortfall {
  return typeof verdict === 'string' ? { says: verdict, short: 1 } : verdict
}

export class Nearest {
  #host: string | undefined
  #shortfall: Shortfall | undefined

  /** Of hosts that lack as much the first by name counts. */
  add(host: string, verdict: NonNullable<Verdict>): void {
    const shortfall = shortfallOf(verdict)
    const less = this.#shortfall === undefined ? -1 : shortfall.short - this.#shortfall.short
    if (less > 0 || (less === 0 && this.#host! < host)) return
    this.#host = host
    this.#shortfall = shortfall
  }

  /** As `h1: 512 MB of RAM short`; null when nothing was added. */
  told(): string | null {
    return this.#shortfall === undefined ? null : `${this.#host}: ${this.#shortfall.says}`
  }
}
