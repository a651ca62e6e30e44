// The security groups of a server: those of its ports. Put on all of them at once, or taken off.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { SecurityGroup, SecurityGroupRule, ServerGroupChange } from '../client.ts'
import { everything, ownRows } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { joinGroups } from '../ports/insert.ts'
import { fixedIpsOf, groupsOf, portsWhere } from '../ports/rows.ts'
import type { PortRow, SecurityGroupRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { defaultGroupOf, groupsWhere, rulesOf } from '../security-groups/rows.ts'
import { changed } from '../standard.ts'
import { chunks } from '../tags.ts'
import { fault } from './nic-faults.ts'
import { groupIds } from './plan-nics.ts'

/** Every port has the group afterwards, or none was changed. */
export function addServerGroup(network: Network, asked: ServerGroupChange): Promise<void> {
  return network.store.transaction(async () => {
    const group = await groupOf(network, asked)
    const ports = await portsOf(network, asked)
    const ids = ports.map(({ id }) => id)
    const fixedIps = await fixedIpsOf(network, ids)
    const takesGroups = ({ id, port_security_enabled }: PortRow): boolean =>
      port_security_enabled === 1 && fixedIps.get(id)!.length > 0
    if (!ports.every(takesGroups)) throw fault('SecurityGroupCannotBeApplied', {})
    const groups = await groupsOf(network, ids)
    const lacking = ports.filter(({ id }) => !groups.get(id)!.includes(group))
    for (const { id } of lacking) await join(network, id, asked, group)
    await tell(network, lacking, group)
  })
}

/** No port has the group afterwards; one at least had it. */
export function removeServerGroup(network: Network, asked: ServerGroupChange): Promise<void> {
  return network.store.transaction(async () => {
    const group = await groupOf(network, asked)
    const ports = await portsOf(network, asked)
    const ids = ports.map(({ id }) => id)
    const groups = await groupsOf(network, ids)
    const having = ports.filter(({ id }) => groups.get(id)!.includes(group))
    if (having.length === 0) throw fault('SecurityGroupNotOnServer', asked)
    await tables(network)
      .deleteFrom('network_port_security_groups')
      .where('security_group_id', '=', group)
      .where('port_id', 'in', ids)
      .execute()
    await tell(network, having, group)
  })
}

async function groupOf(network: Network, { projectId, nameOrId: name }: ServerGroupChange): Promise<string> {
  try {
    const [id] = await groupIds(network, { projectId }, [name])
    return id!
  } catch (error) {
    if (!isFault(error, 'NicSecurityGroupNotFound')) throw error
    throw fault('SecurityGroupOfServerNotFound', { name, projectId }, error)
  }
}

async function join(network: Network, portId: string, { nameOrId, projectId }: ServerGroupChange, group: string) {
  try {
    await joinGroups(network, portId, [group])
  } catch (error) {
    if (!isFault(error, 'SecurityGroupNotFound')) throw error
    throw fault('SecurityGroupOfServerNotFound', { name: nameOrId, projectId }, error)
  }
}

/** The server's ports, held until the end of the transaction. */
async function portsOf(network: Network, { serverId }: ServerGroupChange): Promise<PortRow[]> {
  const find = () => portsWhere(network, sql<SqlBool>`device_id = ${serverId}`)
  for (const { id } of await find()) await network.store.lock(`port ${id}`)
  const ports = await find()
  if (ports.length === 0) throw fault('ServerHasNoPorts', { id: serverId })
  return ports
}

async function tell(network: Network, ports: readonly PortRow[], group: string): Promise<void> {
  if (ports.length === 0) return
  for (const row of ports) {
    await tables(network).updateTable('network_ports').set(changed(network, row)).where('id', '=', row.id).execute()
    network.changes.tellCompute('network-changed', row)
  }
  await network.changes.touch({
    ports: ports.map(({ id }) => id),
    securityGroups: [group],
    left: ports.map(({ host, network_id }) => ({ host, networkId: network_id, securityGroupIds: [group] })),
  })
}

/**
 * By server, those that the caller may see: port by port, so that a group of two ports is there twice. One that has no
 * name is named by its id.
 */
export async function serverGroupNames(
  network: Network,
  context: RequestContext,
  serverIds: readonly string[],
): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>()
  for (const some of chunks(serverIds)) {
    for (const { device_id, id, name } of await membershipsOf(network, context, some))
      names.set(device_id, [...(names.get(device_id) ?? []), name === '' ? id : name])
  }
  return names
}

