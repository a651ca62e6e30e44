// The traits that a provider has.
import { inParts, type Placement, tables } from '../placement.ts'
import { lockProvider, raiseGenerations } from './store.ts'

/** By provider, in alphabetical order; providers without traits are left out. */
export async function traitsOf(placement: Placement, ids: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await inParts(ids, (part) =>
    tables(placement)
      .selectFrom('placement_provider_traits')
      .selectAll()
      .where('provider_id', 'in', part)
      .orderBy('trait')
      .execute(),
  )
  const byProvider = Map.groupBy(rows, ({ provider_id }) => provider_id)
  return new Map([...byProvider].map(([id, traits]) => [id, traits.map(({ trait }) => trait)]))
}

/** Replaces the traits, which must exist; returns the generation after it. The same again writes nothing. */
export function setTraits(
  placement: Placement,
  id: string,
  traits: readonly string[],
  generation?: number,
): Promise<number> {
  return placement.store.transaction(async () => {
    const provider = await lockProvider(placement, id, generation)
    const wanted = new Set(traits)
    const present = new Set((await traitsOf(placement, [id])).get(id))
    if (wanted.symmetricDifference(present).size === 0) return provider.generation
    const db = tables(placement)
    const rows = [...wanted.difference(present)].map((trait) => ({ provider_id: id, trait }))
    await inParts([...present.difference(wanted)], (part) =>
      db.deleteFrom('placement_provider_traits').where('provider_id', '=', id).where('trait', 'in', part).execute(),
    )
    if (rows.length > 0) await db.insertInto('placement_provider_traits').values(rows).execute()
    await raiseGenerations(placement, [id])
    return provider.generation + 1
  })
}
