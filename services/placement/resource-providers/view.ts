// A resource provider as the API shows it.
import type { Call } from '@kilonova/api/route'
import type { ResourceProviderRow } from '../schema/tables.ts'
import { manners } from '../versions.ts'

const LINKS: readonly (readonly [rel: string, since: string])[] = [
  ['aggregates', '1.1'],
  ['inventories', '1.0'],
  ['usages', '1.0'],
  ['traits', '1.6'],
  ['allocations', '1.11'],
]

export const providerPath = (id: string): string => `/resource_providers/${id}`

export function providerView(call: Pick<Call, 'at'>, row: ResourceProviderRow): object {
  const href = manners.prefix + providerPath(row.id)
  const links = LINKS.filter(([, since]) => call.at(since)).map(([rel]) => ({ rel, href: `${href}/${rel}` }))
  return {
    uuid: row.id,
    name: row.name,
    generation: row.generation,
    parent_provider_uuid: row.parent_id,
    root_provider_uuid: row.root_id,
    links: [{ rel: 'self', href }, ...links],
  }
}

/** When the newest of the rows changed. */
export const newest = (rows: readonly { updated_at: number }[]): { changedAt?: number } =>
  rows.length === 0 ? {} : { changedAt: Math.max(...rows.map(({ updated_at }) => updated_at)) }
