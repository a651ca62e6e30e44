// Time behind an interface: the system's in production, a virtual one in simulations.
import { setTimeout as delay } from 'node:timers/promises'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time, milliseconds since 1970. For what people read; never for leases. */
  now(): number
  /** Milliseconds that never go backwards. */
  monotonic(): number
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Runs `work` after `ms`. Does not keep the process alive. */
  after(ms: number, work: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  after(ms, work) {
    const timer = setTimeout(work, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

interface Waiting {
  at: number
  order: number
  work: () => void
}

const TURNS_TO_SETTLE = 8

/** Lets what has become possible happen: chains of promises and of a few turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SETTLE; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A clock that moves only when told to. */
export class VirtualClock implements Clock {
  #now: number
  #start: number
  #order = 0
  #waiting: Waiting[] = []

  constructor(start = 1_700_000_000_000) {
    this.#now = start
    this.#start = start
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  after(ms: number, work: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#order++, work }
    this.#waiting.push(entry)
    const cancel = () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry)
    }
    return { cancel }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.after(ms, resolve)
      signal?.addEventListener(
        'abort',
        () => {
          timer.cancel()
          resolve()
        },
        { once: true },
      )
    })
  }

  /** Moves time forward, running what falls due in its order and letting its promises settle. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms
    for (;;) {
      await settle()
      const next = this.#waiting
        .filter((entry) => entry.at <= target)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!next) break
      this.#waiting = this.#waiting.filter((entry) => entry !== next)
      this.#now = Math.max(this.#now, next.at)
      next.work()
    }
    this.#now = target
  }
}
