// Custom traits; the standard ones always exist.
import { isCustomName } from '../custom-name.ts'
import { fault } from '../faults.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { STANDARD_TRAITS } from './standard-traits.ts'

const standard = new Set(STANDARD_TRAITS)

export const isStandardTrait = (name: string): boolean => standard.has(name)

export async function customTraits(placement: Placement): Promise<string[]> {
  const rows = await tables(placement).selectFrom('placement_traits').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}

/** The traits that some provider has. */
export async function associatedTraits(placement: Placement): Promise<Set<string>> {
  const rows = await tables(placement).selectFrom('placement_provider_traits').select('trait').distinct().execute()
  return new Set(rows.map(({ trait }) => trait))
}

/** Those of the names that are no trait. */
export async function unknownTraits(placement: Placement, names: readonly string[]): Promise<string[]> {
  const asked = [...new Set(names)].filter((name) => !standard.has(name))
  const rows = await inParts(asked, (part) =>
    tables(placement).selectFrom('placement_traits').select('name').where('name', 'in', part).execute(),
  )
  const known = new Set(rows.map(({ name }) => name))
  return asked.filter((name) => !known.has(name))
}

/** Throws TraitsUnknown. */
export async function requireTraits(placement: Placement, names: readonly string[]): Promise<void> {
  const unknown = await unknownTraits(placement, names)
  if (unknown.length > 0) throw fault('TraitsUnknown', { names: unknown })
}

/** Makes the trait; false if it was there. */
export async function createTrait(placement: Placement, name: string): Promise<boolean> {
  if (!isCustomName(name)) throw fault('CustomNameInvalid', { name })
  const { numInsertedOrUpdatedRows } = await tables(placement)
    .insertInto('placement_traits')
    .values({ name, created_at: placement.clock.now() })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** Makes the custom ones that are missing. Throws TraitsUnknown for others. */
export async function ensureTraits(placement: Placement, names: readonly string[]): Promise<void> {
  const unknown = await unknownTraits(placement, names)
  const wrong = unknown.filter((name) => !isCustomName(name))
  if (wrong.length > 0) throw fault('TraitsUnknown', { names: wrong })
  for (const name of unknown) await createTrait(placement, name)
}

export function deleteTrait(placement: Placement, name: string): Promise<void> {
  return placement.store.transaction(async () => {
    if (isStandardTrait(name)) throw fault('TraitStandard', { name })
    const used = await tables(placement)
      .selectFrom('placement_provider_traits')
      .select('provider_id')
      .where('trait', '=', name)
      .limit(1)
      .executeTakeFirst()
    if (used) throw fault('TraitInUse', { name })
    const { numDeletedRows } = await tables(placement)
      .deleteFrom('placement_traits')
      .where('name', '=', name)
      .executeTakeFirst()
    if (numDeletedRows === 0n) throw fault('TraitNotFound', { name })
  })
}
