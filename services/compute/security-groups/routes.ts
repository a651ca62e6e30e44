// The security groups of servers.
import { route } from '../route.ts'
import { ACTION } from '../servers/action.ts'
import { getServer } from '../servers/store.ts'
import { addSecurityGroup, removeSecurityGroup } from './change.ts'
import { AddSecurityGroup, ListServerGroups, RemoveSecurityGroup } from './schema.ts'
import { groupViews } from './view.ts'

export const securityGroupRoutes = [
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
