// Schema steps: each service lists its own, oldest first. A step adds (tables, nullable columns, indexes); one that takes
// away says so. It runs in one transaction with the record that it ran, and so can be interrupted and repeated.
import { systemClock } from '@kilonova/base/clock'
import type { Kysely } from 'kysely'
import { fault } from './faults.ts'
import type { Store, StoreKind } from './store.ts'

export interface SchemaStep {
  /** `0001-servers`; steps of a service run in the order of their list. */
  readonly name: string
  /**
   * It takes away what older code uses, so that such code refuses to start from then on. Only for what no code of the
   * version before reads or writes any more.
   */
  readonly contracts?: true
  // biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
  up(db: Kysely<any>, kind: StoreKind): Promise<void>
}

export interface ServiceSchema {
  readonly service: string
  readonly steps: readonly SchemaStep[]
}

interface Tables {
  schema_steps: { service: string; name: string; applied_at: number }
  /** Those of the steps above that take away. */
  schema_contracts: { service: string; name: string }
}

/** Processes that start at once make the tables one after the other. */
const LOCK = 'schema'

function makeTables(store: Store): Promise<void> {
  return store.transaction(async () => {
    await store.lock(LOCK)
    const { schema } = store.as<Tables>()
    await schema
      .createTable('schema_steps')
      .ifNotExists()
      .addColumn('service', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('applied_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('schema_steps_pk', ['service', 'name'])
      .execute()
    await schema
      .createTable('schema_contracts')
      .ifNotExists()
      .addColumn('service', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('schema_contracts_pk', ['service', 'name'])
      .execute()
  })
}

const nameOf = ({ service, name }: { service: string; name: string }): string => `${service}/${name}`

async function namesIn(store: Store, table: keyof Tables): Promise<Set<string>> {
  const rows = await store.as<Tables>().selectFrom(table).select(['service', 'name']).execute()
  return new Set(rows.map(nameOf))
}

/** Runs the steps that have not run yet; `tell` hears of each when it is done. Returns their names. Throws SchemaContracted. */
export async function syncSchema(
  store: Store,
  schemas: readonly ServiceSchema[],
  tell: (name: string) => void = () => undefined,
): Promise<string[]> {
  await makeTables(store)
  await refuseContracted(store, schemas)
  const applied = await namesIn(store, 'schema_steps')
  const ran: string[] = []
  for (const { service, steps } of schemas) {
    for (const step of steps) {
      const name = nameOf({ service, name: step.name })
      if (applied.has(name) || !(await runStep(store, service, step))) continue
      ran.push(name)
      tell(name)
    }
  }
  return ran
}

/** False when another process ran it meanwhile. */
function runStep(store: Store, service: string, { name, contracts, up }: SchemaStep): Promise<boolean> {
  return store.transaction(async () => {
    await store.lock(LOCK)
    if ((await namesIn(store, 'schema_steps')).has(nameOf({ service, name }))) return false
    await up(store.as(), store.kind)
    const db = store.as<Tables>()
    await db.insertInto('schema_steps').values({ service, name, applied_at: systemClock.now() }).execute()
    if (contracts) await db.insertInto('schema_contracts').values({ service, name }).execute()
    return true
  })
}

/** Newer code has taken away what this code may use. */
async function refuseContracted(store: Store, schemas: readonly ServiceSchema[]): Promise<void> {
  const steps = unknownOf(await namesIn(store, 'schema_contracts'), schemas)
  if (steps.length > 0) throw fault('SchemaContracted', { steps })
}

/** Of the names, those of these services' steps that their lists lack. */
function unknownOf(names: ReadonlySet<string>, schemas: readonly ServiceSchema[]): string[] {
  const known = new Set(schemas.flatMap(({ service, steps }) => steps.map(({ name }) => nameOf({ service, name }))))
  const ours = schemas.map(({ service }) => `${service}/`)
  return [...names].filter((name) => !known.has(name) && ours.some((start) => name.startsWith(start))).sort()
}

export interface SchemaVersion {
  /** The newest applied step of each service, of those that this code knows. */
  versions: Record<string, string>
  /** What a sync would run. */
  pending: string[]
  /** What newer code has run. */
  newer: string[]
}

/** Throws SchemaContracted. */
export async function schemaVersion(store: Store, schemas: readonly ServiceSchema[]): Promise<SchemaVersion> {
  await makeTables(store)
  await refuseContracted(store, schemas)
  const applied = await namesIn(store, 'schema_steps')
  const versions: Record<string, string> = {}
  const pending: string[] = []
  for (const { service, steps } of schemas) {
    for (const { name } of steps) {
      if (applied.has(nameOf({ service, name }))) versions[service] = name
      else pending.push(nameOf({ service, name }))
    }
  }
  return { versions, pending, newer: unknownOf(applied, schemas) }
}
