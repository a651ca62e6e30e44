// One piece of work at a time for each guest; urgent work cuts short the waits of what came before.

interface Entry {
  abort: AbortController
  done: Promise<unknown>
}

export class GuestQueue {
  #entries = new Map<string, Entry[]>()

  /** Runs `work` after what was asked for this guest before. Its signal aborts when urgent work arrives. */
  async run<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const earlier = this.#entries.get(id) ?? []
    const abort = new AbortController()
    const mine = Promise.allSettled(earlier.map(({ done }) => done)).then(() => work(abort.signal))
    const entry = { abort, done: mine }
    this.#entries.set(id, [...earlier, entry])
    try {
      return await mine
    } finally {
      const left = (this.#entries.get(id) ?? []).filter((other) => other !== entry)
      if (left.length > 0) this.#entries.set(id, left)
      else this.#entries.delete(id)
    }
  }

  /** As `run`, but tells everything before it to stop waiting. */
  runUrgently<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (const { abort } of this.#entries.get(id) ?? []) abort.abort()
    return this.run(id, work)
  }
}
