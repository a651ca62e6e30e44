// New servers join the group that their hint names.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { tellOfServerGroup } from '../notifications/server-group-notice.ts'
import { quotaOf } from '../quota-limits.ts'
import type { ServerGroupRow } from '../schema/tables.ts'
import { findServerGroup, insertMember, membersOf } from './store.ts'

/** The group of the hint `group`, or null. Throws ServerGroupInRequestNotFound. */
export async function hintedGroup(
  compute: Compute,
  context: RequestContext,
  hints: Record<string, unknown>,
): Promise<ServerGroupRow | null> {
  const [id] = [hints['group']].flat()
  if (typeof id !== 'string') return null
  const group = await findServerGroup(compute, id)
  if (!group || (!context.isAdmin && group.project_id !== context.projectId)) {
    throw fault('ServerGroupInRequestNotFound', { id })
  }
  return group
}

/** Throws TooManyServersInGroup. Inside the transaction that makes the servers. */
export async function joinGroup(compute: Compute, group: ServerGroupRow, serverIds: readonly string[]): Promise<void> {
  const { id, project_id } = group
  await compute.store.lock(`server-group:${id}`)
  if (!(await findServerGroup(compute, id))) throw fault('ServerGroupInRequestNotFound', { id })
  const { server_group_members: allowed } = await quotaOf(compute, project_id)
  const members = (await membersOf(compute, [id])).get(id)!
  if (allowed >= 0 && members.length + serverIds.length > allowed) throw fault('TooManyServersInGroup', {})
  for (const serverId of serverIds) await insertMember(compute, id, serverId)
  await tellOfServerGroup(compute, 'add_member', group, serverIds)
}
