// What callers do to tasks: ask for one, cancel, nudge, retry. Each inside the caller's transaction, if there is one.
import type { RequestContext } from '@kilonova/base/context'
import type { Random } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { isDuplicate } from '@kilonova/store/store'
import type { Kysely, RawBuilder } from 'kysely'
import { sql } from 'kysely'
import { fault } from './faults.ts'
import type { Resource, TaskKind } from './saga.ts'
import type { TaskRow, TaskTables } from './schema.ts'
import type { StoreTime } from './store-time.ts'
import { endingTask } from './task-store.ts'

export interface EnqueueOptions<Input> {
  input: Input
  context: RequestContext
  /** Default: the context's. */
  projectId?: string | null
  /** Seconds before its first step. */
  dueIn?: number
  /** Cancel the live mutating task of the resource, and whatever waits for its end, and begin once all have ended. */
  preempts?: boolean
}

/** Told after the caller's commit. */
export interface Listener {
  wake(): void
  cancel(taskId: string, why: string): void
}

type Holder = Pick<TaskRow, 'id' | 'name' | 'cancelled'>
type Unset =
  | 'waits_for'
  | 'give_up_at'
  | 'state'
  | 'step'
  | 'step_since'
  | 'reason'
  | 'error'
  | 'cancelled'
  | 'next_input'
  | 'owner'
type Computed = 'due_at' | 'deadline_at' | 'started_at' | 'ended_at'
type NewRow = Omit<TaskRow, Unset | Computed> & { due_at: RawBuilder<number>; deadline_at: RawBuilder<number> }

const ATTEMPTS = 5

export class TaskRequests {
  readonly #store: Store
  readonly #time: StoreTime
  readonly #random: Random
  readonly #listener: Listener

  constructor(parts: { store: Store; time: StoreTime; random: Random; listener: Listener }) {
    this.#store = parts.store
    this.#time = parts.time
    this.#random = parts.random
    this.#listener = parts.listener
  }

