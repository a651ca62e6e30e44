// /v3/domains
import type { Call } from '@kilonova/api/route'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf } from '../listing.ts'
import type { ProjectRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'
import { removeDomain } from './remove.ts'
import { CreateDomain, UpdateDomain } from './schema.ts'
import { domainView } from './view.ts'

const FILTERS: Filters = { name: { column: 'name', kind: 'text' }, enabled: { column: 'enabled', kind: 'flag' } }

type AnyCall = Call<unknown, unknown>

async function domainOf({ projects }: Identity, call: AnyCall, rule: string): Promise<ProjectRow> {
  const id = call.params['id']!
  const row = await projects.domain(id)
  call.require(rule, { domainId: row?.id ?? null })
  if (!row) throw fault('DomainNotFound', { id })
  return row
}

async function shown({ projects }: Identity, call: AnyCall, row: ProjectRow) {
  const tags = await projects.tags([row.id])
  return { domain: domainView(call, row, tags.get(row.id)!) }
}

export const domainRoutes = [
  route({
    method: 'GET',
    path: '/v3/domains',
    policy: 'identity:list_domains',
    success: 200,
    async handler({ projects }, call) {
      const where = [sql<boolean>`domain_id = ${NO_DOMAIN}`, ...conditionsOf(call.search, FILTERS)]
      const rows = await projects.list(selectionOf(call.search, where))
      const tags = await projects.tags(rows.map((row) => row.id))
      return listed(call, 'domains', rows, (row) => domainView(call, row, tags.get(row.id)!))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/domains',
    once: true,
    policy: 'identity:create_domain',
    body: CreateDomain,
    success: 201,
    async handler(identity, call) {
      const { explicit_domain_id: id, ...domain } = call.body.domain
      const row = await identity.projects.create({ ...domain, is_domain: true }, NO_DOMAIN, id)
      return shown(identity, call, row)
    },
  }),
  route({
    method: 'GET',
    path: '/v3/domains/:id',
    policy: 'identity:get_domain',
    success: 200,
    handler: async (identity, call) => shown(identity, call, await domainOf(identity, call, 'identity:get_domain')),
  }),
  route({
    method: 'PATCH',
    path: '/v3/domains/:id',
    policy: 'identity:update_domain',
    body: UpdateDomain,
    success: 200,
    async handler(identity, call) {
      const row = await domainOf(identity, call, 'identity:update_domain')
      return shown(identity, call, await identity.projects.update(row, call.body.domain))
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/domains/:id',
    policy: 'identity:delete_domain',
    success: 204,
    async handler(identity, call) {
      await removeDomain(identity, await domainOf(identity, call, 'identity:delete_domain'))
    },
  }),
]
