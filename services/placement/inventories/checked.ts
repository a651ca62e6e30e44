// Inventories as asked for by the API, with their defaults, or the fault of one that hands out nothing.
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { AskedInventory } from './schema.ts'
import { type Inventories, type Inventory, inventoryDefaults } from './store.ts'

/** Up to 1.25 all of the total cannot be reserved. Throws InvalidInventory or InvalidInventoryCapacity. */
export function checkedInventories(
  { at }: Pick<Call, 'at'>,
  provider: string,
  asked: Record<string, AskedInventory>,
): Inventories {
  const rows = Object.entries(asked).map(([name, given]): [string, Inventory] => {
    const inventory = { ...inventoryDefaults, ...given }
    const free = inventory.total - inventory.reserved
    if (at('1.26') && free < 0) throw fault('InvalidInventory', { provider, class: name })
    if (!at('1.26') && free <= 0) throw fault('InvalidInventoryCapacity', { provider, class: name })
    return [name, inventory]
  })
  return Object.fromEntries(rows)
}
