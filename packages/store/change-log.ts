// What has changed in some tables, for whoever keeps a copy of them in memory. Triggers write the keys of what changed
// in the transaction that changes it, whichever process that is and however old its code.
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Store, StoreKind } from './store.ts'

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

/** The table of the changes, and one row that says up to where they have been purged. */
export async function createChangeLog(db: Db, kind: StoreKind, log: string): Promise<void> {
  const id =
    kind === 'sqlite'
      ? 'id integer primary key autoincrement'
      : 'id bigserial primary key, xact bigint not null default (pg_current_xact_id()::text::bigint)'
  await sql.raw(`create table ${log} (${id}, key text not null)`).execute(db)
  if (kind === 'postgres') await sql.raw(`create index ${log}_xact on ${log} (xact)`).execute(db)
  await sql.raw(`create table ${log}_purged (until bigint not null)`).execute(db)
  await sql.raw(`insert into ${log}_purged values (0)`).execute(db)
}

export interface LoggedTable {
  log: string
  table: string
  /** SQL that selects, as `key`, what a row of the table is about; `row` is `old` or `new`. Nulls are passed over. */
  keys: (row: 'old' | 'new') => string
  /** Of updates only those that set one of these columns. Default: all. */
  columns?: readonly string[]
  /** Of updates only those where this SQL on `old` and `new` holds. Default: all. */
  when?: string
  /** Default: all three. */
  events?: readonly LoggedEvent[]
}

type LoggedEvent = 'insert' | 'update' | 'delete'

const ROWS = { insert: ['new'], update: ['old', 'new'], delete: ['old'] } as const
const EVENTS: readonly LoggedEvent[] = ['insert', 'update', 'delete']

/** From now on changes of the table are in the log. */
export async function logChanges(db: Db, kind: StoreKind, logged: LoggedTable): Promise<void> {
  const { log, table, keys, columns, when, events = EVENTS } = logged
  for (const event of events) {
    const isNarrow = event === 'update'
    const name = [log, table, event, ...(isNarrow && when ? ['when'] : [])].join('_')
    const rows = ROWS[event].map((row) => keys(row)).join(' union ')
    const note = `insert into ${log} (key) select key from (${rows}) as changed where key is not null`
    const of = isNarrow && columns ? ` of ${columns.join(', ')}` : ''
    const head = `create trigger ${name} after ${event}${of} on ${table} for each row`
    const condition = isNarrow && when ? ` when (${when})` : ''
    if (kind === 'sqlite') {
      await sql.raw(`${head}${condition} begin ${note}; end`).execute(db)
      continue
    }
    const body = `begin ${note}; return null; end`
    await sql.raw(`create function ${name}() returns trigger language plpgsql as $$ ${body} $$`).execute(db)
    await sql.raw(`${head}${condition} execute function ${name}()`).execute(db)
  }
}

/** Changes that are kept at least, and after how many more the older ones go. */
const KEPT = 10_000
const PURGED_AFTER = 1000

interface Row {
  until: number
  next: number
  id: number | null
  key: string | null
}

/**
 * One reader of a log. A change is read once its transaction has committed: on SQLite by its number, for there is one
 * writer; on PostgreSQL by its transaction, since a lower number may be committed after a higher one.
 */
export class ChangeReader {
  readonly #store: Store
  readonly #log: string
  /** What comes from here on has not been read; undefined before the first call. */
  #next: number | undefined
  /** Numbers that were read, of those from #next on. */
  #read: ReadonlySet<number> = new Set()
  #purgedAt = 0

  constructor(store: Store, log: string) {
    this.#store = store
    this.#log = log
  }

  /**
   * The keys of all that has changed since the call before; 'all' at the first, and when some of it has been purged.
   * Whoever loads after it sees what it tells of. Outside of transactions, one call at a time.
   */
  async changed(): Promise<ReadonlySet<string> | 'all'> {
    const isSqlite = this.#store.kind === 'sqlite'
    const log = sql.ref(this.#log)
    const next = isSqlite
      ? sql<number>`(select coalesce(max(id), 0) + 1 from ${log})`
      : sql<number>`pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
    const from = this.#next
    const at = sql.ref(isSqlite ? 'l.id' : 'l.xact')
    const news = from === undefined ? sql`false` : sql`${at} >= ${from}`
    const { rows } = await sql<Row>`
      select p.until, n.next, l.id, l.key from ${sql.ref(`${this.#log}_purged`)} as p
      cross join (select ${next} as next) as n left join ${log} as l on ${news}`.execute(this.#store.as())
    const [{ until, next: newNext }] = rows as [Row]
    const fresh = rows.filter(({ id }) => id !== null && !this.#read.has(id))
    this.#read = new Set(isSqlite ? [] : rows.flatMap(({ id }) => id ?? []))
    this.#next = Math.max(newNext, from ?? 0)
    await this.#purge(Math.max(0, ...fresh.map(({ id }) => id!)))
    return from === undefined || until > from ? 'all' : new Set(fresh.map(({ key }) => key!))
  }

  async #purge(newest: number): Promise<void> {
    if (newest < this.#purgedAt + PURGED_AFTER) return
    this.#purgedAt = newest
    await purgeChanges(this.#store, this.#log, newest - KEPT)
  }
}

/** Takes away the changes up to this number; whoever has not read them is told that all may have changed. */
export function purgeChanges(store: Store, name: string, upTo: number): Promise<void> {
  return store.transaction(async () => {
    const [log, purged, db] = [sql.ref(name), sql.ref(`${name}_purged`), store.as()]
    const isSqlite = store.kind === 'sqlite'
    const at = sql.ref(isSqlite ? 'id' : 'xact')
    const settled = isSqlite ? sql`true` : sql`xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
    const last = sql<{ last: number | null }>`select max(${at}) as last from ${log} where id <= ${upTo} and ${settled}`
    const [found] = (await last.execute(db)).rows
    if (found?.last === null || found === undefined) return
    const until = found.last + 1
    await sql`delete from ${log} where id <= ${upTo} and ${at} < ${until}`.execute(db)
    await sql`update ${purged} set until = case when until > ${until} then until else ${until} end`.execute(db)
  })
}
