// Makes a flavor.
import { asBoolean } from '@kilonova/api/fields'
import type { Compute } from '../compute.ts'
import type { FlavorRow } from '../schema/tables.ts'
import type { NewFlavor } from './schema.ts'
import { insertFlavor } from './store.ts'
import { changingFlavor } from './telling.ts'

/** Without an id it gets a uuid. Throws FlavorIdExists or FlavorNameExists. */
export async function createFlavor(compute: Compute, asked: NewFlavor): Promise<FlavorRow> {
  const row: FlavorRow = {
    id: asked.id === undefined || asked.id === null ? compute.random.uuid() : String(asked.id),
    name: asked.name,
    vcpus: Number(asked.vcpus),
    memory_mb: Number(asked.ram),
    root_gb: Number(asked.disk),
    ephemeral_gb: Number(asked['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
    swap_mb: Number(asked.swap ?? 0),
    rxtx_factor: Number(asked.rxtx_factor ?? 1),
    is_public: asBoolean(asked['os-flavor-access:is_public'], true) ? 1 : 0,
    disabled: 0,
    description: asked.description ?? null,
    created_at: compute.clock.now(),
  }
  await changingFlavor(compute, 'create', row.id, () => insertFlavor(compute, row))
  return row
}
