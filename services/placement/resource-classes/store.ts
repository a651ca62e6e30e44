// Custom resource classes; the standard ones always exist.
import { isCustomName } from '../custom-name.ts'
import { fault } from '../faults.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { STANDARD_RESOURCE_CLASSES } from './standard-resource-classes.ts'

const standard = new Set(STANDARD_RESOURCE_CLASSES)

export const isStandardClass = (name: string): boolean => standard.has(name)

export async function customClasses(placement: Placement): Promise<string[]> {
  const rows = await tables(placement)
    .selectFrom('placement_resource_classes')
    .select('name')
    .orderBy('created_at')
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name)
}

export async function classExists(placement: Placement, name: string): Promise<boolean> {
  return (await unknownClasses(placement, [name])).length === 0
}

/** Those of the names that are no resource class. */
export async function unknownClasses(placement: Placement, names: readonly string[]): Promise<string[]> {
  const asked = [...new Set(names)].filter((name) => !standard.has(name))
  const rows = await inParts(asked, (part) =>
    tables(placement).selectFrom('placement_resource_classes').select('name').where('name', 'in', part).execute(),
  )
  const known = new Set(rows.map(({ name }) => name))
  return asked.filter((name) => !known.has(name))
}

/** Throws ResourceClassUnknown. */
export async function requireClasses(placement: Placement, names: readonly string[]): Promise<void> {
  const unknown = await unknownClasses(placement, names)
  if (unknown.length > 0) throw fault('ResourceClassUnknown', { names: unknown })
}

/** Makes the class; false if it was there. */
export async function createClass(placement: Placement, name: string): Promise<boolean> {
  if (!isCustomName(name)) throw fault('CustomNameInvalid', { name })
  const { numInsertedOrUpdatedRows } = await tables(placement)
    .insertInto('placement_resource_classes')
    .values({ name, created_at: placement.clock.now() })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** Makes the custom ones that are missing. Throws ResourceClassUnknown for others. */
export async function ensureClasses(placement: Placement, names: readonly string[]): Promise<void> {
  const unknown = await unknownClasses(placement, names)
  const wrong = unknown.filter((name) => !isCustomName(name))
  if (wrong.length > 0) throw fault('ResourceClassUnknown', { names: wrong })
  for (const name of unknown) await createClass(placement, name)
}

export function deleteClass(placement: Placement, name: string): Promise<void> {
  return placement.store.transaction(async () => {
    if (isStandardClass(name)) throw fault('ResourceClassStandard', { name })
    const used = await tables(placement)
      .selectFrom('placement_inventories')
      .select('provider_id')
      .where('resource_class', '=', name)
      .limit(1)
      .executeTakeFirst()
    if (used) throw fault('ResourceClassInUse', { name })
    const { numDeletedRows } = await tables(placement)
      .deleteFrom('placement_resource_classes')
      .where('name', '=', name)
      .executeTakeFirst()
    if (numDeletedRows === 0n) throw fault('ResourceClassNotFound', { name })
  })
}

/** The class under another name, wherever it is used. */
export function renameClass(placement: Placement, name: string, newName: string): Promise<void> {
  return placement.store.transaction(async () => {
    if (isStandardClass(name)) throw fault('ResourceClassStandard', { name })
    if (!(await classExists(placement, name))) throw fault('ResourceClassNotFound', { name })
    if (newName === name) return
    if (!(await createClass(placement, newName))) throw fault('ResourceClassExists', { name: newName })
    const db = tables(placement)
    const renamed = { resource_class: newName }
    await db.updateTable('placement_inventories').set(renamed).where('resource_class', '=', name).execute()
    await db.updateTable('placement_allocations').set(renamed).where('resource_class', '=', name).execute()
    await db.deleteFrom('placement_resource_classes').where('name', '=', name).execute()
  })
}
