// One way to two databases: Kysely on node:sqlite (one process) and on PostgreSQL (several).
// Inside `transaction` every use of the store, however deep, belongs to that transaction.
import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock } from '@kilonova/base/clock'
import type { RawBuilder } from 'kysely'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { openSqlite } from './sqlite-store.ts'

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

/** Runs work as one transaction of the database. */
// biome-ignore lint/suspicious/noExplicitAny: as above
type Begin = <T>(work: (db: Kysely<any>) => Promise<T>) => Promise<T>

interface Database {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  root: Kysely<any>
  transaction: Begin
}

const RETRIES = 8

/** A database and the ambient transaction. */
export class Store {
  readonly kind: StoreKind
  // biome-ignore lint/suspicious/noExplicitAny: each service sees its own tables through `as`
  readonly #root: Kysely<any>
  readonly #ambient = new AsyncLocalStorage<Ambient>()
  readonly #begin: Begin

  constructor(kind: StoreKind, { root, transaction }: Database) {
    this.kind = kind
    this.#root = root
    this.#begin = transaction
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
        const result = await this.#begin(run)
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
    return new Store('sqlite', openSqlite(url.slice('sqlite:'.length), synchronous))
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const pool = async () => (await import('./postgres.ts')).postgresPool(url, poolSize) // not loaded for SQLite
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const root = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
    return new Store('postgres', { root, transaction: (work) => root.transaction().execute(work) })
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

const POSTGRES_DISK_FULL = '53100'
/** SQLite's index of the write-ahead log could not grow; it names no other reason than the lack of room. */
const SQLITE_IOERR_SHMSIZE = 4874

/** True when the database had no room for a write. */
export function isOutOfSpace(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (codeOf(at) === POSTGRES_DISK_FULL || /database or disk is full/.test(at.message)) return true
    if ('errcode' in at && at.errcode === SQLITE_IOERR_SHMSIZE) return true
  }
  return false
}
