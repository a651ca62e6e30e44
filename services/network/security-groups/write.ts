// Security groups and rules made, changed and removed.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import { ownRows } from '../listing.ts'
import type { Network } from '../network.ts'
import { isReferenceFault, tables } from '../network.ts'
import { checkQuota } from '../quota.ts'
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { changed, checkRevision, flag, newStandard, ownerOf } from '../standard.ts'
import { removeTags } from '../tags.ts'
import { checkRule } from './check-rule.ts'
import { defaultGroupOf, getGroup, insertFirstRules, insertRule, sameRule } from './rows.ts'
import type { GroupChange, NewGroup, NewRule } from './schema.ts'

/** Makes all of them or none. */
export function createGroups(network: Network, call: Call, items: readonly NewGroup[]): Promise<SecurityGroupRow[]> {
  return network.store.transaction(async () => {
    const rows: SecurityGroupRow[] = []
    for (const item of items) {
      const projectId = ownerOf(call.context, item)
      await defaultGroupOf(network, projectId)
      if (item.name === 'default') throw fault('SecurityGroupDefaultAlreadyExists', {})
      await checkQuota(network, projectId, 'security_group')
      await checkQuota(network, projectId, 'security_group_rule', 2)
      const row: SecurityGroupRow = {
        ...newStandard(network, projectId, item),
        name: item.name ?? '',
        stateful: flag(item.stateful ?? true),
        default_of: null,
      }
      await tables(network).insertInto('network_security_groups').values(row).execute()
      await insertFirstRules(network, row)
      rows.push(row)
    }
    return rows
  })
}

export function updateGroup(network: Network, call: Call, item: GroupChange): Promise<SecurityGroupRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`security group ${id}`)
    const row = await getGroup(network, call.context, id)
    call.require('update_security_group', { projectId: row.project_id })
    checkRevision(call.headers, row)
    const isRenamed = item.name !== undefined && item.name !== row.name
    if (isRenamed && row.default_of !== null) throw fault('SecurityGroupCannotUpdateDefault', {})
    if (isRenamed && item.name === 'default') throw fault('SecurityGroupDefaultAlreadyExists', {})
    if (item.stateful !== undefined && flag(item.stateful) !== row.stateful && (await isInUse(network, id))) {
      throw fault('SecurityGroupInUse', { id })
    }
    const change = {
      ...changed(network, row),
      ...(item.name === undefined ? {} : { name: item.name }),
      ...(item.description === undefined ? {} : { description: item.description }),
      ...(item.stateful === undefined ? {} : { stateful: flag(item.stateful) }),
    }
    await tables(network).updateTable('network_security_groups').set(change).where('id', '=', id).execute()
    return { ...row, ...change }
  })
}

async function isInUse(network: Network, id: string): Promise<boolean> {
  const query = tables(network).selectFrom('network_port_security_groups').select('port_id')
  return (await query.where('security_group_id', '=', id).limit(1).execute()).length > 0
}

export async function deleteGroup(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  try {
    await network.store.transaction(async () => {
      const row = await getGroup(network, call.context, id)
      call.require('delete_security_group', { projectId: row.project_id })
      checkRevision(call.headers, row)
      if (row.default_of !== null && !call.context.isAdmin) throw fault('SecurityGroupCannotRemoveDefault', {})
      const naming = await groupsNaming(network, id)
      await tables(network).deleteFrom('network_security_groups').where('id', '=', id).execute()
      await removeTags(network, id)
      await network.changes.touch({ securityGroups: [id, ...naming] })
    })
  } catch (error) {
    if (isReferenceFault(error)) throw fault('SecurityGroupInUse', { id }, error)
    throw error
  }
}

/** Groups with rules that name this one: those rules go with it. */
async function groupsNaming(network: Network, id: string): Promise<string[]> {
  const query = tables(network).selectFrom('network_security_group_rules').select('security_group_id').distinct()
  const rows = await query.where('remote_group_id', '=', id).execute()
  return rows.map(({ security_group_id }) => security_group_id)
}

/** Makes all of them or none. */
export function createRules(network: Network, call: Call, items: readonly NewRule[]): Promise<SecurityGroupRuleRow[]> {
  return network.store.transaction(async () => {
    const rows: SecurityGroupRuleRow[] = []
    const groups = new Map<string, SecurityGroupRow>()
    for (const item of items) {
      const id = item.security_group_id
      const group = groups.get(id) ?? (await getGroup(network, call.context, id))
      groups.set(id, group)
      rows.push(await createRule(network, call, group, item))
    }
    for (const group of groups.values()) await bump(network, group)
    await network.changes.touch({ securityGroups: [...groups.keys()] })
    return rows
  })
}

async function createRule(
  network: Network,
  call: Call,
  group: SecurityGroupRow,
  item: NewRule,
): Promise<SecurityGroupRuleRow> {
  call.require('create_security_group_rule', { projectId: group.project_id })
  ownerOf(call.context, item)
  const match = checkRule(item)
  if (match.remote_group_id !== null) await getGroup(network, call.context, match.remote_group_id)
  await checkQuota(network, group.project_id, 'security_group_rule')
  const row = await insertRule(network, group, match, item.description)
  if (row) return row
  const other = await sameRule(network, group.id, match)
  throw fault('SecurityGroupRuleExists', { id: other?.id ?? '' })
}

async function bump(network: Network, { id }: SecurityGroupRow): Promise<void> {
  await tables(network)
    .updateTable('network_security_groups')
    .set((eb) => ({ revision_number: eb('revision_number', '+', 1), updated_at: network.clock.now() }))
    .where('id', '=', id)
    .execute()
}

/** Throws SecurityGroupRuleNotFound, also for what the caller may not see. */
export async function getRule(network: Network, context: RequestContext, id: string): Promise<SecurityGroupRuleRow> {
  const row = await tables(network)
    .selectFrom('network_security_group_rules')
    .selectAll()
    .where(sql<SqlBool>`id = ${id} and ${ownRows(context)}`)
    .executeTakeFirst()
  if (!row) throw fault('SecurityGroupRuleNotFound', { id })
  return row
}

export function deleteRule(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    const row = await getRule(network, call.context, id)
    call.require('delete_security_group_rule', { projectId: row.project_id })
    const db = tables(network)
    await db.deleteFrom('network_security_group_rules').where('id', '=', id).execute()
    const group = await db
      .selectFrom('network_security_groups')
      .selectAll()
      .where('id', '=', row.security_group_id)
      .executeTakeFirstOrThrow()
    await bump(network, group)
    await network.changes.touch({ securityGroups: [group.id] })
  })
}
