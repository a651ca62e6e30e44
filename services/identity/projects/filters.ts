// What a list of projects can be narrowed by.
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { Filters } from '../listing.ts'
import { conditionsOf } from '../listing.ts'
import type { Condition } from '../rows.ts'

const FILTERS: Filters = {
  name: { column: 'name', kind: 'text' },
  domain_id: { column: 'domain_id', kind: 'text' },
  parent_id: { column: 'parent_id', kind: 'text' },
  enabled: { column: 'enabled', kind: 'flag' },
  is_domain: { column: 'is_domain', kind: 'flag' },
}

/** Projects that have one of these tags. */
const tagged = (tags: readonly string[]): Condition =>
  sql<SqlBool>`id in (select project_id from identity_project_tags where tag in (${sql.join(tags)}))`

const not = (condition: Condition): Condition => sql<SqlBool>`not (${condition})`
const and = (conditions: readonly Condition[]): Condition => sql<SqlBool>`(${sql.join(conditions, sql` and `)})`

/** The query's conditions; domains are left out unless it asks for them. */
export function projectConditions(search: URLSearchParams): Condition[] {
  const conditions = conditionsOf(search, FILTERS)
  if (!search.has('is_domain')) conditions.push(sql<SqlBool>`is_domain = 0`)
  const tags = (name: string): string[] => (search.get(name) ?? '').split(',').filter((tag) => tag !== '')
  const each = (name: string): Condition[] => tags(name).map((tag) => tagged([tag]))
  conditions.push(...each('tags'))
  if (tags('tags-any').length > 0) conditions.push(tagged(tags('tags-any')))
  if (tags('not-tags').length > 0) conditions.push(not(and(each('not-tags'))))
  if (tags('not-tags-any').length > 0) conditions.push(not(tagged(tags('not-tags-any'))))
  return conditions
}
