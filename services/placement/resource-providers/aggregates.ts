// The aggregates that a provider is in. An aggregate is only its id: it exists while somebody is in it.
import { inParts, type Placement, tables } from '../placement.ts'
import { lockProvider, raiseGenerations } from './store.ts'

export async function aggregatesOf(placement: Placement, id: string): Promise<string[]> {
  const rows = await tables(placement)
    .selectFrom('placement_provider_aggregates')
    .select('aggregate_id')
    .where('provider_id', '=', id)
    .orderBy('aggregate_id')
    .execute()
  return rows.map(({ aggregate_id }) => aggregate_id)
}

/** Replaces the aggregates; returns the generation after it. The same again writes nothing. */
export function setAggregates(
  placement: Placement,
  id: string,
  aggregates: readonly string[],
  generation?: number,
): Promise<number> {
  return placement.store.transaction(async () => {
    const provider = await lockProvider(placement, id, generation)
    const wanted = new Set(aggregates)
    const present = new Set(await aggregatesOf(placement, id))
    if (wanted.symmetricDifference(present).size === 0) return provider.generation
    const db = tables(placement)
    const rows = [...wanted.difference(present)].map((aggregate_id) => ({ provider_id: id, aggregate_id }))
    await inParts([...present.difference(wanted)], (part) =>
      db
        .deleteFrom('placement_provider_aggregates')
        .where('provider_id', '=', id)
        .where('aggregate_id', 'in', part)
        .execute(),
    )
    if (rows.length > 0) await db.insertInto('placement_provider_aggregates').values(rows).execute()
    await raiseGenerations(placement, [id])
    return provider.generation + 1
  })
}
