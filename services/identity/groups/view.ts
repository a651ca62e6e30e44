// A group as clients see it.
import type { Call } from '@kilonova/api/route'
import { selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { GroupRow } from '../schema/tables.ts'

export function groupView(call: Pick<Call, 'search' | 'url'>, row: GroupRow): Json {
  return {
    ...(JSON.parse(row.extra) as Json),
    id: row.id,
    name: row.name,
    domain_id: row.domain_id,
    description: row.description,
    links: selfLink(call, `groups/${row.id}`),
  }
}
