// Resource providers: found, locked for a change, and changed.
import { fault } from '../faults.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import type { ResourceProviderRow } from '../schema/tables.ts'

export function findProvider(placement: Placement, id: string): Promise<ResourceProviderRow | undefined> {
  return tables(placement)
    .selectFrom('placement_resource_providers')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Throws ResourceProviderNotFound. */
export async function providerOf(placement: Placement, id: string): Promise<ResourceProviderRow> {
  const row = await findProvider(placement, id)
  if (!row) throw fault('ResourceProviderNotFound', { provider: id })
  return row
}

/**
 * The providers, by id, with the right to change what they have and who uses it until the transaction ends.
 * Whoever changes inventories, traits, aggregates or allocations takes it first.
 */
export async function lockProviders(
  placement: Placement,
  ids: readonly string[],
): Promise<Map<string, ResourceProviderRow>> {
  const rows = await inParts([...new Set(ids)].toSorted(), (part) =>
    tables(placement)
      .selectFrom('placement_resource_providers')
      .selectAll()
      .where('id', 'in', part)
      .orderBy('id')
      .$if(placement.store.kind === 'postgres', (query) => query.forNoKeyUpdate())
      .execute(),
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/** One provider as lockProviders gives it, at the expected generation if one is given. */
export async function lockProvider(
  placement: Placement,
  id: string,
  generation?: number,
): Promise<ResourceProviderRow> {
  const row = (await lockProviders(placement, [id])).get(id)
  if (!row) throw fault('ResourceProviderNotFound', { provider: id })
  if (generation !== undefined && generation !== row.generation) {
    throw fault('ProviderGenerationConflict', { provider: id, expected: generation, found: row.generation })
  }
  return row
}

/** Counts a change of the locked providers. */
export async function raiseGenerations(placement: Placement, ids: readonly string[]): Promise<void> {
  await inParts(ids, (part) =>
    tables(placement)
      .updateTable('placement_resource_providers')
      .set((eb) => ({ generation: eb('generation', '+', 1), updated_at: placement.clock.now() }))
      .where('id', 'in', part)
      .execute(),
  )
}

export interface NewProvider {
  id: string
  name: string
  parentId: string | null
}

/** Throws ResourceProviderExists or ParentNotFound. */
export function createProvider(placement: Placement, { id, name, parentId }: NewProvider): Promise<void> {
  return placement.store.transaction(async () => {
    await placement.store.lock(TREES)
    const parent = parentId === null ? undefined : await parentOf(placement, parentId)
    const now = placement.clock.now()
    const times = { created_at: now, updated_at: now }
    const place = { parent_id: parentId, root_id: parent?.root_id ?? id }
    if (await findProvider(placement, id)) throw fault('ResourceProviderExists', { what: 'uuid', value: id })
    await uniquelyNamed(placement, id, name)
    await tables(placement)
      .insertInto('placement_resource_providers')
      .values({ id, name, generation: 0, ...place, ...times })
      .execute()
  })
}

export interface ProviderChange {
  name: string
  /** Undefined: stays. */
  parentId?: string | null | undefined
  /** Whether a provider that has a parent may get another. */
  mayReparent: boolean
}

export function updateProvider(placement: Placement, id: string, change: ProviderChange): Promise<void> {
  return placement.store.transaction(async () => {
    await placement.store.lock(TREES)
    const row = await lockProvider(placement, id)
    if (change.name !== row.name) await rename(placement, id, change.name)
    const { parentId = row.parent_id } = change
    if (parentId === row.parent_id) return
    if (row.parent_id !== null && !change.mayReparent) throw fault('ParentFixed', { provider: id })
    await moveTree(placement, row, parentId)
  })
}

// One change of the shape of trees, or of names, at a time.
const TREES = 'placement.trees'

async function rename(placement: Placement, id: string, name: string): Promise<void> {
  await uniquelyNamed(placement, id, name)
  await tables(placement)
    .updateTable('placement_resource_providers')
    .set({ name, updated_at: placement.clock.now() })
    .where('id', '=', id)
    .execute()
}

async function uniquelyNamed(placement: Placement, id: string, name: string): Promise<void> {
  const other = await tables(placement)
    .selectFrom('placement_resource_providers')
    .select('id')
    .where('name', '=', name)
    .where('id', '!=', id)
    .executeTakeFirst()
  if (other) throw fault('ResourceProviderExists', { what: 'name', value: name })
}

async function parentOf(placement: Placement, id: string): Promise<ResourceProviderRow> {
  const parent = await findProvider(placement, id)
  if (!parent) throw fault('ParentNotFound', { provider: id })
  return parent
}

/** Puts a provider and all below it under another parent, or makes it the root of a tree. */
async function moveTree(placement: Placement, row: ResourceProviderRow, parentId: string | null): Promise<void> {
  const moved = await subtreeOf(placement, row)
  if (parentId !== null && moved.includes(parentId)) throw fault('ParentLoop', { provider: row.id })
  const root = parentId === null ? row.id : (await parentOf(placement, parentId)).root_id
  const updated_at = placement.clock.now()
  const update = () => tables(placement).updateTable('placement_resource_providers')
  await inParts(moved, (part) => update().set({ root_id: root, updated_at }).where('id', 'in', part).execute())
  await update().set({ parent_id: parentId }).where('id', '=', row.id).execute()
}

async function subtreeOf(placement: Placement, { id, root_id }: ResourceProviderRow): Promise<string[]> {
  const tree = await tables(placement)
    .selectFrom('placement_resource_providers')
    .select(['id', 'parent_id'])
    .where('root_id', '=', root_id)
    .execute()
  const below = Map.groupBy(tree, ({ parent_id }) => parent_id)
  const found = [id]
  for (const at of found) found.push(...(below.get(at) ?? []).map((child) => child.id))
  return found
}

/** Gone with its inventories, traits and aggregates. False if there was none. */
export function deleteProvider(placement: Placement, id: string): Promise<boolean> {
  return placement.store.transaction(async () => {
    await placement.store.lock(TREES)
    const row = (await lockProviders(placement, [id])).get(id)
    if (!row) return false
    await refuseWhileInUse(placement, id)
    const db = tables(placement)
    await db.deleteFrom('placement_inventories').where('provider_id', '=', id).execute()
    await db.deleteFrom('placement_provider_traits').where('provider_id', '=', id).execute()
    await db.deleteFrom('placement_provider_aggregates').where('provider_id', '=', id).execute()
    await db.deleteFrom('placement_resource_providers').where('id', '=', id).execute()
    return true
  })
}

async function refuseWhileInUse(placement: Placement, id: string): Promise<void> {
  const db = tables(placement)
  const child = await db
    .selectFrom('placement_resource_providers')
    .select('id')
    .where('parent_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  if (child) throw fault('CannotDeleteParent', { provider: id })
  const allocation = await db
    .selectFrom('placement_allocations')
    .select('consumer_id')
    .where('provider_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  if (allocation) throw fault('ResourceProviderInUse', { provider: id })
}
