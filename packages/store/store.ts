// One way to two databases: Kysely on node:sqlite (one process) and on PostgreSQL (several).
// Inside `transaction` every use of the store, however deep, belongs to that transaction.
import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock } from '@kilonova/base/clock'
import type { RawBuilder } from 'kysely'
import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { GroupCommit } from './group-commit.ts'
import { openSqlite } from './sqlite.ts'

export type StoreKind = 'sqlite' | 'postgres'

/** Columns that hold true and false do so as 1 and 0 on both databases; times are milliseconds since 1970. */
export type Flag = 0 | 1

interface Ambient {
  // biome-ignore lint/suspicious/noExplicitAny: each service sees its own tables through `as`
  db: Kysely<any>
  committed: (() => void)[]
}

export interface StoreOptions {
  /** `sqlite:PATH`, `sqlite::memory:` or `postgres://…`. */
  url: string
  /** PostgreSQL: connections at most. */
  poolSize?: number
  /** SQLite: what a commit survives: 'FULL' a power cut, 'NORMAL' only the death of the process. */
  synchronous?: 'FULL' | 'NORMAL'
}

const RETRIES = 8

/** A database and the ambient transaction. */
export class Store {
  readonly kind: StoreKind
  // biome-ignore lint/suspicious/noExplicitAny: each service sees its own tables through `as`
  readonly #root: Kysely<any>
  readonly #ambient = new AsyncLocalStorage<Ambient>()
  readonly #groups: GroupCommit | undefined

  // biome-ignore lint/suspicious/noExplicitAny: as above
  constructor(kind: StoreKind, root: Kysely<any>) {
    this.kind = kind
    this.#root = root
    this.#groups = kind === 'sqlite' ? new GroupCommit(root) : undefined
  }

  /** The query builder over the given tables, inside the running transaction if there is one. */
  as<Tables>(): Kysely<Tables> {
    return (this.#ambient.getStore()?.db ?? this.#root) as Kysely<Tables>
  }

  /**
   * Runs `work` as one transaction: all of it or nothing. A call inside another joins it.
   * `work` may run again after a serialization failure or a deadlock, so it only touches the store.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ambient.getStore()) return work()
    for (let attempt = 1; ; attempt++) {
      const committed: (() => void)[] = []
      try {
        // biome-ignore lint/suspicious/noExplicitAny: as above
        const run = (db: Kysely<any>): Promise<T> => this.#ambient.run({ db, committed }, work)
        const result = await (this.#groups ? this.#groups.run(run) : this.#root.transaction().execute(run))
        for (const tell of committed) tell()
        return result
      } catch (error) {
        if (attempt >= RETRIES || !isRetryable(error)) throw error
        await systemClock.sleep(2 ** attempt)
      }
    }
  }

  /** Runs `work` once the surrounding transaction has committed; at once if there is none. */
  afterCommit(work: () => void): void {
    const ambient = this.#ambient.getStore()
    if (ambient) ambient.committed.push(work)
    else work()
  }

  /**
   * Lets one transaction at a time go on under this name, until it ends: for checks that several rows must pass
   * together, such as a quota. SQLite has one writer anyway.
   */
  async lock(name: string): Promise<void> {
    if (this.kind === 'postgres')
      await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(this.as())
  }

  /** SQL for "column matches the regular expression", as each database spells it. */
  matches(column: string, pattern: string): RawBuilder<boolean> {
    return this.kind === 'sqlite' ? sql`${sql.ref(column)} regexp ${pattern}` : sql`${sql.ref(column)} ~ ${pattern}`
  }

  close(): Promise<void> {
    return this.#root.destroy()
  }
}

/** Opens the database that the url names. Tables are made by `syncSchema`. */
export function openStore({ url, poolSize = 10, synchronous = 'FULL' }: StoreOptions): Store {
  if (url.startsWith('sqlite:')) {
    const database = openSqlite(url.slice('sqlite:'.length), synchronous)
    return new Store('sqlite', new Kysely({ dialect: new SqliteDialect({ database }) }))
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const pool = async () => (await import('./postgres.ts')).postgresPool(url, poolSize) // not loaded for SQLite
    return new Store('postgres', new Kysely({ dialect: new PostgresDialect({ pool }) }))
  }
  throw new Error(`database.url must begin with sqlite: or postgres://, not ${url.split(':')[0]}:`)
}

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const UNIQUE_VIOLATION = '23505'

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function isRetryable(error: unknown): boolean {
  return codeOf(error) === SERIALIZATION_FAILURE || codeOf(error) === DEADLOCK
}

/** True when a write failed because a row with that key exists. */
export function isDuplicate(error: unknown): boolean {
  if (codeOf(error) === UNIQUE_VIOLATION) return true
  return error instanceof Error && error.message.startsWith('UNIQUE constraint failed')
}

/** True when the database had no room for a write. */
export function isOutOfSpace(error: unknown): boolean {
  const POSTGRES_DISK_FULL = '53100'
  if (codeOf(error) === POSTGRES_DISK_FULL) return true
  return error instanceof Error && /database or disk is full/.test(error.message)
}
