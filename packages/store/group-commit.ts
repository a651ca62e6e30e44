// SQLite has one writer and waits for the disk at each commit, so transactions that are asked for at the same time
// share one: each is a savepoint of its own, all are told only after the commit.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'

// biome-ignore lint/suspicious/noExplicitAny: the store's tables are its users' matter
type Db = Kysely<any>

interface Waiting {
  run: (db: Db) => Promise<unknown>
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

type Outcome = { waiting: Waiting; result: unknown } | { waiting: Waiting; error: unknown }

/** Transactions in one commit at most, so that readers between commits do not wait long. */
const MOST = 64

export class GroupCommit {
  readonly #root: Db
  readonly #queue: Waiting[] = []
  #working = false

  constructor(root: Db) {
    this.#root = root
  }

  /** Runs `work` as one transaction: all of it is committed when this resolves, none of it when it rejects. */
  run<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // Whoever runs the group, each work runs in the context of its own caller.
      const inContext = AsyncLocalStorage.snapshot()
      const run = (db: Db): Promise<unknown> => inContext(work, db)
      this.#queue.push({ run, resolve: resolve as (result: unknown) => void, reject })
      if (!this.#working) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#working = true
    while (this.#queue.length > 0) await this.#commitGroup()
    this.#working = false
  }

  async #commitGroup(): Promise<void> {
    const outcomes: Outcome[] = []
    try {
      await this.#root.connection().execute((db) => this.#transaction(db, outcomes))
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

  async #transaction(db: Db, outcomes: Outcome[]): Promise<void> {
    await sql`begin immediate`.execute(db)
    try {
      while (this.#queue.length > 0 && outcomes.length < MOST) await this.#savepoint(db, this.#queue.shift()!, outcomes)
      await sql`commit`.execute(db)
    } catch (error) {
      await sql`rollback`.execute(db).catch(() => undefined) // SQLite may have rolled back by itself
      throw error
    }
  }

  async #savepoint(db: Db, waiting: Waiting, outcomes: Outcome[]): Promise<void> {
    try {
      await sql`savepoint one`.execute(db)
      const result = await waiting.run(db)
      await sql`release one`.execute(db)
      outcomes.push({ waiting, result })
    } catch (error) {
      outcomes.push({ waiting, error })
      await sql`rollback to one`.execute(db) // throws where there is no savepoint: then the whole group failed
      await sql`release one`.execute(db)
    }
  }
}
