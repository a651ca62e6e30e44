// /v3/roles
import type { Call } from '@kilonova/api/route'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf } from '../listing.ts'
import type { RoleRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'
import { CreateRole, UpdateRole } from './schema.ts'
import { roleView } from './view.ts'

const FILTERS: Filters = {
  name: { column: 'name', kind: 'text' },
  domain_id: { column: 'domain_id', kind: 'text' },
}

/** The role of the path. */
export async function roleOf({ roles }: Identity, { params }: Call<unknown, unknown>, name = 'id'): Promise<RoleRow> {
  const id = params[name]!
  const row = await roles.get(id)
  if (!row) throw fault('RoleNotFound', { id })
  return row
}

export const roleRoutes = [
  route({
    method: 'GET',
    path: '/v3/roles',
    policy: 'identity:list_roles',
    success: 200,
    async handler({ roles }, call) {
      const where = conditionsOf(call.search, FILTERS)
      if (!call.search.has('domain_id')) where.push(sql<SqlBool>`domain_id = ${NO_DOMAIN}`)
      const rows = await roles.list(selectionOf(call.search, where))
      return listed(call, 'roles', rows, (row) => roleView(call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/roles',
    once: true,
    policy: 'identity:create_role',
    body: CreateRole,
    success: 201,
    handler: async ({ roles }, call) => ({ role: roleView(call, await roles.create(call.body.role)) }),
  }),
  route({
    method: 'GET',
    path: '/v3/roles/:id',
    policy: 'identity:get_role',
    success: 200,
    handler: async (identity, call) => ({ role: roleView(call, await roleOf(identity, call)) }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/roles/:id',
    policy: 'identity:update_role',
    body: UpdateRole,
    success: 200,
    async handler(identity, call) {
      const row = await roleOf(identity, call)
      return { role: roleView(call, await identity.roles.update(row, call.body.role)) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/roles/:id',
    policy: 'identity:delete_role',
    success: 204,
    handler: async (identity, call) => identity.roles.remove(await roleOf(identity, call)),
  }),
]
