// How much of an inventory may be handed out, and which amounts it takes.
import type { InventoryRow } from './schema/tables.ts'

type Limits = Pick<InventoryRow, 'total' | 'reserved' | 'allocation_ratio'>
type Units = Pick<InventoryRow, 'min_unit' | 'max_unit' | 'step_size'>

/** (total - reserved) * allocation_ratio, rounded down. */
export function capacityOf({ total, reserved, allocation_ratio }: Limits): number {
  return Math.max(0, Math.floor((total - reserved) * allocation_ratio))
}

/** What is not handed out; below zero after an inventory has shrunk under what is used. */
export function freeOf(row: Limits & Pick<InventoryRow, 'used'>): number {
  return capacityOf(row) - row.used
}

/** True when one allocation may have this size. */
export function takesAmount({ min_unit, max_unit, step_size }: Units, amount: number): boolean {
  return min_unit <= amount && amount <= max_unit && amount % step_size === 0
}
