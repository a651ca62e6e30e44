// The time by which leases, delays and deadlines are judged. A store that several processes share has one clock:
// its own. Otherwise it is this process's monotonic time, so that a step of the wall clock moves nothing.
import type { Clock } from '@kilonova/base/clock'
import type { Store } from '@kilonova/store/store'
import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { TaskTables } from './schema.ts'

const STORE_NOW = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`

export class StoreTime {
  readonly #store: Store
  readonly #clock: Clock
  readonly #shared: boolean
  /** Milliseconds from monotonic to store time. */
  #offset: number

  constructor(store: Store, clock: Clock, exclusive: boolean) {
    this.#store = store
    this.#clock = clock
    this.#shared = store.kind === 'postgres' && !exclusive
    this.#offset = clock.now() - clock.monotonic()
  }

  /** Milliseconds since 1970; for a shared store as close as the last `sync` came. */
  now(): number {
    return Math.round(this.#clock.monotonic() + this.#offset)
  }

  /** The same for statements: exact for a shared store. */
  sql(plusMs = 0): RawBuilder<number> {
    const plus = Math.round(plusMs)
    if (this.#shared) return sql<number>`${STORE_NOW} + cast(${plus} as bigint)`
    return sql<number>`cast(${this.now() + plus} as bigint)`
  }

  /** Reads the store's clock; without one, makes sure that time goes on from what live tasks have recorded. */
  async sync(): Promise<void> {
    if (this.#shared) {
      const { rows } = await sql<{ now: number }>`select ${STORE_NOW} as now`.execute(this.#store.as())
      this.#offset = rows[0]!.now - this.#clock.monotonic()
      return
    }
    const { newest } = await this.#store
      .as<TaskTables>()
      .selectFrom('tasks')
      .select((eb) => eb.fn.max('updated_at').as('newest'))
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow()
    this.#offset = Math.max(this.#offset, (newest ?? 0) - this.#clock.monotonic())
  }
}
