// Schema steps: each service lists its own, oldest first. A step only adds (tables, nullable columns, indexes),
// runs in one transaction with the record that it ran, and so can be interrupted and repeated.
import { systemClock } from '@kilonova/base/clock'
import type { Kysely } from 'kysely'
import type { Store, StoreKind } from './store.ts'

export interface SchemaStep {
  /** `0001-servers`; steps of a service run in the order of their list. */
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
  up(db: Kysely<any>, kind: StoreKind): Promise<void>
}

export interface ServiceSchema {
  readonly service: string
  readonly steps: readonly SchemaStep[]
}

interface Tables {
  schema_steps: { service: string; name: string; applied_at: number }
}

async function appliedSteps(store: Store): Promise<Set<string>> {
  const db = store.as<Tables>()
  await db.schema
    .createTable('schema_steps')
    .ifNotExists()
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('schema_steps_pk', ['service', 'name'])
    .execute()
  const rows = await db.selectFrom('schema_steps').select(['service', 'name']).execute()
  return new Set(rows.map((row) => `${row.service}/${row.name}`))
}

/** Runs the steps that have not run yet. Returns their names. */
export async function syncSchema(store: Store, schemas: readonly ServiceSchema[]): Promise<string[]> {
  const applied = await appliedSteps(store)
  const ran: string[] = []
  for (const { service, steps } of schemas) {
    for (const step of steps) {
      if (applied.has(`${service}/${step.name}`)) continue
      await store.transaction(async () => {
        await step.up(store.as(), store.kind)
        const row = { service, name: step.name, applied_at: systemClock.now() }
        await store.as<Tables>().insertInto('schema_steps').values(row).execute()
      })
      ran.push(`${service}/${step.name}`)
    }
  }
  return ran
}

/** The newest applied step of each service, and the steps that a sync would run. */
export async function schemaVersion(
  store: Store,
  schemas: readonly ServiceSchema[],
): Promise<{ versions: Record<string, string>; pending: string[] }> {
  const applied = await appliedSteps(store)
  const versions: Record<string, string> = {}
  const pending: string[] = []
  for (const { service, steps } of schemas) {
    for (const { name } of steps) {
      if (applied.has(`${service}/${name}`)) versions[service] = name
      else pending.push(`${service}/${name}`)
    }
  }
  return { versions, pending }
}
