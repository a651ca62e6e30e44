// /v3/users
import type { Call } from '@kilonova/api/route'
import type { Static } from '@kilonova/api/type'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf } from '../listing.ts'
import type { Json } from '../parts.ts'
import { projectConditions } from '../projects/filters.ts'
import { homeDomain, projectViews } from '../projects/routes.ts'
import type { UserRow } from '../schema/tables.ts'
import { ChangePassword, CreateUser, UpdateUser } from './schema.ts'
import { userView } from './view.ts'

type AnyCall = Call<unknown, unknown>
type NewPassword = Static<typeof ChangePassword>['user']

const FILTERS: Filters = {
  name: { column: 'name', kind: 'text' },
  domain_id: { column: 'domain_id', kind: 'text' },
  enabled: { column: 'enabled', kind: 'flag' },
  default_project_id: { column: 'default_project_id', kind: 'text' },
}

/** The user of the path, if the rule lets the caller touch it; who may not is not told whether it exists. */
export async function userOf({ users }: Identity, call: AnyCall, rule: string): Promise<UserRow> {
  const id = call.params['id']!
  const row = await users.get(id)
  call.require(rule, { userId: id, domainId: row?.domain_id ?? null })
  if (!row) throw fault('UserNotFound', { id })
  return row
}

const isLocked = (row: UserRow): boolean => (JSON.parse(row.options) as Json)['lock_password'] === true

/** Replaces the password of a user who knows the present one. */
async function changePassword(identity: Identity, call: AnyCall, { password, original_password }: NewPassword) {
  const row = await userOf(identity, call, 'identity:change_password')
  identity.limits.check(row.id, call.context.remoteAddress)
  if (!(await identity.passwords.verify(original_password, row.password_hash))) {
    identity.limits.failed(row.id, call.context.remoteAddress)
    throw fault('Unauthorized', {})
  }
  if (isLocked(row)) throw fault('Forbidden', { message: 'The password of this user is locked.' })
  await identity.users.update(row, { password })
}

export const userRoutes = [
  route({
    method: 'GET',
    path: '/v3/users',
    policy: 'identity:list_users',
    success: 200,
    async handler({ users }, call) {
      const where = conditionsOf(call.search, FILTERS)
      if (!call.allows('identity:list_users', { domainId: null })) {
        where.push(sql<SqlBool>`domain_id = ${call.context.domainId}`)
      }
      const rows = await users.list(selectionOf(call.search, where))
      return listed(call, 'users', rows, (row) => userView(call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users',
    once: true,
    policy: 'identity:create_user',
    body: CreateUser,
    success: 201,
    prepare({ users }, call) {
      const domainId = call.body.user.domain_id ?? homeDomain(call)
      call.require('identity:create_user', { domainId })
      return users.prepare(call.body.user, domainId)
    },
    handler: async ({ users }, call, row) => ({ user: userView(call, await users.add(row)) }),
  }),
  route({
    method: 'GET',
    path: '/v3/users/:id',
    policy: 'identity:get_user',
    success: 200,
    handler: async (identity, call) => ({ user: userView(call, await userOf(identity, call, 'identity:get_user')) }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/users/:id',
    policy: 'identity:update_user',
    body: UpdateUser,
    success: 200,
    async handler(identity, call) {
      const row = await userOf(identity, call, 'identity:update_user')
      return { user: userView(call, await identity.users.update(row, call.body.user)) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/users/:id',
    policy: 'identity:delete_user',
    success: 204,
    async handler(identity, call) {
      const { id } = await userOf(identity, call, 'identity:delete_user')
      await identity.users.remove(id)
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users/:id/password',
    policy: 'identity:change_password',
    body: ChangePassword,
    success: 204,
    handler: (identity, call) => changePassword(identity, call, call.body.user),
  }),
  route({
    method: 'GET',
    path: '/v3/users/:id/projects',
    policy: 'identity:list_user_projects',
    success: 200,
    async handler(identity, call) {
      const { id } = await userOf(identity, call, 'identity:list_user_projects')
      const { projects } = await identity.assignments.scopesOf(id)
      const rows = await identity.projects.byIds(projects, projectConditions(call.search))
      return listed(call, 'projects', rows, await projectViews(identity, call, rows))
    },
  }),
]
