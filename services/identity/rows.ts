// The SQL that every table of named things shares: by id, by values, in pages.
import type { Store } from '@kilonova/store/store'
import type { Expression, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { IdentityTables } from './schema/tables.ts'

export type Condition = Expression<SqlBool>

export interface Selection {
  readonly where?: readonly Condition[]
  /** Rows at most; absent: all. */
  readonly limit?: number | undefined
  /** The id that the page begins after. */
  readonly marker?: string | undefined
}

type Named = Record<string, { id: string }>

/** One table whose rows have an id. Lists come in the order of ids, so that pages neither repeat nor miss a row. */
export class Rows<Row extends { id: string }> {
  readonly #store: Store
  readonly #table: string

  constructor(store: Store, table: keyof IdentityTables) {
    this.#store = store
    this.#table = table
  }

  get(id: string): Promise<Row | undefined> {
    return this.find({ id } as Partial<Row>)
  }

  async find(values: Partial<Row>): Promise<Row | undefined> {
    return (await this.all(values))[0]
  }

  all(values: Partial<Row>): Promise<Row[]> {
    let query = this.#db().selectFrom(this.#table).selectAll()
    for (const [column, value] of Object.entries(values)) {
      query =
        value === null ? query.where(column as 'id', 'is', null) : query.where(column as 'id', '=', value as string)
    }
    return query.orderBy('id').execute() as Promise<unknown[]> as Promise<Row[]>
  }

  list({ where = [], limit, marker }: Selection = {}): Promise<Row[]> {
    let query = this.#db().selectFrom(this.#table).selectAll().orderBy('id')
    for (const condition of where) query = query.where(condition)
    if (marker !== undefined) query = query.where('id', '>', marker)
    if (limit !== undefined) query = query.limit(limit)
    return query.execute() as Promise<unknown[]> as Promise<Row[]>
  }

  async insert(row: Row): Promise<void> {
    await this.#db().insertInto(this.#table).values(row).execute()
  }

  async update(id: string, patch: Partial<Row>): Promise<void> {
    if (Object.keys(patch).length === 0) return
    await this.#db()
      .updateTable(this.#table)
      .set(patch as object)
      .where('id', '=', id)
      .execute()
  }

  /** Adds one, whoever else does so at the same time. */
  async increment(id: string, column: keyof Row & string): Promise<void> {
    const set = { [column]: sql`${sql.ref(column)} + 1` }
    await this.#db().updateTable(this.#table).set(set).where('id', '=', id).execute()
  }

  async remove(id: string): Promise<void> {
    await this.#db().deleteFrom(this.#table).where('id', '=', id).execute()
  }

  #db() {
    return this.#store.as<Named>()
  }
}
