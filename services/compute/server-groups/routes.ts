// The routes of server groups.
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { ServerGroupRow } from '../schema/tables.ts'
import { createServerGroup } from './create.ts'
import { CreateServerGroup, ListServerGroups, ServerGroupShown, ServerGroupsListed } from './schema.ts'
import { findServerGroup, listServerGroups, membersOf, removeServerGroup } from './store.ts'
import { serverGroupView } from './view.ts'

const ALL = '/v2.1/os-server-groups'
const ONE = '/v2.1/os-server-groups/:id'

/** The group of the path, which the rule lets the caller touch. */
async function groupOf(
  compute: Compute,
  { params, require }: Pick<Call, 'params' | 'require'>,
  rule: string,
): Promise<ServerGroupRow> {
  const id = params['id']!
  const row = await findServerGroup(compute, id)
  if (!row) throw fault('ServerGroupNotFound', { id })
  require(rule, { projectId: row.project_id })
  return row
}

export const serverGroupRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-server-groups:index',
    query: ListServerGroups,
    success: 200,
    reply: ServerGroupsListed,
    handler: async (compute, { context, query, allows }) => {
      const everywhere = query.all_projects !== undefined && allows('os-server-groups:index:all_projects')
      const { max_limit: most } = compute.options
      const limit = Math.min(Number(query.limit ?? 0) || most, most)
      const projectId = everywhere ? null : (context.projectId ?? '')
      const rows = await listServerGroups(compute, { projectId, limit, offset: Number(query.offset ?? 0) })
      const members = await membersOf(
        compute,
        rows.map(({ id }) => id),
      )
      return { server_groups: rows.map((row) => serverGroupView(row, members.get(row.id)!)) }
    },
  }),
  route({
    method: 'POST',
    path: ALL,
    once: true,
    policy: 'os-server-groups:create',
    body: CreateServerGroup,
    success: 200,
    reply: ServerGroupShown,
    handler: async (compute, { context, body }) => ({
      server_group: serverGroupView(await createServerGroup(compute, context, body.server_group), []),
    }),
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-server-groups:show',
    success: 200,
    reply: ServerGroupShown,
    handler: async (compute, call) => {
      const row = await groupOf(compute, call, 'os-server-groups:show')
      const members = await membersOf(compute, [row.id])
      return { server_group: serverGroupView(row, members.get(row.id)!) }
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-server-groups:delete',
    success: 204,
    handler: async (compute, call) => {
      const row = await groupOf(compute, call, 'os-server-groups:delete')
      await removeServerGroup(compute, row)
    },
  }),
]
