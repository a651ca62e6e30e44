// Bodies of inventories.

import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Inventory } from './store.ts'
import { MAX_UNIT } from './store.ts'

const CLASS_NAME = '^[A-Z0-9_]+$'
const LARGEST_RATIO = 3.40282e38

const integer = (minimum: number) => Type.Integer({ minimum, maximum: MAX_UNIT })

const inventory = {
  total: integer(1),
  reserved: Type.Optional(integer(0)),
  min_unit: Type.Optional(integer(1)),
  max_unit: Type.Optional(integer(1)),
  step_size: Type.Optional(integer(1)),
  allocation_ratio: Type.Optional(Type.Number({ minimum: 0, maximum: LARGEST_RATIO })),
}

/** An inventory as it is asked for: what is left out has its default. */
export type AskedInventory = Partial<Inventory> & Pick<Inventory, 'total'>

const generation = Type.Integer({ minimum: 0 })

export const inventoriesByClass = Type.Unsafe<Record<string, AskedInventory>>({
  type: 'object',
  patternProperties: { [CLASS_NAME]: Type.Object(inventory, closed) },
  additionalProperties: false,
})

export const PutInventories = Type.Object(
  { resource_provider_generation: generation, inventories: inventoriesByClass },
  closed,
)

export const PostInventory = Type.Object(
  {
    resource_class: Type.String({ pattern: CLASS_NAME }),
    resource_provider_generation: Type.Optional(generation),
    ...inventory,
  },
  closed,
)

export const PutInventory = Type.Object({ resource_provider_generation: generation, ...inventory }, closed)
