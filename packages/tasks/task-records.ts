// Reading tasks and their logs, and deleting old ones.
import type { Store } from '@kilonova/store/store'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { viewTask } from './held-task.ts'
import type { Resource } from './saga.ts'
import type { TaskTables } from './schema.ts'
import type { Task, TaskLogEntry, TaskQuery } from './task.ts'

const PURGED_AT_ONCE = 500

export class TaskRecords {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get #db(): Kysely<TaskTables> {
    return this.#store.as<TaskTables>()
  }

  async get(taskId: string): Promise<Task | undefined> {
    const row = await this.#db.selectFrom('tasks').selectAll().where('id', '=', taskId).executeTakeFirst()
    return row && viewTask(row)
  }

  async holder({ type, id }: Resource): Promise<Task | undefined> {
    const row = await this.#db.selectFrom('tasks').selectAll().where('holds', '=', `${type}/${id}`).executeTakeFirst()
    return row && viewTask(row)
  }

  async list({ live, stuck, resource, projectId, limit = 1000 }: TaskQuery): Promise<Task[]> {
    let query = this.#db.selectFrom('tasks').selectAll()
    if (live) query = query.where('ended_at', 'is', null)
    if (stuck) query = query.where('ended_at', 'is', null).where('state', '=', 'stuck')
    if (resource) query = query.where('resource_type', '=', resource.type).where('resource_id', '=', resource.id)
    if (projectId !== undefined) query = query.where('project_id', '=', projectId)
    const rows = await query
      .orderBy('created_at', 'desc')
      // Of the same instant, one that goes on came after one that ended: a resource has one at a time.
      .orderBy(sql`case when ended_at is null then 0 else 1 end`)
      .orderBy('ended_at', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(viewTask)
  }

  async log(taskId: string): Promise<TaskLogEntry[]> {
    const rows = await this.#db
      .selectFrom('task_log')
      .selectAll()
      .where('task_id', '=', taskId)
      .orderBy('seq')
      .execute()
    const entries = rows.map(
      (row): TaskLogEntry => ({
        attempt: row.attempt,
        step: row.step,
        direction: row.direction,
        startedAt: row.started_at,
        endedAt: row.ended_at,
        outcome: row.outcome,
        tries: row.tries,
        error: row.error === null ? null : JSON.parse(row.error),
      }),
    )
    const task = await this.get(taskId)
    if (!task || task.step === null || task.stepSince === null) return entries
    const { attempt, step, direction, stepSince: startedAt, tries } = task
    return [...entries, { attempt, step, direction, startedAt, endedAt: null, outcome: null, tries, error: null }]
  }

  async purge(before: number): Promise<number> {
    for (let purged = 0; ; ) {
      const count = await this.#store.transaction(() => this.#purgeSome(before))
      purged += count
      if (count < PURGED_AT_ONCE) return purged
    }
  }

  async #purgeSome(before: number): Promise<number> {
    const rows = await this.#db
      .selectFrom('tasks')
      .select('id')
      .where('ended_at', '<', before)
      .limit(PURGED_AT_ONCE)
      .execute()
    if (rows.length === 0) return 0
    const ids = rows.map(({ id }) => id)
    await this.#db.deleteFrom('task_log').where('task_id', 'in', ids).execute()
    await this.#db.deleteFrom('tasks').where('id', 'in', ids).execute()
    return ids.length
  }
}
