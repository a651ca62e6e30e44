// Several short transactions in one commit, where each commit costs a disk flush and there is one writer anyway.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Store } from '@kilonova/store/store'

const MOST = 64

interface Entry {
  work(): Promise<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** On SQLite, what is submitted in one turn of the event loop is committed together; on PostgreSQL, each alone. */
export class GroupCommit {
  readonly #store: Store
  readonly #queue: Entry[] = []
  #flushing = false

  constructor(store: Store) {
    this.#store = store
  }

  /** Runs `work` in a transaction. It may run again when another of its group fails, so it only touches the store. */
  submit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#store.kind !== 'sqlite') return this.#store.transaction(work)
    const promise = new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as Entry['resolve'], reject })
    })
    if (!this.#flushing) void this.#flush()
    return promise
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    await nextTurn()
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, MOST)
      if (await this.#together(group)) continue
      for (const entry of group) await this.#store.transaction(entry.work).then(entry.resolve, entry.reject)
    }
    this.#flushing = false
  }

  async #together(group: readonly Entry[]): Promise<boolean> {
    try {
      const results = await this.#store.transaction(async () => {
        const made: unknown[] = []
        for (const entry of group) made.push(await entry.work())
        return made
      })
      group.forEach((entry, i) => {
        entry.resolve(results[i])
      })
      return true
    } catch (error) {
      if (group.length > 1) return false
      group[0]!.reject(error)
      return true
    }
  }
}
