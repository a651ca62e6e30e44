// The SQL on server groups and their members.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { tellOfServerGroup } from '../notifications/server-group-notice.ts'
import type { ServerGroupRow } from '../schema/tables.ts'

type Stored = Pick<Compute, 'store'>

export interface GroupPage {
  /** Null: of all projects. */
  projectId: string | null
  limit: number
  offset: number
}

/** In the order in which they were made. */
export function listServerGroups(compute: Stored, { projectId, limit, offset }: GroupPage): Promise<ServerGroupRow[]> {
  let query = tables(compute).selectFrom('compute_server_groups').selectAll()
  if (projectId !== null) query = query.where('project_id', '=', projectId)
  return query.orderBy('number').limit(limit).offset(offset).execute()
}

export function findServerGroup(compute: Stored, id: string): Promise<ServerGroupRow | undefined> {
  return tables(compute).selectFrom('compute_server_groups').selectAll().where('id', '=', id).executeTakeFirst()
}

export async function insertServerGroup(compute: Stored, row: ServerGroupRow): Promise<void> {
  await tables(compute).insertInto('compute_server_groups').values(row).execute()
}

/** The group; its servers stay, in no group. */
export function removeServerGroup(compute: Compute, group: ServerGroupRow): Promise<void> {
  const { id } = group
  return compute.store.transaction(async () => {
    await compute.store.lock(`server-group:${id}`)
    const members = (await membersOf(compute, [id])).get(id)!
    await tables(compute).deleteFrom('compute_server_group_members').where('group_id', '=', id).execute()
    await tables(compute).deleteFrom('compute_server_groups').where('id', '=', id).execute()
    await tellOfServerGroup(compute, 'delete', group, members)
  })
}

export async function countServerGroups(compute: Stored, projectId: string): Promise<number> {
  const row = await tables(compute)
    .selectFrom('compute_server_groups')
    .select((eb) => eb.fn.countAll<number>().as('groups'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow()
  return Number(row.groups)
}

function liveMembers(compute: Stored) {
  return tables(compute)
    .selectFrom('compute_server_group_members as member')
    .innerJoin('compute_servers as server', 'server.id', 'member.server_id')
    .where('server.deleted_at', 'is', null)
}

/** The servers of these groups that still exist, by group, oldest first. */
export async function membersOf(compute: Stored, groupIds: readonly string[]): Promise<Map<string, string[]>> {
  const members = new Map<string, string[]>(groupIds.map((id) => [id, []]))
  if (groupIds.length === 0) return members
  const rows = await liveMembers(compute)
    .select(['member.group_id', 'member.server_id'])
    .where('member.group_id', 'in', groupIds)
    .orderBy('server.number')
    .execute()
  for (const { group_id, server_id } of rows) members.get(group_id)!.push(server_id)
  return members
}

export async function insertMember(compute: Stored, groupId: string, serverId: string): Promise<void> {
  await tables(compute)
    .insertInto('compute_server_group_members')
    .values({ group_id: groupId, server_id: serverId })
    .execute()
}

export function groupOfServer(compute: Stored, serverId: string): Promise<ServerGroupRow | undefined> {
  return tables(compute)
    .selectFrom('compute_server_group_members as member')
    .innerJoin('compute_server_groups as group', 'group.id', 'member.group_id')
    .selectAll('group')
    .where('member.server_id', '=', serverId)
    .executeTakeFirst()
}

/** How many members there are on each host, without this server. */
export async function membersByHost(
  compute: Stored,
  groupId: string,
  without: string,
): Promise<Record<string, number>> {
  const rows = await liveMembers(compute)
    .select(['server.host', (eb) => eb.fn.countAll<number>().as('servers')])
    .where('member.group_id', '=', groupId)
    .where('server.id', '!=', without)
    .where('server.host', 'is not', null)
    .groupBy('server.host')
    .execute()
  return Object.fromEntries(rows.map(({ host, servers }) => [host!, Number(servers)]))
}
