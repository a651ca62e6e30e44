// The SQL on flavors.
import type { RequestContext } from '@kilonova/base/context'
import { isDuplicate } from '@kilonova/store/store'
import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ComputeTables, FlavorRow } from '../schema/tables.ts'

/** Whether the flavor of the query was shared with the project. */
export function isSharedWith(
  eb: ExpressionBuilder<ComputeTables, 'compute_flavors'>,
  projectId: string | null,
): Expression<SqlBool> {
  return eb.exists(
    eb
      .selectFrom('compute_flavor_access')
      .select('flavor_id')
      .whereRef('compute_flavor_access.flavor_id', '=', 'compute_flavors.id')
      .where('project_id', '=', projectId ?? ''),
  )
}

/** The flavor that the caller may see; a private one only with access. */
export async function findFlavor(
  compute: Compute,
  context: RequestContext,
  id: string,
): Promise<FlavorRow | undefined> {
  let query = tables(compute).selectFrom('compute_flavors').selectAll().where('id', '=', id)
  if (!context.isAdmin) {
    query = query.where((eb) => eb.or([eb('is_public', '=', 1), isSharedWith(eb, context.projectId)]))
  }
  return query.executeTakeFirst()
}

/** As findFlavor; throws FlavorNotFound. */
export async function getFlavor(compute: Compute, context: RequestContext, id: string): Promise<FlavorRow> {
  const row = await findFlavor(compute, context, id)
  if (!row) throw fault('FlavorNotFound', { id })
  return row
}

/** Throws FlavorIdExists or FlavorNameExists. */
export async function insertFlavor(compute: Compute, row: FlavorRow): Promise<void> {
  const insert = tables(compute).insertInto('compute_flavors').values(row)
  const { numInsertedOrUpdatedRows: inserted } = await insert
    .onConflict((taken) => taken.doNothing()) // an error would end the transaction on PostgreSQL
    .executeTakeFirstOrThrow()
  if (Number(inserted) > 0) return
  const sameId = await tables(compute)
    .selectFrom('compute_flavors')
    .select('id')
    .where('id', '=', row.id)
    .executeTakeFirst()
  throw sameId ? fault('FlavorIdExists', { id: row.id }) : fault('FlavorNameExists', { name: row.name })
}

/** Undefined when there is no such flavor. */
export function describeFlavor(
  compute: Compute,
  id: string,
  description: string | null,
): Promise<FlavorRow | undefined> {
  return tables(compute)
    .updateTable('compute_flavors')
    .set({ description })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
}

/** The flavor with its extra specs and access list; servers keep what they were made of. False when there is none. */
export function removeFlavor(compute: Compute, id: string): Promise<boolean> {
  return compute.store.transaction(async () => {
    const db = tables(compute)
    const removed = await db.deleteFrom('compute_flavors').where('id', '=', id).returning('id').executeTakeFirst()
    await db.deleteFrom('compute_flavor_extra_specs').where('flavor_id', '=', id).execute()
    await db.deleteFrom('compute_flavor_access').where('flavor_id', '=', id).execute()
    return removed !== undefined
  })
}

/** The extra specs of these flavors, by flavor id. */
export async function extraSpecsOf(
  compute: Compute,
  ids: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const specs = new Map<string, Record<string, string>>(ids.map((id) => [id, {}]))
  if (ids.length === 0) return specs
  const rows = await tables(compute)
    .selectFrom('compute_flavor_extra_specs')
    .selectAll()
    .where('flavor_id', 'in', ids)
    .orderBy('key')
    .execute()
  for (const { flavor_id, key, value } of rows) specs.get(flavor_id)![key] = value
  return specs
}

/** Adds extra specs, over those of the same key. */
export async function setExtraSpecs(compute: Compute, id: string, specs: Record<string, string>): Promise<void> {
  const rows = Object.entries(specs).map(([key, value]) => ({ flavor_id: id, key, value }))
  if (rows.length === 0) return
  await tables(compute)
    .insertInto('compute_flavor_extra_specs')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['flavor_id', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
    )
    .execute()
}

/** False when the flavor has no such key. */
export async function removeExtraSpec(compute: Compute, id: string, key: string): Promise<boolean> {
  const removed = await tables(compute)
    .deleteFrom('compute_flavor_extra_specs')
    .where('flavor_id', '=', id)
    .where('key', '=', key)
    .returning('key')
    .executeTakeFirst()
  return removed !== undefined
}

/** The projects that a private flavor is shared with. */
export async function projectsWithAccess(compute: Compute, id: string): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_flavor_access')
    .select('project_id')
    .where('flavor_id', '=', id)
    .orderBy('project_id')
    .execute()
  return rows.map((row) => row.project_id)
}

/** Throws FlavorAccessExists. */
export async function insertAccess(compute: Compute, id: string, projectId: string): Promise<void> {
  try {
    await tables(compute).insertInto('compute_flavor_access').values({ flavor_id: id, project_id: projectId }).execute()
  } catch (error) {
    if (isDuplicate(error)) throw fault('FlavorAccessExists', { id, projectId }, error)
    throw error
  }
}

/** Throws FlavorAccessNotFound. */
export async function removeAccess(compute: Compute, id: string, projectId: string): Promise<void> {
  const removed = await tables(compute)
    .deleteFrom('compute_flavor_access')
    .where('flavor_id', '=', id)
    .where('project_id', '=', projectId)
    .returning('project_id')
    .executeTakeFirst()
  if (!removed) throw fault('FlavorAccessNotFound', { id, projectId })
}
