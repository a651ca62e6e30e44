// Of several processes on one store, one does the periodic work of a name: who holds its lease.
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import type { Store } from '@kilonova/store/store'
import type { TaskTables } from './schema.ts'
import { StoreTime } from './store-time.ts'

export interface LeaderOptions {
  store: Store
  clock?: Clock
  /** This process's name: no two that run at once share one. */
  owner: string
  /** Seconds after which another process takes over. Default 60. */
  lease?: number
}

export class Leader {
  readonly #store: Store
  readonly #clock: Clock
  readonly #time: StoreTime
  readonly #owner: string
  readonly #leaseMs: number

  constructor({ store, clock = systemClock, owner, lease = 60 }: LeaderOptions) {
    this.#store = store
    this.#clock = clock
    this.#time = new StoreTime(store, clock, false)
    this.#owner = owner
    this.#leaseMs = lease * 1000
  }

  /** Does the work if this process leads in it, and leads on while it lasts. Returns whether it did. */
  async ifLeading(name: string, work: () => unknown): Promise<boolean> {
    if (!(await this.#lead(name))) return false
    const renewing = new AbortController()
    const renewed = this.#renew(name, renewing.signal)
    try {
      await work()
    } finally {
      renewing.abort()
      await renewed
    }
    return true
  }

  /** Lets others lead at once; for an orderly stop. */
  async resign(): Promise<void> {
    await this.#store.as<TaskTables>().deleteFrom('task_leaders').where('owner', '=', this.#owner).execute()
  }

  async #lead(name: string): Promise<boolean> {
    const db = this.#store.as<TaskTables>()
    const until = this.#time.sql(this.#leaseMs)
    const row = await db
      .insertInto('task_leaders')
      .values({ name, owner: this.#owner, until })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ owner: this.#owner, until })
          .where((eb) =>
            eb.or([eb('task_leaders.owner', '=', this.#owner), eb('task_leaders.until', '<', this.#time.sql())]),
          ),
      )
      .returning('owner')
      .executeTakeFirst()
    return row !== undefined
  }

  async #renew(name: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(this.#leaseMs / 3, signal)
      if (signal.aborted) return
      await this.#lead(name).catch(() => false) // the lease outlasts two failures; then another process leads
    }
  }
}
