// /v2.0/security-groups and /v2.0/security-group-rules
import type { RequestContext } from '@kilonova/base/context'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Listed } from '../listing.ts'
import {
  among,
  bool,
  chosenFields,
  everything,
  isTrue,
  listReply,
  listRows,
  nothing,
  number,
  ownRows,
  standardColumns,
  text,
} from '../listing.ts'
import type { Network } from '../network.ts'
import { route } from '../route.ts'
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import { defaultGroupOf, getGroup, groupsWhere } from './rows.ts'
import type { NewGroup, NewRule } from './schema.ts'
import { CreateGroups, CreateRules, UpdateGroup } from './schema.ts'
import { groupViews, ruleView } from './view.ts'
import { createGroups, createRules, deleteGroup, deleteRule, getRule, updateGroup } from './write.ts'

export const groupList: Listed = {
  table: 'network_security_groups',
  collection: 'security_groups',
  columns: { ...standardColumns, name: text('name'), stateful: bool('stateful') },
  conditions: { shared: (values) => (values.some((value) => !isTrue('shared', value)) ? everything : nothing) },
  notFound: (id) => fault('SecurityGroupNotFound', { id }),
}

const ruleList: Listed = {
  table: 'network_security_group_rules',
  collection: 'security_group_rules',
  columns: {
    ...standardColumns,
    security_group_id: text('security_group_id'),
    direction: text('direction'),
    ethertype: text('ethertype'),
    protocol: text('protocol'),
    port_range_min: number('port_range_min'),
    port_range_max: number('port_range_max'),
    remote_ip_prefix: text('remote_ip_prefix'),
    remote_group_id: text('remote_group_id'),
  },
  conditions: {
    belongs_to_default_sg: (values) => {
      const inDefault = sql`security_group_id in (
        select g.id from network_security_groups g where g.default_of is not null)`
      return values.some((value) => isTrue('belongs_to_default_sg', value))
        ? sql<SqlBool>`${inDefault}`
        : sql<SqlBool>`not ${inDefault}`
    },
  },
  notFound: (id) => fault('SecurityGroupRuleNotFound', { id }),
}

/** A project that looks at its groups finds its default one there. */
async function ensureDefault(network: Network, { projectId }: RequestContext): Promise<void> {
  if (projectId !== null) await defaultGroupOf(network, projectId)
}

async function ruleViews(network: Network, rows: readonly SecurityGroupRuleRow[]): Promise<object[]> {
  const ids = [...new Set(rows.map(({ security_group_id }) => security_group_id))]
  const groups = ids.length === 0 ? [] : await groupsWhere(network, among('id', ids))
  const defaults = new Set(groups.filter(({ default_of }) => default_of !== null).map(({ id }) => id))
  return rows.map((row) => ruleView(row, defaults))
}

const groupRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/security-groups',
    policy: 'get_security_group',
    success: 200,
    handler: async (network, call) => {
      await ensureDefault(network, call.context)
      const page = await listRows<SecurityGroupRow>(network, call, groupList, ownRows(call.context))
      return listReply(call, groupList, page, await groupViews(network, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/security-groups',
    once: true,
    policy: 'create_security_group',
    body: CreateGroups,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewGroup>(call.body, 'security_group', 'security_groups')
      const views = await groupViews(network, await createGroups(network, call, items))
      return isBulk ? { security_groups: views } : { security_group: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/security-groups/:id',
    policy: 'get_security_group',
    success: 200,
    handler: async (network, call) => {
      const row = await getGroup(network, call.context, call.params['id']!)
      return { security_group: chosenFields(call, (await groupViews(network, [row]))[0]!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/security-groups/:id',
    policy: 'update_security_group',
    body: UpdateGroup,
    success: 200,
    handler: async (network, call) => {
      const row = await updateGroup(network, call, call.body.security_group)
      return { security_group: (await groupViews(network, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/security-groups/:id',
    policy: 'delete_security_group',
    success: 204,
    handler: (network, call) => deleteGroup(network, call),
  }),
]

const ruleRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/security-group-rules',
    policy: 'get_security_group_rule',
    success: 200,
    handler: async (network, call) => {
      await ensureDefault(network, call.context)
      const page = await listRows<SecurityGroupRuleRow>(network, call, ruleList, ownRows(call.context))
      return listReply(call, ruleList, page, await ruleViews(network, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/security-group-rules',
    once: true,
    policy: 'create_security_group_rule',
    body: CreateRules,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewRule>(call.body, 'security_group_rule', 'security_group_rules')
      const views = await ruleViews(network, await createRules(network, call, items))
      return isBulk ? { security_group_rules: views } : { security_group_rule: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/security-group-rules/:id',
    policy: 'get_security_group_rule',
    success: 200,
    handler: async (network, call) => {
      const row = await getRule(network, call.context, call.params['id']!)
      return { security_group_rule: chosenFields(call, (await ruleViews(network, [row]))[0]!) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/security-group-rules/:id',
    policy: 'delete_security_group_rule',
    success: 204,
    handler: (network, call) => deleteRule(network, call),
  }),
]

export const securityGroupRoutes = [...groupRoutes, ...ruleRoutes]
