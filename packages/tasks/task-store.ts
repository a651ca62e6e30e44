// Leases and records: the statements by which a worker takes tasks and writes down what happened to them.
import { AsyncLocalStorage } from 'node:async_hooks'
import { withContext } from '@kilonova/base/context'
import { log } from '@kilonova/base/log'
import type { Store } from '@kilonova/store/store'
import type { Kysely, RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { HeldTask } from './held-task.ts'
import { holdTask, runOf, undoRunOf } from './held-task.ts'
import type { AnySaga, TaskEvent } from './saga.ts'
import type { TaskRow, TaskTables } from './schema.ts'
import type { StoreTime } from './store-time.ts'
import type { Transition } from './transition.ts'

export interface Registered {
  readonly saga: AnySaga
  readonly deps: unknown
}

/** Thrown by a record whose task has moved on without this worker. */
export class RecordLost extends Error {
  override name = 'RecordLost'
}

/** The task whose end is being recorded: what its end hook enqueues may follow it on the same resource. */
export const endingTask = new AsyncLocalStorage<string>()

const NEVER = new AbortController().signal

export interface PutBack {
  readonly reason: string
  /** True: this process has its lease. False: taking it failed. */
  readonly held: boolean
  /** Slips after which it is stuck. */
  readonly most: number
  /** Milliseconds until it is taken again, by its slips so far. */
  delay(slips: number): number
}

export interface TaskStoreOptions {
  readonly store: Store
  readonly time: StoreTime
  readonly owner: string
  readonly leaseMs: number
  readonly registry: ReadonlyMap<string, Registered>
}

export class TaskStore {
  readonly #store: Store
  readonly #time: StoreTime
  readonly #owner: string
  readonly #leaseMs: number
  readonly #registry: ReadonlyMap<string, Registered>

  constructor({ store, time, owner, leaseMs, registry }: TaskStoreOptions) {
    this.#store = store
    this.#time = time
    this.#owner = owner
    this.#leaseMs = leaseMs
    this.#registry = registry
  }

  get #db(): Kysely<TaskTables> {
    return this.#store.as<TaskTables>()
  }

  /** True for a process that only enqueues. */
  get runsNone(): boolean {
    return this.#registry.size === 0
  }

  #due() {
    return this.#db
      .selectFrom('tasks')
      .where('due_at', '<=', this.#time.sql())
      .where('name', 'in', [...this.#registry.keys()])
      .where((eb) => eb.or([eb('owner', 'is', null), eb('owner', '<>', this.#owner)]))
  }

  /** Ids of tasks that somebody should take now, the longest due first. */
  async dueIds(limit: number): Promise<string[]> {
    const rows = await this.#due().select('id').orderBy('due_at').limit(limit).execute()
    return rows.map(({ id }) => id)
  }

  /** When the next free task falls due; null if none waits for its time. */
  async nextDue(): Promise<number | null> {
    const row = await this.#db
      .selectFrom('tasks')
      .select('due_at')
      .where('due_at', 'is not', null)
      .where('owner', 'is', null)
      .where('name', 'in', [...this.#registry.keys()])
      .orderBy('due_at')
      .limit(1)
      .executeTakeFirst()
    return row?.due_at ?? null
  }

  /** Takes the leases of due tasks, or of one of them. Inside a transaction. */
  async take(limit: number, id?: string): Promise<HeldTask[]> {
    let query = this.#due().selectAll().orderBy('due_at').limit(limit)
    if (id !== undefined) query = query.where('id', '=', id)
    if (this.#store.kind === 'postgres') query = query.forUpdate().skipLocked()
    const rows = await query.execute()
    const held: HeldTask[] = []
    for (const [name, same] of Map.groupBy(rows, (row) => row.name)) {
      const { saga, deps } = this.#registry.get(name)!
      held.push(...(await this.#takeRows(same, saga, deps)))
    }
    return held
  }

  async #takeRows(rows: readonly TaskRow[], saga: AnySaga, deps: unknown): Promise<HeldTask[]> {
    const now = this.#time.now()
    const first = saga.steps[0]!.name
    await this.#db
      .updateTable('tasks')
      .set((eb) => ({
        owner: this.#owner,
        due_at: this.#time.sql(this.#leaseMs),
        version: eb('version', '+', 1),
        step: eb.fn.coalesce('step', eb.val(first)),
        step_since: eb.fn.coalesce('step_since', eb.val(now)),
        started_at: eb.fn.coalesce('started_at', eb.val(now)),
        updated_at: now,
      }))
      .where(
        'id',
        'in',
        rows.map(({ id }) => id),
      )
      .execute()
    const held: HeldTask[] = []
    for (const row of rows) {
      const { started_at, step_since, direction } = row
      const step = row.step ?? first
      const taken = {
        ...row,
        step,
        step_since: step_since ?? now,
        started_at: started_at ?? now,
        version: row.version + 1,
      }
      const task = holdTask(taken, saga, deps)
      if (started_at === null) await observe(task, [{ kind: 'task-started', at: now }])
      if (step_since === null) await observe(task, [{ kind: 'step-started', at: now, step, direction }])
      held.push(task)
    }
    return held
  }

  /** Records what a step did, all in one. Inside a transaction. Throws RecordLost. */
  async record(task: HeldTask, { next, log, events, napMs }: Transition): Promise<HeldTask> {
    const ends = next.state === 'done' || next.state === 'undone'
    await observe(next, ends ? events.slice(0, -1) : events)
    if (ends) {
      await callEnd(next)
      await observe(next, events.slice(-1))
    }
    const restarted = next.attempt !== task.attempt
    const row = await this.#db
      .updateTable('tasks')
      .set({
        state: next.state,
        direction: next.direction,
        step: next.step,
        step_since: next.stepSince,
        attempt: next.attempt,
        tries: next.tries,
        reason: next.reason,
        error: next.error && JSON.stringify(next.error),
        done: JSON.stringify(next.done),
        next_input: next.nextInput && JSON.stringify(next.nextInput.input),
        deadline_at: next.deadlineAt,
        log_seq: next.logSeq,
        slips: 0,
        version: task.version + 1,
        updated_at: this.#time.now(),
        ...(restarted ? { input: JSON.stringify(next.input) } : {}),
        ...this.#hold(next, napMs),
      })
      .where('id', '=', task.id)
      .where('version', '=', task.version)
      .where('owner', '=', this.#owner)
      .returning(['cancelled', 'nudges', 'give_up_at'])
      .executeTakeFirst()
    if (!row) throw new RecordLost(`task ${task.id} is no longer held by ${this.#owner}`)
    if (log) await this.#db.insertInto('task_log').values(log).execute()
    if (next.state !== 'running' && next.saga.mutates) await this.promote(task.id)
    const { cancelled, nudges, give_up_at: giveUpAt } = row
    return { ...next, version: task.version + 1, cancelled, nudges, giveUpAt }
  }

  /** Who looks next and when. */
  #hold(next: HeldTask, napMs: number | null): Record<string, unknown> {
    if (next.state !== 'running') {
      const ended = next.state === 'stuck' ? null : this.#time.now()
      return { owner: null, due_at: null, holds: null, ended_at: ended }
    }
    if (napMs === null) return { owner: this.#owner, due_at: this.#time.sql(this.#leaseMs) }
    return { owner: null, due_at: this.#napUntil(next, napMs) }
  }

  /** A nudge or a cancel that came while the step looked is not slept over. */
  #napUntil(next: HeldTask, napMs: number): RawBuilder<number> {
    const woken =
      next.direction === 'do' ? sql`(nudges > ${next.nudges} or cancelled is not null)` : sql`nudges > ${next.nudges}`
    return sql<number>`case when ${woken} then ${this.#time.sql()} else ${this.#time.sql(napMs)} end`
  }

  /** Begins the task that waits for this one, which has freed its resource. */
  async promote(id: string): Promise<void> {
    await this.#db
      .updateTable('tasks')
      .set({
        state: 'running',
        waits_for: null,
        holds: sql<string>`resource_type || '/' || resource_id`,
        due_at: this.#time.sql(),
        deadline_at: sql<number>`${this.#time.sql()} + cast(deadline_seconds as bigint) * 1000`,
        updated_at: this.#time.now(),
      })
      .where('waits_for', '=', id)
      .execute()
  }

  /**
   * Gives a task back as it was, because its record or its worker failed: its step will run again.
   * Calls no hook, since a hook may be what fails. Inside a transaction. Returns whether it is stuck now.
   */
  async putBack(id: string, why: PutBack): Promise<boolean> {
    const row = await this.#db
      .selectFrom('tasks')
      .select(['slips', 'version'])
      .where('id', '=', id)
      .where('state', '=', 'running')
      .where((eb) => (why.held ? eb('owner', '=', this.#owner) : eb('due_at', '<=', this.#time.sql())))
      .executeTakeFirst()
    if (!row) return false
    const stuck = row.slips + 1 >= why.most
    const { numUpdatedRows } = await this.#db
      .updateTable('tasks')
      .set({
        ...(stuck
          ? { state: 'stuck' as const, due_at: null, holds: null, step_since: null }
          : { due_at: this.#time.sql(why.delay(row.slips)) }),
        owner: null,
        slips: row.slips + 1,
        reason: why.reason,
        version: row.version + 1,
        updated_at: this.#time.now(),
      })
      .where('id', '=', id)
      .where('version', '=', row.version)
      .executeTakeFirstOrThrow()
    if (numUpdatedRows === 0n) return false
    if (stuck) await this.promote(id)
    return stuck
  }

  /** Gives tasks back that were taken but not begun. */
  async release(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#db
      .updateTable('tasks')
      .set((eb) => ({ owner: null, due_at: this.#time.sql(), version: eb('version', '+', 1) }))
      .where('owner', '=', this.#owner)
      .where('id', 'in', ids)
      .execute()
  }

  /** The tasks whose leases this process has. */
  heldByMe(): Promise<{ id: string; cancelled: string | null }[]> {
    return this.#db.selectFrom('tasks').select(['id', 'cancelled']).where('owner', '=', this.#owner).execute()
  }

  /** Returns those that are still this process's. */
  async renew(ids: readonly string[]): Promise<string[]> {
    const rows = await this.#db
      .updateTable('tasks')
      .set({ due_at: this.#time.sql(this.#leaseMs) })
      .where('owner', '=', this.#owner)
      .where('id', 'in', ids)
      .returning('id')
      .execute()
    return rows.map(({ id }) => id)
  }

  /** Frees what dead processes held: an earlier one of this name, or every other if the store is exclusive. */
  async freeLeases(exclusive: boolean): Promise<void> {
    let query = this.#db
      .updateTable('tasks')
      .set((eb) => ({ owner: null, due_at: this.#time.sql(), version: eb('version', '+', 1) }))
      .where('owner', 'is not', null)
    if (!exclusive) query = query.where('owner', '=', this.#owner)
    await query.execute()
  }
}

async function observe(task: HeldTask, events: readonly TaskEvent[]): Promise<void> {
  const { saga, context } = task
  for (const event of events) {
    await withContext(context, () => {
      log('tasks').debug({ task: task.id, name: saga.name, ...event }, event.kind)
      return saga.observe?.(event, runOf(task))
    })
  }
}

async function callEnd(task: HeldTask): Promise<void> {
  const { done, undone } = task.saga.ends
  const call = () =>
    task.state === 'done' ? done?.({ ...runOf(task), signal: NEVER }) : undone?.(undoRunOf(task, NEVER))
  await withContext(task.context, () => endingTask.run(task.id, async () => await call()))
}