function membershipsOf(network: Network, { isAdmin, projectId }: RequestContext, serverIds: readonly string[]) {
  const query = tables(network)
    .selectFrom('network_ports as p')
    .innerJoin('network_port_security_groups as m', 'm.port_id', 'p.id')
    .innerJoin('network_security_groups as g', 'g.id', 'm.security_group_id')
    .select(['p.device_id', 'g.id', 'g.name'])
    .where('p.device_id', 'in', serverIds)
    .orderBy('p.created_at')
    .orderBy('p.id')
    .orderBy('g.id')
  return (isAdmin ? query : query.where('g.project_id', '=', projectId ?? '')).execute()
}

/** Port by port, as their names. */
export async function serverGroups(
  network: Network,
  context: RequestContext,
  serverId: string,
): Promise<SecurityGroup[]> {
  const ids = (await membershipsOf(network, context, [serverId])).map(({ id }) => id)
  const described = new Map((await describedGroups(network, context, ids)).map((group) => [group.id, group]))
  return ids.flatMap((id) => described.get(id) ?? [])
}

export async function securityGroups(
  network: Network,
  context: RequestContext,
  { projectId, id }: { projectId?: string; id?: string },
): Promise<SecurityGroup[]> {
  if (projectId !== undefined) await defaultGroupOf(network, projectId)
  const ofProject = projectId === undefined ? everything : sql<SqlBool>`project_id = ${projectId}`
  const ofId = id === undefined ? everything : sql<SqlBool>`id = ${id}`
  const rows = await groupsWhere(network, sql<SqlBool>`${ownRows(context)} and ${ofProject} and ${ofId}`)
  return describedGroups(
    network,
    context,
    rows.map((row) => row.id),
  )
}

/** With the rules that let something in; those that name a group which the caller may not see are left out. */
async function describedGroups(network: Network, context: RequestContext, ids: readonly string[]) {
  const rules = (await rulesOf(network, ids)).filter(({ direction }) => direction === 'ingress')
  const seen = new Map<string, SecurityGroupRow>()
  for (const some of chunks([...ids, ...rules.flatMap(({ remote_group_id }) => remote_group_id ?? [])])) {
    const rows = await groupsWhere(network, sql<SqlBool>`id in (${sql.join(some)}) and ${ownRows(context)}`)
    for (const row of rows) seen.set(row.id, row)
  }
  return [...new Set(ids)].flatMap((id): SecurityGroup[] => {
    const row = seen.get(id)
    if (!row) return []
    const { name, description, project_id: projectId } = row
    const own = rules.filter(({ security_group_id }) => security_group_id === id)
    return [{ id, name, description, projectId, rules: own.flatMap((rule) => describedRule(rule, seen)) }]
  })
}

function describedRule(rule: SecurityGroupRuleRow, seen: Map<string, SecurityGroupRow>): SecurityGroupRule[] {
  const remote = rule.remote_group_id === null ? null : seen.get(rule.remote_group_id)
  if (remote === undefined) return []
  const remoteGroup = remote && { name: remote.name, projectId: remote.project_id }
  const { id, protocol, port_range_min: portMin, port_range_max: portMax, remote_ip_prefix: cidr } = rule
  return [{ id, protocol, portMin, portMax, cidr, remoteGroup }]
}
