// Work that recurs: never two of the same at once, an error is logged and the next turn comes all the same.
import type { Clock, Timer } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import type { Leader } from './leader.ts'

export interface PeriodicOptions {
  readonly name: string
  /** From the end of one turn to the begin of the next. 0 or less: never. */
  readonly seconds: number
  /** Also at once. Default false. */
  readonly immediately?: boolean
  /** Part of `seconds` by which each turn comes earlier or later. Default 0.1. */
  readonly spread?: number
  /** Of several processes, only the one that leads does it. */
  readonly leader?: Leader
}

/** Asks for a turn now; resolves when it is over. */
export type RunNow = () => Promise<void>

export class Periodic {
  readonly #clock: Clock
  readonly #random: Random
  readonly #timers = new Set<Timer>()
  readonly #running = new Set<Promise<void>>()
  readonly #stopped = new AbortController()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Begins the recurring work. What is returned runs it out of turn, or joins the turn under way. */
  every(options: PeriodicOptions, work: (signal: AbortSignal) => unknown): RunNow {
    const { seconds, immediately = false, spread = 0.1 } = options
    let turn: Promise<void> | undefined
    const run = (): Promise<void> => {
      if (this.#stopped.signal.aborted) return Promise.resolve()
      if (turn) return turn
      const begun = this.#turn(options, work).finally(() => {
        turn = undefined
        this.#running.delete(begun)
      })
      turn = begun
      this.#running.add(begun)
      return begun
    }
    const schedule = (): void => {
      if (seconds <= 0 || this.#stopped.signal.aborted) return
      const ms = seconds * 1000 * (1 + spread * (2 * this.#random.float() - 1))
      const timer = this.#clock.after(ms, () => {
        this.#timers.delete(timer)
        void run().then(schedule)
      })
      this.#timers.add(timer)
    }
    if (immediately) void run().then(schedule)
    else schedule()
    return run
  }

  async #turn({ name, leader }: PeriodicOptions, work: (signal: AbortSignal) => unknown): Promise<void> {
    try {
      if (!leader) await work(this.#stopped.signal)
      else await leader.ifLeading(name, () => work(this.#stopped.signal))
    } catch (error) {
      log('periodic').error({ name, error: errorChain(error) }, `${name} failed; it runs again in its turn`)
    }
  }

  /** Begins no further turn, tells those under way, and waits for them. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#running)
  }
}
