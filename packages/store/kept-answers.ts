// Answers to requests that may be sent again: each is kept in the transaction that does what its request asks for.
import type { Clock } from '@kilonova/base/clock'
import type { Kysely } from 'kysely'
import type { ServiceSchema } from './schema.ts'
import type { Store } from './store.ts'

interface Tables {
  kept_answers: { id: string; answer: string; created_at: number }
}

export const answerSchema: ServiceSchema = {
  service: 'answers',
  steps: [
    {
      name: '0001-kept-answers',
      async up({ schema }) {
        await schema
          .createTable('kept_answers')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('answer', 'text', (column) => column.notNull())
          .addColumn('created_at', 'bigint', (column) => column.notNull())
          .execute()
        await schema.createIndex('kept_answers_created').on('kept_answers').column('created_at').execute()
      },
    },
  ],
}

export interface KeptAnswersNeeds {
  store: Store
  clock: Pick<Clock, 'now'>
  /** Seconds for which an answer is kept. */
  retention: number
}

const AT_ONCE = 500

export class KeptAnswers {
  readonly #store: Store
  readonly #clock: Pick<Clock, 'now'>
  readonly #retention: number

  constructor({ store, clock, retention }: KeptAnswersNeeds) {
    this.#store = store
    this.#clock = clock
    this.#retention = retention * 1000
  }

  get #db(): Kysely<Tables> {
    return this.#store.as<Tables>()
  }

  /** Milliseconds since 1970: what is older is not kept any more, whether or not it has been removed. */
  get #oldest(): number {
    return this.#clock.now() - this.#retention
  }

  /** What is kept under the id. */
  async find(id: string): Promise<string | undefined> {
    const query = this.#db.selectFrom('kept_answers').select('answer').where('id', '=', id)
    return (await query.where('created_at', '>', this.#oldest).executeTakeFirst())?.answer
  }

  /**
   * As one transaction: answers what is kept under the id, or else does `make` and keeps what it answers. Of several at
   * once one makes it, and the others wait for that one. A `make` that throws leaves nothing.
   */
  keep(id: string, make: () => Promise<string>): Promise<{ answer: string; isNew: boolean }> {
    return this.#store.transaction(async () => {
      await this.#store.lock(`answer:${id}`)
      const earlier = await this.find(id)
      if (earlier !== undefined) return { answer: earlier, isNew: false }
      const answer = await make()
      const kept = { answer, created_at: this.#clock.now() }
      const insert = this.#db.insertInto('kept_answers').values({ id, ...kept })
      await insert.onConflict((tooOld) => tooOld.column('id').doUpdateSet(kept)).execute()
      return { answer, isNew: true }
    })
  }

  /** Removes what is too old. Interrupted, it goes on when repeated. */
  async purge(): Promise<void> {
    const some = () => this.#purgeSome()
    while ((await this.#store.transaction(some)) === AT_ONCE);
  }

  async #purgeSome(): Promise<number> {
    const old = this.#db.selectFrom('kept_answers').select('id').where('created_at', '<=', this.#oldest)
    const ids = (await old.limit(AT_ONCE).execute()).map(({ id }) => id)
    if (ids.length > 0) await this.#db.deleteFrom('kept_answers').where('id', 'in', ids).execute()
    return ids.length
  }
}
