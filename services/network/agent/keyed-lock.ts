// One after the other for each key; different keys side by side.

export class KeyedLock {
  #last = new Map<string, Promise<unknown>>()

  /** Runs `work` when everything asked for earlier under the same key has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}

/** Joins requests: those that come while the work runs are served together by its next run. */
export class Coalescer {
  #work: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Resolves when a run that began after this call has ended. */
  request(): Promise<void> {
    if (this.#next) return this.#next
    const start = (): Promise<void> => {
      this.#next = undefined
      this.#running = this.#work().finally(() => {
        if (!this.#next) this.#running = undefined
      })
      return this.#running
    }
    this.#next = (this.#running ?? Promise.resolve()).then(start, start)
    return this.#next
  }
}
