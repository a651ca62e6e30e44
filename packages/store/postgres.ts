// PostgreSQL: a pool whose bigints arrive as numbers, as they do from SQLite.
import pg from 'pg'

const INT8 = 20
const NUMERIC = 1700

const types = {
  getTypeParser(oid: number, format?: string): unknown {
    if (oid === INT8 || oid === NUMERIC) return Number
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

/** The pool would count the wait for a free connection in, too: who comes when all are busy waits for its turn. */
class Connection extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super({ ...config, connectionTimeoutMillis: 10_000 })
  }
}

/** A connection pool; a connection that breaks while idle is replaced at its next use. */
export function postgresPool(url: string, size: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    Client: Connection,
    types,
  } as pg.PoolConfig)
  // A connection that breaks tells its query and also emits; the pool drops it and the next query opens another.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}
