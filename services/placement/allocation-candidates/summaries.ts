// Providers in short: capacity, what is used of it, traits and place in the tree.
import { capacityOf } from '../capacity.ts'
import type { ProviderSummary } from '../client.ts'
import { inventoriesOf } from '../inventories/store.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { traitsOf } from '../resource-providers/provider-traits.ts'

/** By provider; unknown ones are left out. */
export async function summariesOf(placement: Placement, ids: readonly string[]): Promise<Map<string, ProviderSummary>> {
  const rows = await inParts(ids, (part) =>
    tables(placement).selectFrom('placement_resource_providers').selectAll().where('id', 'in', part).execute(),
  )
  const traits = await traitsOf(placement, ids)
  const inventories = Map.groupBy(await inventoriesOf(placement, ids), ({ provider_id }) => provider_id)
  const summaries = rows.map(({ id, parent_id, root_id }): [string, ProviderSummary] => {
    const resources = (inventories.get(id) ?? []).map((row) => [
      row.resource_class,
      { capacity: capacityOf(row), used: row.used },
    ])
    return [
      id,
      {
        resources: Object.fromEntries(resources),
        traits: traits.get(id) ?? [],
        parentId: parent_id,
        rootId: root_id,
      },
    ]
  })
  return new Map(summaries)
}

/** The ids of all providers in the trees with these roots. */
export async function providersOfTrees(placement: Placement, rootIds: readonly string[]): Promise<string[]> {
  const rows = await inParts(rootIds, (part) =>
    tables(placement).selectFrom('placement_resource_providers').select('id').where('root_id', 'in', part).execute(),
  )
  return rows.map(({ id }) => id)
}
