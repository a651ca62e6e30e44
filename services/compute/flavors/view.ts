// A flavor's row as the API's newest reply.
import type { Call } from '@kilonova/api/route'
import type { Link } from '../links.ts'
import { linksTo } from '../links.ts'
import type { FlavorRow } from '../schema/tables.ts'

type Asked = Pick<Call, 'at' | 'allows' | 'url'>

export const flavorLinks = (call: Pick<Call, 'url'>, id: string): Link[] => linksTo(call, `flavors/${id}`)

/** The short form of lists. */
export function briefFlavor(call: Asked, row: FlavorRow): object {
  return { id: row.id, name: row.name, description: row.description, links: flavorLinks(call, row.id) }
}

/** The long form. */
export function flavorView(call: Asked, row: FlavorRow, extraSpecs: Record<string, string>): object {
  return {
    id: row.id,
    name: row.name,
    ram: row.memory_mb,
    disk: row.root_gb,
    swap: row.swap_mb === 0 && !call.at('2.75') ? '' : row.swap_mb,
    'OS-FLV-EXT-DATA:ephemeral': row.ephemeral_gb,
    'OS-FLV-DISABLED:disabled': row.disabled === 1,
    vcpus: row.vcpus,
    'os-flavor-access:is_public': row.is_public === 1,
    rxtx_factor: row.rxtx_factor,
    links: flavorLinks(call, row.id),
    description: row.description,
    ...(call.allows('os-flavor-extra-specs:index') ? { extra_specs: extraSpecs } : {}),
  }
}
