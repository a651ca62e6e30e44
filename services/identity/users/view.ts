// A user as clients see it: never the password.
import type { Call } from '@kilonova/api/route'
import { selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { UserRow } from '../schema/tables.ts'

export function userView(call: Pick<Call, 'search' | 'url'>, row: UserRow): Json {
  return {
    ...(JSON.parse(row.extra) as Json),
    id: row.id,
    name: row.name,
    domain_id: row.domain_id,
    enabled: row.enabled === 1,
    ...(row.default_project_id === null ? {} : { default_project_id: row.default_project_id }),
    password_expires_at: null,
    options: JSON.parse(row.options),
    links: selfLink(call, `users/${row.id}`),
  }
}
