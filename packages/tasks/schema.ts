// The tables of the task engine. Times are milliseconds since 1970 by the store's clock.
import type { SchemaStep, ServiceSchema } from '@kilonova/store/schema'
import type { Flag } from '@kilonova/store/store'
import { sql } from 'kysely'
import type { Direction } from './saga.ts'
import type { TaskState } from './task.ts'

export interface TaskRow {
  id: string
  name: string
  resource_type: string | null
  resource_id: string | null
  project_id: string | null
  request_id: string
  mutates: Flag
  /** `type/id` while a mutating task runs: unique, so that there is one per resource. */
  holds: string | null
  /** The task whose end begins this one; unique. */
  waits_for: string | null
  state: TaskState
  direction: Direction
  step: string | null
  step_since: number | null
  attempt: number
  tries: number
  reason: string | null
  /** JSON of a TaskError. */
  error: string | null
  cancelled: string | null
  input: string
  /** JSON: the input of the next attempt, while this one is undone. */
  next_input: string | null
  context: string
  done: string
  deadline_seconds: number
  deadline_at: number
  /** From then on a failed undo is not tried again; null: only the deadline ends that. */
  give_up_at: number | null
  log_seq: number
  /** Counts nudges, so that one that comes while a step looks is not lost. */
  nudges: number
  /** Records and workers that failed in a row. */
  slips: number
  /** Grows with each take and each record: who writes proves that it saw the newest. */
  version: number
  owner: string | null
  /** When a worker looks next: for an owned task, when its lease ends. Null unless running. */
  due_at: number | null
  created_at: number
  started_at: number | null
  updated_at: number
  ended_at: number | null
}

export interface TaskLogRow {
  task_id: string
  seq: number
  attempt: number
  step: string
  direction: Direction
  started_at: number
  ended_at: number
  outcome: 'done' | 'failed' | 'undone' | 'stuck'
  tries: number
  error: string | null
}

/** Who may do the periodic work of a name, and until when. */
export interface TaskLeaderRow {
  name: string
  owner: string
  until: number
}

export interface TaskTables {
  tasks: TaskRow
  task_log: TaskLogRow
  task_leaders: TaskLeaderRow
}

const step0001: SchemaStep = {
  name: '0001-tasks',
  async up(db) {
    const big = 'bigint'
    await db.schema
      .createTable('tasks')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('resource_type', 'text')
      .addColumn('resource_id', 'text')
      .addColumn('project_id', 'text')
      .addColumn('request_id', 'text', (column) => column.notNull())
      .addColumn('mutates', 'integer', (column) => column.notNull())
      .addColumn('holds', 'text')
      .addColumn('waits_for', 'text')
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('direction', 'text', (column) => column.notNull())
      .addColumn('step', 'text')
      .addColumn('step_since', big)
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('tries', 'integer', (column) => column.notNull())
      .addColumn('reason', 'text')
      .addColumn('error', 'text')
      .addColumn('cancelled', 'text')
      .addColumn('input', 'text', (column) => column.notNull())
      .addColumn('next_input', 'text')
      .addColumn('context', 'text', (column) => column.notNull())
      .addColumn('done', 'text', (column) => column.notNull())
      .addColumn('deadline_seconds', 'integer', (column) => column.notNull())
      .addColumn('deadline_at', big, (column) => column.notNull())
      .addColumn('log_seq', 'integer', (column) => column.notNull())
      .addColumn('nudges', 'integer', (column) => column.notNull())
      .addColumn('slips', 'integer', (column) => column.notNull())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('owner', 'text')
      .addColumn('due_at', big)
      .addColumn('created_at', big, (column) => column.notNull())
      .addColumn('started_at', big)
      .addColumn('updated_at', big, (column) => column.notNull())
      .addColumn('ended_at', big)
      .execute()
    for (const statement of [
      sql`create unique index tasks_holds on tasks (holds) where holds is not null`,
      sql`create unique index tasks_waits_for on tasks (waits_for) where waits_for is not null`,
      sql`create index tasks_due on tasks (due_at) where due_at is not null`,
      sql`create index tasks_owned on tasks (owner) where owner is not null`,
      sql`create index tasks_live on tasks (created_at) where ended_at is null`,
      sql`create index tasks_ended on tasks (ended_at) where ended_at is not null`,
      sql`create index tasks_resource on tasks (resource_type, resource_id, created_at)`,
      sql`create index tasks_created on tasks (created_at)`,
    ]) {
      await statement.execute(db)
    }
    await db.schema
      .createTable('task_log')
      .addColumn('task_id', 'text', (column) => column.notNull())
      .addColumn('seq', 'integer', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('step', 'text', (column) => column.notNull())
      .addColumn('direction', 'text', (column) => column.notNull())
      .addColumn('started_at', big, (column) => column.notNull())
      .addColumn('ended_at', big, (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('tries', 'integer', (column) => column.notNull())
      .addColumn('error', 'text')
      .addPrimaryKeyConstraint('task_log_pk', ['task_id', 'seq'])
      .execute()
    await db.schema
      .createTable('task_leaders')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('owner', 'text', (column) => column.notNull())
      .addColumn('until', big, (column) => column.notNull())
      .execute()
  },
}

const step0002: SchemaStep = {
  name: '0002-give-up',
  async up(db) {
    await db.schema.alterTable('tasks').addColumn('give_up_at', 'bigint').execute()
  },
}

export const taskSchema: ServiceSchema = { service: 'tasks', steps: [step0001, step0002] }
