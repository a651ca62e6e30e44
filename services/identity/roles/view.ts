// A role as clients see it.
import type { Call } from '@kilonova/api/route'
import { selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { RoleRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'

type Seen = Pick<Call, 'search' | 'url'>

export function roleView(call: Seen, row: RoleRow): Json {
  return {
    ...(JSON.parse(row.extra) as Json),
    id: row.id,
    name: row.name,
    domain_id: row.domain_id === NO_DOMAIN ? null : row.domain_id,
    description: row.description,
    options: JSON.parse(row.options),
    links: selfLink(call, `roles/${row.id}`),
  }
}

/** A role as inferences name it. */
export function roleSummary(call: Seen, { id, name, description }: RoleRow): Json {
  return { id, name, description, links: selfLink(call, `roles/${id}`) }
}
