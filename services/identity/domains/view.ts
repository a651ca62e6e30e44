// A domain as clients see it.
import type { Call } from '@kilonova/api/route'
import { selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { ProjectRow } from '../schema/tables.ts'

export function domainView(call: Pick<Call, 'search' | 'url'>, row: ProjectRow, tags: readonly string[]): Json {
  return {
    ...(JSON.parse(row.extra) as Json),
    id: row.id,
    name: row.name,
    description: row.description,
    enabled: row.enabled === 1,
    tags,
    options: JSON.parse(row.options),
    links: selfLink(call, `domains/${row.id}`),
  }
}
