// A project as clients see it; a domain looks like one when asked for as a project.
import type { Call } from '@kilonova/api/route'
import { selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { ProjectRow } from '../schema/tables.ts'

export function projectView(call: Pick<Call, 'search' | 'url'>, row: ProjectRow, tags: readonly string[]): Json {
  return {
    ...(JSON.parse(row.extra) as Json),
    id: row.id,
    name: row.name,
    domain_id: row.is_domain ? null : row.domain_id,
    parent_id: row.parent_id,
    is_domain: row.is_domain === 1,
    enabled: row.enabled === 1,
    description: row.description,
    tags,
    options: JSON.parse(row.options),
    links: selfLink(call, `projects/${row.id}`),
  }
}

/** Projects below `id` as nested ids; null for one with none below. */
export function subtreeIds(id: string, below: readonly ProjectRow[]): Json | null {
  const children = below.filter((row) => row.parent_id === id)
  return children.length === 0 ? null : Object.fromEntries(children.map((row) => [row.id, subtreeIds(row.id, below)]))
}

/** The ids above, nearest outermost. */
export function parentIds(ids: readonly string[]): Json | null {
  const [nearest, ...rest] = ids
  return nearest === undefined ? null : { [nearest]: parentIds(rest) }
}
