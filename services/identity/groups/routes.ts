// /v3/groups
import type { Call } from '@kilonova/api/route'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, linksOf, listed, selectionOf } from '../listing.ts'
import { homeDomain } from '../projects/routes.ts'
import type { GroupRow, UserRow } from '../schema/tables.ts'
import { userOf } from '../users/routes.ts'
import { userView } from '../users/view.ts'
import { CreateGroup, UpdateGroup } from './schema.ts'
import { groupView } from './view.ts'

type AnyCall = Call<unknown, unknown>

const FILTERS: Filters = {
  name: { column: 'name', kind: 'text' },
  domain_id: { column: 'domain_id', kind: 'text' },
}
const MEMBERS = '/v3/groups/:id/users'
const MEMBER = `${MEMBERS}/:user`

/** The group of the path, if the rule lets the caller touch it; who may not is not told whether it exists. */
async function groupOf({ groups }: Identity, call: AnyCall, rule: string): Promise<GroupRow> {
  const id = call.params['id']!
  const row = await groups.get(id)
  call.require(rule, { domainId: row?.domain_id ?? null })
  if (!row) throw fault('GroupNotFound', { id })
  return row
}

/** Group and user of the path, if the rule holds for both. */
async function memberOf(identity: Identity, call: AnyCall, rule: string): Promise<{ group: GroupRow; user: UserRow }> {
  const group = await groupOf(identity, call, rule)
  const id = call.params['user']!
  const user = await identity.users.get(id)
  call.require(rule, { domainId: user?.domain_id ?? null })
  if (!user) throw fault('UserNotFound', { id })
  return { group, user }
}

async function checkMember(identity: Identity, call: AnyCall): Promise<void> {
  const { group, user } = await memberOf(identity, call, 'identity:check_user_in_group')
  if (await identity.groups.isMember(group.id, user.id)) return
  throw fault('MembershipNotFound', { userId: user.id, groupId: group.id })
}

export const groupRoutes = [
  route({
    method: 'GET',
    path: '/v3/users/:id/groups',
    policy: 'identity:list_groups_for_user',
    success: 200,
    async handler(identity, call) {
      const { id } = await userOf(identity, call, 'identity:list_groups_for_user')
      const ids = new Set(await identity.groups.groupIdsOf(id))
      const rows = (await identity.groups.list({})).filter((row) => ids.has(row.id))
      return { groups: rows.map((row) => groupView(call, row)), links: linksOf(call) }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/groups',
    policy: 'identity:list_groups',
    success: 200,
    async handler({ groups }, call) {
      const where = conditionsOf(call.search, FILTERS)
      if (!call.allows('identity:list_groups', { domainId: null })) {
        where.push(sql<SqlBool>`domain_id = ${call.context.domainId}`)
      }
      const rows = await groups.list(selectionOf(call.search, where))
      return listed(call, 'groups', rows, (row) => groupView(call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/groups',
    once: true,
    policy: 'identity:create_group',
    body: CreateGroup,
    success: 201,
    async handler({ groups }, call) {
      const domainId = call.body.group.domain_id ?? homeDomain(call)
      call.require('identity:create_group', { domainId })
      return { group: groupView(call, await groups.create(call.body.group, domainId)) }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/groups/:id',
    policy: 'identity:get_group',
    success: 200,
    handler: async (identity, call) => ({
      group: groupView(call, await groupOf(identity, call, 'identity:get_group')),
    }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/groups/:id',
    policy: 'identity:update_group',
    body: UpdateGroup,
    success: 200,
    async handler(identity, call) {
      const row = await groupOf(identity, call, 'identity:update_group')
      return { group: groupView(call, await identity.groups.update(row, call.body.group)) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/groups/:id',
    policy: 'identity:delete_group',
    success: 204,
    async handler(identity, call) {
      const { id } = await groupOf(identity, call, 'identity:delete_group')
      await identity.groups.remove(id)
    },
  }),
  route({
    method: 'GET',
    path: MEMBERS,
    policy: 'identity:list_users_in_group',
    success: 200,
    async handler(identity, call) {
      const { id } = await groupOf(identity, call, 'identity:list_users_in_group')
      const users = await identity.users.byIds(await identity.groups.memberIds(id))
      return { users: users.map((row) => userView(call, row)), links: linksOf(call) }
    },
  }),
  route({
    method: 'PUT',
    path: MEMBER,
    policy: 'identity:add_user_to_group',
    success: 204,
    async handler(identity, call) {
      const { group, user } = await memberOf(identity, call, 'identity:add_user_to_group')
      await identity.groups.addMember(group.id, user.id)
    },
  }),
  route({ method: 'GET', path: MEMBER, policy: 'identity:check_user_in_group', success: 204, handler: checkMember }),
  route({
    method: 'DELETE',
    path: MEMBER,
    policy: 'identity:remove_user_from_group',
    success: 204,
    async handler(identity, call) {
      const { group, user } = await memberOf(identity, call, 'identity:remove_user_from_group')
      await identity.groups.removeMember(group.id, user.id)
    },
  }),
]
