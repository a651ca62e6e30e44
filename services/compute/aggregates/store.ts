// The SQL on aggregates.
import { isDuplicate } from '@kilonova/store/store'
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { AggregateRow } from '../schema/tables.ts'

type Stored = Pick<Compute, 'store'>

export interface Aggregate extends AggregateRow {
  hosts: string[]
  metadata: Record<string, string>
}

/** The key whose value is the zone of the aggregate's hosts. */
export const ZONE_KEY = 'availability_zone'

/** All of them, in the order in which they were made; three statements. */
export async function listAggregates(compute: Stored): Promise<Aggregate[]> {
  const db = tables(compute)
  const rows = await db.selectFrom('compute_aggregates').selectAll().orderBy('id').execute()
  if (rows.length === 0) return []
  const hosts = await db.selectFrom('compute_aggregate_hosts').selectAll().orderBy('host').execute()
  const metadata = await db.selectFrom('compute_aggregate_metadata').selectAll().orderBy('key').execute()
  const byId = new Map(rows.map((row) => [row.id, { ...row, hosts: [], metadata: {} } as Aggregate]))
  for (const { aggregate_id, host } of hosts) byId.get(aggregate_id)?.hosts.push(host)
  for (const { aggregate_id, key, value } of metadata) {
    const aggregate = byId.get(aggregate_id)
    if (aggregate) aggregate.metadata[key] = value
  }
  return [...byId.values()]
}

/** Throws AggregateNotFound. */
export async function getAggregate(compute: Stored, id: number): Promise<Aggregate> {
  const aggregate = await findAggregate(compute, id)
  if (!aggregate) throw fault('AggregateNotFound', { id: String(id) })
  return aggregate
}

export async function findAggregate(compute: Stored, id: number): Promise<Aggregate | undefined> {
  const db = tables(compute)
  const row = await db.selectFrom('compute_aggregates').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) return undefined
  const hosts = await db
    .selectFrom('compute_aggregate_hosts')
    .select('host')
    .where('aggregate_id', '=', id)
    .orderBy('host')
    .execute()
  const metadata = await db
    .selectFrom('compute_aggregate_metadata')
    .select(['key', 'value'])
    .where('aggregate_id', '=', id)
    .orderBy('key')
    .execute()
  return {
    ...row,
    hosts: hosts.map(({ host }) => host),
    metadata: Object.fromEntries(metadata.map(({ key, value }) => [key, value])),
  }
}

/** Throws AggregateNameExists. Inside a transaction. */
export async function insertAggregate(compute: Compute, made: Pick<AggregateRow, 'uuid' | 'name'>): Promise<number> {
  const { uuid, name } = made
  await refuseTakenName(compute, name)
  const id = await nextNumber(compute, 'aggregate')
  const row = { id, uuid, name, created_at: compute.clock.now(), updated_at: null }
  await named(name, tables(compute).insertInto('compute_aggregates').values(row))
  return id
}

/** Throws AggregateNameExists. Inside a transaction. */
export async function renameAggregate(compute: Stored, id: number, name: string): Promise<void> {
  await refuseTakenName(compute, name, id)
  await named(name, tables(compute).updateTable('compute_aggregates').set({ name }).where('id', '=', id))
}

export async function touchAggregate(compute: Compute, id: number): Promise<void> {
  const updated_at = compute.clock.now()
  await tables(compute).updateTable('compute_aggregates').set({ updated_at }).where('id', '=', id).execute()
}

async function refuseTakenName(compute: Stored, name: string, own?: number): Promise<void> {
  const row = await tables(compute)
    .selectFrom('compute_aggregates')
    .select('id')
    .where('name', '=', name)
    .executeTakeFirst()
  if (row && row.id !== own) throw fault('AggregateNameExists', { name })
}

async function named(name: string, statement: { execute(): Promise<unknown> }): Promise<void> {
  try {
    await statement.execute()
  } catch (error) {
    if (isDuplicate(error)) throw fault('AggregateNameExists', { name }, error)
    throw error
  }
}

/** The aggregate with its metadata. Inside a transaction. */
export async function removeAggregate(compute: Stored, id: number): Promise<void> {
  const db = tables(compute)
  await db.deleteFrom('compute_aggregates').where('id', '=', id).execute()
  await db.deleteFrom('compute_aggregate_hosts').where('aggregate_id', '=', id).execute()
  await db.deleteFrom('compute_aggregate_metadata').where('aggregate_id', '=', id).execute()
}

/** Sets these keys over those that are there; null takes a key away. Inside a transaction. */
export async function mergeMetadata(
  compute: Stored,
  id: number,
  metadata: Record<string, string | null>,
): Promise<void> {
  const keys = Object.keys(metadata)
  if (keys.length === 0) return
  const db = tables(compute)
  await db.deleteFrom('compute_aggregate_metadata').where('aggregate_id', '=', id).where('key', 'in', keys).execute()
  const rows = Object.entries(metadata).flatMap(([key, value]) =>
    value === null ? [] : [{ aggregate_id: id, key, value }],
  )
  if (rows.length > 0) await db.insertInto('compute_aggregate_metadata').values(rows).execute()
}

export async function insertHost(compute: Stored, id: number, host: string): Promise<void> {
  await tables(compute).insertInto('compute_aggregate_hosts').values({ aggregate_id: id, host }).execute()
}

export async function removeHostRow(compute: Stored, id: number, host: string): Promise<void> {
  await tables(compute)
    .deleteFrom('compute_aggregate_hosts')
    .where('aggregate_id', '=', id)
    .where('host', '=', host)
    .execute()
}
