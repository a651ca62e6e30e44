// The two things that need time here, so that tests and simulations can bring their own.
import { setTimeout as delay } from 'node:timers/promises'

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Runs `work` after `ms`. Does not keep the process alive. */
  after(ms: number, work: () => void): Timer
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  after(ms, work) {
    const timer = setTimeout(work, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
}
