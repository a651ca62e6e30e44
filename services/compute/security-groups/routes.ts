// The security groups of servers; and all of a project, for older clients, which look them up here before they name one.
import { isUuid } from '@kilonova/base/ids'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { ACTION } from '../servers/action.ts'
import { getServer } from '../servers/store.ts'
import { addSecurityGroup, removeSecurityGroup } from './change.ts'
import { AddSecurityGroup, ListSecurityGroups, ListServerGroups, RemoveSecurityGroup } from './schema.ts'
import { groupViews } from './view.ts'

const ALL = '/v2.1/os-security-groups'

export const securityGroupRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-security-groups:get',
    until: '2.35',
    query: ListSecurityGroups,
    success: 200,
    handler: async (compute, { context, query }) => {
      const ofAll = context.isAdmin && query.all_tenants !== undefined
      const of = ofAll || context.projectId === null ? {} : { projectId: context.projectId }
      const most = compute.options.max_limit
      const offset = Number(query.offset ?? 0)
      const limit = Math.min(most, Number(query.limit ?? 0) || most)
      const groups = (await compute.network.securityGroups(context, of)).slice(offset, offset + limit)
      return { security_groups: groupViews(groups) }
    },
  }),
  route({
    method: 'GET',
    path: `${ALL}/:id`,
    policy: 'os-security-groups:show',
    until: '2.35',
    success: 200,
    handler: async (compute, { context, params }) => {
      const id = params['id']!
      if (!isUuid(id)) throw fault('BadRequest', { message: 'Security group id should be uuid' })
      const [view] = groupViews(await compute.network.securityGroups(context, { id }))
      if (!view) throw fault('SecurityGroupNotFound', { id })
      return { security_group: view }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/servers/:serverId/os-security-groups',
    policy: 'os-security-groups:list',
    query: ListServerGroups,
    success: 200,
    handler: async (compute, { context, params }) => {
      const { id } = await getServer(compute, context, params['serverId']!)
      return { security_groups: groupViews(await compute.network.serverGroups(context, id)) }
    },
  }),
  route({
    ...ACTION,
    action: 'addSecurityGroup',
    policy: 'os-security-groups:add',
    body: AddSecurityGroup,
    success: 202,
    handler: (compute, { context, params, body }) =>
      addSecurityGroup(compute, context, { id: params['id']!, group: body.addSecurityGroup.name }),
  }),
  route({
    ...ACTION,
    action: 'removeSecurityGroup',
    policy: 'os-security-groups:remove',
    body: RemoveSecurityGroup,
    success: 202,
    handler: (compute, { context, params, body }) =>
      removeSecurityGroup(compute, context, { id: params['id']!, group: body.removeSecurityGroup.name }),
  }),
]
