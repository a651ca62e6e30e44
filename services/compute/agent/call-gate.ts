// The calls to a host's agent that are under way: an agent that is being stopped ends after them, and takes no new ones.
import type { Clock } from '@kilonova/base/clock'
import { fault } from './faults.ts'

type Call = (argument: unknown, delivery: unknown) => Promise<unknown>

export class CallGate {
  readonly #host: string
  readonly #underWay = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(host: string) {
    this.#host = host
  }

  /** The same methods, counted while they run. Once the gate is closed they throw HostStopping, which is transient. */
  guard<M extends object>(methods: M): M {
    const guarded = Object.entries(methods).map(([name, call]) => [name, this.#guarded(call as Call)])
    return Object.fromEntries(guarded) as M
  }

  /** Lets in nothing more, and waits for what is under way, at most `ms`. */
  async close(ms: number, clock: Clock): Promise<void> {
    this.#isClosed = true
    if (this.#underWay.size === 0) return
    const over = new AbortController()
    const all = Promise.allSettled(this.#underWay).then(() => over.abort())
    await Promise.race([all, clock.sleep(ms, over.signal)])
  }

  #guarded(call: Call): Call {
    return async (argument, delivery) => {
      if (this.#isClosed) throw fault('HostStopping', { host: this.#host, transient: true })
      const run = call(argument, delivery)
      this.#underWay.add(run)
      try {
        return await run
      } finally {
        this.#underWay.delete(run)
      }
    }
  }
}
