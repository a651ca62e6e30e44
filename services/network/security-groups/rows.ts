// The SQL on security groups and their rules.
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import { ownRows } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { newStandard } from '../standard.ts'
import { chunks } from '../tags.ts'
import type { RuleMatch } from './check-rule.ts'
import { checkRule } from './check-rule.ts'

/** Throws SecurityGroupNotFound, also for what the caller may not see. */
export async function getGroup(network: Network, context: RequestContext, id: string): Promise<SecurityGroupRow> {
  const [row] = await groupsWhere(network, sql<SqlBool>`id = ${id} and ${ownRows(context)}`)
  if (!row) throw fault('SecurityGroupNotFound', { id })
  return row
}

export function groupsWhere(network: Network, where: ReturnType<typeof ownRows>): Promise<SecurityGroupRow[]> {
  return tables(network).selectFrom('network_security_groups').selectAll().where(where).orderBy('id').execute()
}

/** The rules of these groups, oldest first. */
export async function rulesOf(network: Network, groupIds: readonly string[]): Promise<SecurityGroupRuleRow[]> {
  const found: SecurityGroupRuleRow[] = []
  for (const some of chunks(groupIds)) {
    const rows = await tables(network)
      .selectFrom('network_security_group_rules')
      .selectAll()
      .where('security_group_id', 'in', some)
      .orderBy('created_at')
      .orderBy('id')
      .execute()
    found.push(...rows)
  }
  return found
}

/** The id of the project's `default` group, which is made at its first use. */
export async function defaultGroupOf(network: Network, projectId: string): Promise<string> {
  const find = () =>
    tables(network)
      .selectFrom('network_security_groups')
      .select('id')
      .where('default_of', '=', projectId)
      .executeTakeFirst()
  const known = await find()
  if (known) return known.id
  return network.store.transaction(async () => {
    const row: SecurityGroupRow = {
      ...newStandard(network, projectId, { description: 'Default security group' }),
      name: 'default',
      stateful: 1,
      default_of: projectId,
    }
    const query = tables(network).insertInto('network_security_groups').values(row)
    const { numInsertedOrUpdatedRows } = await query
      .onConflict((conflict) => conflict.column('default_of').doNothing())
      .executeTakeFirstOrThrow()
    if (Number(numInsertedOrUpdatedRows) === 0) return (await find())!.id
    await insertFirstRules(network, row)
    return row.id
  })
}

/** What a new group lets through: everything outwards; the default one also from its own members. */
export async function insertFirstRules(network: Network, group: SecurityGroupRow): Promise<void> {
  const security_group_id = group.id
  for (const ethertype of ['IPv4', 'IPv6'] as const) {
    await insertRule(network, group, checkRule({ security_group_id, direction: 'egress', ethertype }))
    if (group.default_of === null) continue
    const fromMembers = { security_group_id, direction: 'ingress', ethertype, remote_group_id: group.id } as const
    await insertRule(network, group, checkRule(fromMembers))
  }
}

/** Undefined when the group has a rule that matches the same. */
export async function insertRule(
  network: Network,
  group: SecurityGroupRow,
  match: RuleMatch,
  description = '',
): Promise<SecurityGroupRuleRow | undefined> {
  const row: SecurityGroupRuleRow = {
    ...newStandard(network, group.project_id, { description }),
    security_group_id: group.id,
    ...match,
  }
  const { numInsertedOrUpdatedRows } = await tables(network)
    .insertInto('network_security_group_rules')
    .values(row)
    .onConflict((conflict) => conflict.columns(['security_group_id', 'matches']).doNothing())
    .executeTakeFirstOrThrow()
  return Number(numInsertedOrUpdatedRows) === 0 ? undefined : row
}

/** The rule of the group that matches the same. */
export function sameRule(
  network: Network,
  groupId: string,
  { matches }: RuleMatch,
): Promise<SecurityGroupRuleRow | undefined> {
  return tables(network)
    .selectFrom('network_security_group_rules')
    .selectAll()
    .where('security_group_id', '=', groupId)
    .where('matches', '=', matches)
    .executeTakeFirst()
}
