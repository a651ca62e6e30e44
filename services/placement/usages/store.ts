// What is used: of providers, from the counters in their inventories.
import type { Amounts } from '../client.ts'
import { inventoriesOf } from '../inventories/store.ts'
import type { Placement } from '../placement.ts'

/** By resource class of the provider's inventories, zero for unused ones. */
export async function usagesOfProvider(placement: Placement, id: string): Promise<Amounts> {
  const rows = await inventoriesOf(placement, [id])
  return Object.fromEntries(rows.map(({ resource_class, used }) => [resource_class, used]))
}
