// node:sqlite in the shape that Kysely's SQLite dialect asks for.

import type { SQLInputValue } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import type { SqliteDatabase } from 'kysely'

const STATEMENTS_KEPT = 500

/** Opens a file (write-ahead log, one process at a time) or `:memory:`. */
export function openSqlite(path: string, synchronous: 'FULL' | 'NORMAL'): SqliteDatabase {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA busy_timeout = 5000')
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(`PRAGMA synchronous = ${synchronous}`)
  database.exec('PRAGMA foreign_keys = ON')
  database.function('regexp', { deterministic: true }, (pattern, value) => matches(String(pattern), value))
  const statements = new StatementCache(database)
  return {
    close: () => database.close(),
    prepare: (text) => statements.get(text),
  }
}

function matches(pattern: string, value: unknown): number {
  if (value === null) return 0
  try {
    return new RegExp(pattern).test(String(value)) ? 1 : 0
  } catch {
    return 0
  }
}

interface Prepared {
  readonly reader: boolean
  all(parameters: readonly unknown[]): unknown[]
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>
}

function bind(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map((value) => {
    if (value === undefined) return null
    if (typeof value === 'boolean') return value ? 1 : 0
    return value as SQLInputValue
  })
}

/** Prepared statements by their text; the least recently used go first. */
class StatementCache {
  readonly #database: DatabaseSync
  readonly #kept = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(text: string): Prepared {
    const known = this.#kept.get(text)
    if (known) {
      this.#kept.delete(text)
      this.#kept.set(text, known)
      return known
    }
    const prepared = this.#prepare(text)
    if (!/^\s*(create|alter|drop|pragma)\b/i.test(text)) this.#keep(text, prepared)
    return prepared
  }

  #prepare(text: string): Prepared {
    const statement = this.#database.prepare(text)
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...bind(parameters)),
      run: (parameters) => statement.run(...bind(parameters)),
      iterate: (parameters) => statement.iterate(...bind(parameters)),
    }
  }

  #keep(text: string, prepared: Prepared): void {
    this.#kept.set(text, prepared)
    if (this.#kept.size > STATEMENTS_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
  }
}