  get #db(): Kysely<TaskTables> {
    return this.#store.as<TaskTables>()
  }

  enqueue<Input>(kind: TaskKind<Input>, options: EnqueueOptions<Input>): Promise<string> {
    const row = this.#newRow(kind, options)
    return this.#store.transaction(async () => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        if (await this.#insert(row, { holds: row.holds })) {
          this.#store.afterCommit(() => this.#listener.wake())
          return row.id
        }
        const holder = await this.#holder(row.holds!)
        if (holder && (await this.#follow(row, holder, options.preempts ?? false))) return row.id
      }
      throw new Error(`${row.name}: the tasks of ${row.holds} change too fast`)
    })
  }

  #newRow<Input>(kind: TaskKind<Input>, options: EnqueueOptions<Input>): NewRow {
    const { input, context, projectId = context.projectId, dueIn = 0 } = options
    const resource = kind.resourceOf(input)
    const now = this.#time.now()
    return {
      id: this.#random.uuid(),
      name: kind.name,
      resource_type: resource?.type ?? null,
      resource_id: resource?.id ?? null,
      project_id: projectId,
      request_id: context.requestId,
      mutates: kind.mutates ? (1 as const) : (0 as const),
      holds: kind.mutates && resource ? `${resource.type}/${resource.id}` : null,
      direction: 'do' as const,
      attempt: 1,
      tries: 0,
      input: JSON.stringify(input ?? null),
      context: JSON.stringify(context),
      done: '{}',
      deadline_seconds: Math.ceil(kind.deadline),
      deadline_at: this.#time.sql((dueIn + kind.deadline) * 1000),
      log_seq: 0,
      nudges: 0,
      slips: 0,
      version: 0,
      due_at: this.#time.sql(dueIn * 1000),
      created_at: now,
      updated_at: now,
    }
  }

  /** False when another task is in its place. Not an error, for that would spoil the caller's transaction. */
  async #insert(row: NewRow, place: { holds: string | null; waits_for?: string }): Promise<boolean> {
    const waits = place.waits_for !== undefined
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('tasks')
      .values({ ...row, ...place, state: waits ? 'waiting' : 'running', ...(waits ? { due_at: null } : {}) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow()
    return numInsertedOrUpdatedRows === 1n
  }

  #holder(holds: string): Promise<Holder | undefined> {
    const columns = ['id', 'name', 'cancelled'] as const
    return this.#db.selectFrom('tasks').select(columns).where('holds', '=', holds).executeTakeFirst()
  }

  /** Puts the task behind the one that holds its resource, or the last that waits for it. False when the line has moved. */
  async #follow(row: NewRow, holder: Holder, preempts: boolean): Promise<boolean> {
    const resource = { type: row.resource_type!, id: row.resource_id! }
    const conflict = ({ id, name }: Pick<Holder, 'id' | 'name'>) =>
      fault('TaskConflict', { resource, running: name, taskId: id })
    const ending = endingTask.getStore() === holder.id
    const isSame = holder.name === row.name && holder.cancelled === null
    if (!ending && (!preempts || isSame)) throw conflict(holder)
    if (!ending && !(await this.#cancelRow(holder.id, `${row.name} was asked for`))) return false
    if (await this.#insert(row, { holds: null, waits_for: holder.id })) return true
    const next = await this.#db
      .selectFrom('tasks')
      .select(['id', 'name', 'cancelled'])
      .where('waits_for', '=', holder.id)
      .executeTakeFirst()
    if (ending) throw conflict(next ?? holder)
    return next ? this.#follow(row, next, preempts) : false
  }

  async cancel(taskId: string, why: string): Promise<void> {
    await this.#cancelRow(taskId, why)
  }

  async giveUp(taskId: string, why: string, seconds: number): Promise<void> {
    await this.#store.transaction(async () => {
      await this.#db
        .updateTable('tasks')
        .set((eb) => ({
          give_up_at: eb.fn.coalesce('give_up_at', this.#time.sql(seconds * 1000)),
          nudges: eb('nudges', '+', 1), // an undo that has just failed does not nap over this
        }))
        .where('id', '=', taskId)
        .where('state', 'in', ['running', 'waiting'])
        .execute()
      await this.#cancelRow(taskId, why)
    })
  }

  async #cancelRow(taskId: string, why: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('tasks')
      .set((eb) => ({
        cancelled: eb.fn.coalesce('cancelled', eb.val(why)),
        due_at: sql<number>`case when state = 'running' and owner is null then ${this.#time.sql()} else due_at end`,
        updated_at: this.#time.now(),
      }))
      .where('id', '=', taskId)
      .where('state', 'in', ['running', 'waiting'])
      .executeTakeFirstOrThrow()
    this.#store.afterCommit(() => this.#listener.cancel(taskId, why))
    return numUpdatedRows === 1n
  }

  async nudge(what: Resource | string): Promise<void> {
    const now = this.#time.sql()
    let query = this.#db
      .updateTable('tasks')
      .set((eb) => ({
        nudges: eb('nudges', '+', 1),
        due_at: sql<number>`case when owner is null and due_at > ${now} then ${now} else due_at end`,
      }))
      .where('state', '=', 'running')
    if (typeof what === 'string') query = query.where('id', '=', what)
    else query = query.where('resource_type', '=', what.type).where('resource_id', '=', what.id)
    const { numUpdatedRows } = await query.executeTakeFirstOrThrow()
    if (numUpdatedRows > 0n) this.#store.afterCommit(() => this.#listener.wake())
  }

  retry(taskId: string): Promise<void> {
    return this.#store.transaction(async () => {
      const row = await this.#stuck(taskId)
      const holds = row.mutates ? `${row.resource_type}/${row.resource_id}` : null
      const holder = holds === null ? undefined : await this.#holder(holds)
      const resource = { type: row.resource_type!, id: row.resource_id! }
      if (holder) throw fault('TaskConflict', { resource, running: holder.name, taskId: holder.id })
      const changes = {
        state: 'running' as const,
        holds,
        tries: 0,
        slips: 0,
        reason: null,
        give_up_at: null,
        due_at: this.#time.sql(),
        deadline_at: this.#time.sql(row.deadline_seconds * 1000),
        updated_at: this.#time.now(),
      }
      try {
        await this.#db.updateTable('tasks').set(changes).where('id', '=', taskId).where('state', '=', 'stuck').execute()
      } catch (error) {
        if (!isDuplicate(error)) throw error
        throw fault('TaskConflict', { resource, running: 'another task', taskId: '' }, error)
      }
      this.#store.afterCommit(() => this.#listener.wake())
    })
  }

  /** Ends a stuck task as it is: what it left was cleared in another way. */
  dismiss(taskId: string, why: string): Promise<void> {
    return this.#store.transaction(async () => {
      await this.#stuck(taskId)
      const now = this.#time.now()
      await this.#db
        .updateTable('tasks')
        .set({ state: 'undone', reason: why, step: null, ended_at: now, updated_at: now })
        .where('id', '=', taskId)
        .where('state', '=', 'stuck')
        .execute()
    })
  }

  async #stuck(id: string): Promise<TaskRow> {
    const row = await this.#db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
    if (!row) throw fault('TaskNotFound', { id })
    if (row.state !== 'stuck') throw fault('TaskNotStuck', { id, state: row.state })
    return row
  }
}
