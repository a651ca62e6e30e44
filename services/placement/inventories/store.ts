// What providers have: read and replaced. What is used of it is counted by the allocations.
import { fault } from '../faults.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { lockProvider, raiseGenerations } from '../resource-providers/store.ts'
import type { InventoryRow } from '../schema/tables.ts'

/** How much of a class there is and how it may be handed out. */
export type Inventory = Omit<InventoryRow, 'provider_id' | 'resource_class' | 'used'>
/** By resource class. */
export type Inventories = Record<string, Inventory>

export const MAX_UNIT = 2_147_483_647

export const inventoryDefaults = {
  reserved: 0,
  min_unit: 1,
  max_unit: MAX_UNIT,
  step_size: 1,
  allocation_ratio: 1,
} as const satisfies Partial<Inventory>

export function inventoriesOf(placement: Placement, ids: readonly string[]): Promise<InventoryRow[]> {
  return inParts(ids, (part) =>
    tables(placement)
      .selectFrom('placement_inventories')
      .selectAll()
      .where('provider_id', 'in', part)
      .orderBy('resource_class')
      .execute(),
  )
}

/** Replaces all inventories of a provider; returns the generation after it. The same again writes nothing. */
export function setInventories(
  placement: Placement,
  id: string,
  inventories: Inventories,
  generation?: number,
): Promise<number> {
  return placement.store.transaction(async () => {
    const provider = await lockProvider(placement, id, generation)
    const present = await inventoriesOf(placement, [id])
    const gone = present.filter((row) => !(row.resource_class in inventories))
    const changed = changedOf(present, inventories)
    if (gone.length === 0 && changed.length === 0) return provider.generation
    await removeInventories(placement, gone)
    for (const [name, inventory] of changed) await putInventory(placement, id, name, inventory)
    await raiseGenerations(placement, [id])
    return provider.generation + 1
  })
}

/** Adds or changes inventories without removing others, and does not count as a change of the provider. */
export async function addInventories(placement: Placement, id: string, inventories: Inventories): Promise<void> {
  const changed = changedOf(await inventoriesOf(placement, [id]), inventories)
  for (const [name, inventory] of changed) await putInventory(placement, id, name, inventory)
}

function changedOf(present: readonly InventoryRow[], inventories: Inventories): [string, Inventory][] {
  const rows = new Map(present.map((row) => [row.resource_class, row]))
  return Object.entries(inventories).filter(([name, inventory]) => {
    const row = rows.get(name)
    return !row || Object.entries(inventory).some(([column, value]) => row[column as keyof Inventory] !== value)
  })
}

async function removeInventories(placement: Placement, rows: readonly InventoryRow[]): Promise<void> {
  const used = rows.find((row) => row.used > 0)
  if (used) throw fault('InventoryInUse', { provider: used.provider_id, class: used.resource_class })
  for (const { provider_id, resource_class } of rows) {
    await tables(placement)
      .deleteFrom('placement_inventories')
      .where('provider_id', '=', provider_id)
      .where('resource_class', '=', resource_class)
      .execute()
  }
}

async function putInventory(placement: Placement, id: string, name: string, inventory: Inventory): Promise<void> {
  await tables(placement)
    .insertInto('placement_inventories')
    .values({ provider_id: id, resource_class: name, ...inventory, used: 0 })
    .onConflict((conflict) => conflict.columns(['provider_id', 'resource_class']).doUpdateSet(inventory))
    .execute()
}
