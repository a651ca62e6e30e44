// A small world for the engine's own tests: things on shelves, kept in the same store as the tasks.
import type { RequestContext } from '@kilonova/base/context'
import { makeContext } from '@kilonova/base/context'
import type { ServiceSchema } from '@kilonova/store/schema'
import type { Store } from '@kilonova/store/store'
import type { Generated } from 'kysely'
import type { TaskEvent } from './saga.ts'
import { saga } from './saga.ts'

export interface ToyTables {
  toys: { id: string; state: string; attempt: number; error: string | null }
  toy_parts: { toy_id: string; part: string }
  toy_events: { seq: Generated<number>; toy_id: string; said: string }
}

export const toySchema: ServiceSchema = {
  service: 'toy',
  steps: [
    {
      name: '0001-toys',
      async up(db, kind) {
        await db.schema
          .createTable('toys')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('state', 'text')
          .addColumn('attempt', 'integer')
          .addColumn('error', 'text')
          .execute()
        await db.schema
          .createTable('toy_parts')
          .addColumn('toy_id', 'text')
          .addColumn('part', 'text')
          .addPrimaryKeyConstraint('toy_parts_pk', ['toy_id', 'part'])
          .execute()
        await db.schema
          .createTable('toy_events')
          .addColumn('seq', kind === 'sqlite' ? 'integer' : 'serial', (column) => column.primaryKey())
          .addColumn('toy_id', 'text')
          .addColumn('said', 'text')
          .execute()
      },
    },
  ],
}

export interface ToyInput {
  id: string
  parts?: string[]
}

/** What a test makes the steps do; each is called at the end of its step's own effect. */
export interface ToyDeps {
  store: Store
  during?: Record<string, (run: { signal: AbortSignal; attempt: number; input: ToyInput }) => unknown>
}

export const toyContext: RequestContext = makeContext({ userId: 'u', projectId: 'p', requestId: 'req-toy' })

export class Toys {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get #db() {
    return this.#store.as<ToyTables>()
  }

  async add(id: string): Promise<void> {
    await this.#db.insertInto('toys').values({ id, state: 'new', attempt: 1, error: null }).execute()
  }

  async attach(toy_id: string, part: string): Promise<void> {
    await this.#db
      .insertInto('toy_parts')
      .values({ toy_id, part })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  async detach(toy_id: string, part: string): Promise<void> {
    await this.#db.deleteFrom('toy_parts').where('toy_id', '=', toy_id).where('part', '=', part).execute()
  }

  async end(id: string, state: string, attempt: number, error: string | null): Promise<void> {
    await this.#db.updateTable('toys').set({ state, attempt, error }).where('id', '=', id).execute()
  }

  async tell(toy_id: string, event: TaskEvent): Promise<void> {
    const step = 'step' in event ? ` ${event.step}` : ''
    const direction = 'direction' in event && event.direction === 'undo' ? ' undo' : ''
    const said = `${event.kind}${step}${direction}`
    await this.#db.insertInto('toy_events').values({ toy_id, said }).execute()
  }

  async parts(id: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('toy_parts')
      .select('part')
      .where('toy_id', '=', id)
      .orderBy('part')
      .execute()
    return rows.map(({ part }) => part)
  }

  async state(id: string): Promise<string | undefined> {
    const row = await this.#db.selectFrom('toys').select('state').where('id', '=', id).executeTakeFirst()
    return row?.state
  }

  async events(id: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('toy_events')
      .select('said')
      .where('toy_id', '=', id)
      .orderBy('seq')
      .execute()
    return rows.map(({ said }) => said)
  }

  async everything(): Promise<unknown> {
    const toys = await this.#db.selectFrom('toys').selectAll().orderBy('id').execute()
    const parts = await this.#db.selectFrom('toy_parts').selectAll().orderBy('toy_id').orderBy('part').execute()
    const events = await this.#db.selectFrom('toy_events').selectAll().orderBy('seq').execute()
    return { toys, parts, events }
  }
}

const aboutToy = { resource: ({ id }: ToyInput) => ({ type: 'toy', id }) }

/** Three parts, then a look whether it runs. */
export const buildToy = saga<ToyInput, ToyDeps>('toy.build', {
  ...aboutToy,
  deadline: 3600,
  observe: (event, { deps, input }) => new Toys(deps.store).tell(input.id, event),
})
  .step('body', {
    do: async ({ input, deps, ...run }) => {
      await new Toys(deps.store).attach(input.id, 'body')
      return (await deps.during?.['body']?.({ ...run, input })) ?? 'body'
    },
    undo: async ({ input, deps, ...run }) => {
      await new Toys(deps.store).detach(input.id, 'body')
      await deps.during?.['body.undo']?.({ ...run, input })
    },
    retry: { first: 0.01 },
  })
  .step('wheels', {
    do: async ({ input, deps, ...run }) => {
      await new Toys(deps.store).attach(input.id, 'wheels')
      return deps.during?.['wheels']?.({ ...run, input })
    },
    undo: async ({ input, deps, ...run }) => {
      await new Toys(deps.store).detach(input.id, 'wheels')
      return deps.during?.['wheels.undo']?.({ ...run, input })
    },
    timeout: 60,
  })
  .step('running', {
    do: async ({ input, deps, ...run }) => deps.during?.['running']?.({ ...run, input }),
  })
  .end({
    done: ({ input, deps, attempt }) => new Toys(deps.store).end(input.id, 'active', attempt, null),
    undone: ({ input, deps, attempt, error }) =>
      new Toys(deps.store).end(input.id, 'error', attempt, error.code ?? error.message),
  })

/** Whatever stands, goes. */
export const deleteToy = saga<ToyInput, ToyDeps>('toy.delete', aboutToy)
  .step('parts', {
    do: async ({ input, deps, ...run }) => {
      for (const part of ['wheels', 'body']) await new Toys(deps.store).detach(input.id, part)
      return deps.during?.['delete']?.({ ...run, input })
    },
  })
  .end({ done: ({ input, deps, attempt }) => new Toys(deps.store).end(input.id, 'deleted', attempt, null) })
