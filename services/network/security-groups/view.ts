// Security groups and their rules as the API shows them.
import type { Network } from '../network.ts'
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../schema/tables.ts'
import { standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'
import { normalizedCidr } from './check-rule.ts'
import { rulesOf } from './rows.ts'

/** The views of these groups with their rules, in their order. */
export async function groupViews(network: Network, rows: readonly SecurityGroupRow[]): Promise<object[]> {
  const ids = rows.map(({ id }) => id)
  const rules = await rulesOf(network, ids)
  const tags = await tagsOf(network, ids)
  const defaults = new Set(rows.filter(({ default_of }) => default_of !== null).map(({ id }) => id))
  return rows.map((row) => ({
    ...standardView(row, tags.get(row.id)!),
    name: row.name,
    stateful: row.stateful === 1,
    shared: false,
    security_group_rules: rules
      .filter(({ security_group_id }) => security_group_id === row.id)
      .map((rule) => ruleView(rule, defaults)),
  }))
}

/** `defaults` holds the ids of default groups. */
export function ruleView(row: SecurityGroupRuleRow, defaults: ReadonlySet<string>): object {
  const { tags: _, ...standard } = standardView(row, [])
  return {
    ...standard,
    security_group_id: row.security_group_id,
    direction: row.direction,
    ethertype: row.ethertype,
    protocol: row.protocol,
    port_range_min: row.port_range_min,
    port_range_max: row.port_range_max,
    remote_ip_prefix: row.remote_ip_prefix,
    normalized_cidr: normalizedCidr(row.remote_ip_prefix),
    remote_group_id: row.remote_group_id,
    remote_address_group_id: null,
    belongs_to_default_sg: defaults.has(row.security_group_id),
  }
}
