// Two ways to one SQLite database: inside a transaction, and beside it.
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { Kysely, SelectQueryNode } from 'kysely'
import { GroupCommit } from './group-commit.ts'
import { SqliteConnection, sqliteDialect } from './sqlite.ts'

// biome-ignore lint/suspicious/noExplicitAny: the store's tables are its users' matter
type Db = Kysely<any>

export interface SqliteStore {
  /** Reads see what is committed; each write is a transaction of its own. */
  root: Db
  /** Runs `work` as one transaction; its statements go through the given builder. */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>
}

/** Opens a file, or a database in memory with `:memory:`. */
export function openSqlite(path: string, synchronous: 'FULL' | 'NORMAL'): SqliteStore {
  const inMemory = path === ':memory:'
  const writer = SqliteConnection.writer(path, synchronous)
  const reader = inMemory ? writer : SqliteConnection.reader(path)
  const groups = new GroupCommit({ writer, gathers: !inMemory })
  const close = (): void => {
    if (reader !== writer) reader.close()
    writer.close()
  }
  const inside: Db = new Kysely({ dialect: sqliteDialect(writer, () => undefined) })
  const beside = new Beside({ writer, reader, groups })
  return {
    root: new Kysely({ dialect: sqliteDialect(beside, close) }),
    transaction: (work) => groups.run(() => work(inside)),
  }
}

function isRead({ query, sql }: CompiledQuery): boolean {
  return SelectQueryNode.is(query) || /^\s*select\b/i.test(sql)
}

interface Connections {
  writer: SqliteConnection
  reader: SqliteConnection
  groups: GroupCommit
}

/** What is asked for outside of transactions. */
class Beside implements DatabaseConnection {
  readonly #connections: Connections

  constructor(connections: Connections) {
    this.#connections = connections
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { writer, groups } = this.#connections
    if (!isRead(query)) return groups.run(() => writer.executeQuery<Row>(query))
    return (await this.#committed()).executeQuery<Row>(query)
  }

  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield* (await this.#committed()).streamQuery<Row>(query)
  }

  /** A connection that sees what is committed and no more. */
  async #committed(): Promise<SqliteConnection> {
    const { writer, reader, groups } = this.#connections
    if (reader === writer) await groups.between()
    return reader
  }
}
