// node:sqlite under Kysely. One connection writes, another reads what is committed, so that reads never wait for a commit.

import type { SQLInputValue } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import type { DatabaseConnection, Dialect, QueryResult } from 'kysely'
import { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'

const STATEMENTS_KEPT = 500

/** A connection to an SQLite file, or to a database in memory, which has one only. */
export class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, Prepared>()

  private constructor(database: DatabaseSync) {
    this.#database = database
    database.function('regexp', { deterministic: true }, (pattern, value) => matches(String(pattern), value))
  }

  /** The one connection that writes: write-ahead log, one process at a time. */
  static writer(path: string, synchronous: 'FULL' | 'NORMAL'): SqliteConnection {
    const database = new DatabaseSync(path)
    database.exec('PRAGMA busy_timeout = 5000')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    database.exec('PRAGMA foreign_keys = ON')
    return new SqliteConnection(database)
  }

  /** One more connection to the same file, which sees what is committed. */
  static reader(path: string): SqliteConnection {
    const database = new DatabaseSync(path, { readOnly: true })
    database.exec('PRAGMA busy_timeout = 5000')
    return new SqliteConnection(database)
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  /** `begin`, `commit` and their like. */
  control(text: string): void {
    this.#prepared(text).run([])
  }

  /** Done when it returns; only its shape is a promise. */
  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.#prepared(sql)
    if (statement.reader) return { rows: statement.all(parameters) as Row[] }
    const { changes, lastInsertRowid } = statement.run(parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  async *streamQuery<Row>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    for (const row of this.#prepared(sql).iterate(parameters)) yield { rows: [row as Row] }
  }

  /** Prepared statements by their text; the least recently used go first. */
  #prepared(text: string): Prepared {
    const known = this.#statements.get(text)
    if (known) {
      this.#statements.delete(text)
      this.#statements.set(text, known)
      return known
    }
    const prepared = prepare(this.#database, text)
    if (!/^\s*(create|alter|drop|pragma)\b/i.test(text)) this.#keep(text, prepared)
    return prepared
  }

  #keep(text: string, prepared: Prepared): void {
    this.#statements.set(text, prepared)
    if (this.#statements.size > STATEMENTS_KEPT) this.#statements.delete(this.#statements.keys().next().value!)
  }
}

interface Prepared {
  readonly reader: boolean
  all(parameters: readonly unknown[]): unknown[]
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>
}

function prepare(database: DatabaseSync, text: string): Prepared {
  const statement = database.prepare(text)
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...bind(parameters)),
    run: (parameters) => statement.run(...bind(parameters)),
    iterate: (parameters) => statement.iterate(...bind(parameters)),
  }
}

function bind(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map((value) => {
    if (value === undefined) return null
    if (typeof value === 'boolean') return value ? 1 : 0
    return value as SQLInputValue
  })
}

function matches(pattern: string, value: unknown): number {
  if (value === null) return 0
  try {
    return new RegExp(pattern).test(String(value)) ? 1 : 0
  } catch {
    return 0
  }
}

/** No statement of ours waits half done, so Kysely need not let them pass one by one. */
class SharedAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

/** Kysely's SQLite on a connection of ours. `close` ends what the connection stands on. */
export function sqliteDialect(connection: DatabaseConnection, close: () => void): Dialect {
  const tell = async (text: string): Promise<void> => {
    await connection.executeQuery(CompiledQuery.raw(text))
  }
  return {
    createAdapter: () => new SharedAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => ({
      init: async () => undefined,
      acquireConnection: async () => connection,
      releaseConnection: async () => undefined,
      beginTransaction: () => tell('begin'),
      commitTransaction: () => tell('commit'),
      rollbackTransaction: () => tell('rollback'),
      destroy: async () => close(),
    }),
  }
}
