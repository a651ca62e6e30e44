// SQLite has one writer and waits for the disk at each commit, so transactions that are asked for at about the same
// time share one: each is a savepoint of its own, all are told only after the commit.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SqliteConnection } from './sqlite.ts'

interface Waiting {
  work: () => Promise<unknown>
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

type Outcome = { waiting: Waiting; result: unknown } | { waiting: Waiting; error: unknown }

/** Transactions in one commit at most, so that the first of them does not wait long. */
const MOST = 64

export interface GroupCommitOptions {
  writer: SqliteConnection
  /** Whether a group stays open for one turn of the event loop, for those whose work is about to ask. */
  gathers: boolean
}

export class GroupCommit {
  readonly #writer: SqliteConnection
  readonly #gathers: boolean
  readonly #queue: Waiting[] = []
  #working: Promise<void> | undefined

  constructor({ writer, gathers }: GroupCommitOptions) {
    this.#writer = writer
    this.#gathers = gathers
  }

  /** Runs `work` as one transaction: all of it is committed when this resolves, none of it when it rejects. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // Whoever runs the group, each work runs in the context of its own caller.
      const inContext = AsyncLocalStorage.snapshot()
      this.#queue.push({ work: () => inContext(work), resolve: resolve as (result: unknown) => void, reject })
      this.#working ??= this.#work()
    })
  }

  /** Resolves between two groups. */
  async between(): Promise<void> {
    while (this.#working) await this.#working
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) await this.#commitGroup()
    this.#working = undefined
  }

  async #commitGroup(): Promise<void> {
    const outcomes: Outcome[] = []
    try {
      await this.#transaction(outcomes)
    } catch (error) {
      // Nothing of the group is there; without an outcome the transaction could not even begin.
      const refused = outcomes.length > 0 ? outcomes.map(({ waiting }) => waiting) : this.#queue.splice(0)
      for (const waiting of refused) waiting.reject(error)
      return
    }
    for (const outcome of outcomes) {
      if ('error' in outcome) outcome.waiting.reject(outcome.error)
      else outcome.waiting.resolve(outcome.result)
    }
  }

  async #transaction(outcomes: Outcome[]): Promise<void> {
    this.#writer.control('begin immediate')
    try {
      await this.#runQueue(outcomes)
      if (this.#gathers) {
        await nextTurn()
        await this.#runQueue(outcomes)
      }
      this.#writer.control('commit')
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  async #runQueue(outcomes: Outcome[]): Promise<void> {
    while (this.#queue.length > 0 && outcomes.length < MOST) await this.#savepoint(this.#queue.shift()!, outcomes)
  }

  async #savepoint(waiting: Waiting, outcomes: Outcome[]): Promise<void> {
    try {
      this.#writer.control('savepoint one')
      const result = await waiting.work()
      this.#writer.control('release one')
      outcomes.push({ waiting, result })
    } catch (error) {
      outcomes.push({ waiting, error })
      this.#takeBack(error)
    }
  }

  /** Where SQLite has rolled everything back by itself, as on a full disk, the whole group failed for that reason. */
  #takeBack(reason: unknown): void {
    try {
      this.#writer.control('rollback to one')
    } catch {
      throw reason
    }
    this.#writer.control('release one')
  }

  #rollBack(): void {
    try {
      this.#writer.control('rollback')
    } catch {
      // SQLite has rolled back by itself.
    }
  }
}
