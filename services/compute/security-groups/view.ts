// Security groups as Nova shows them: only what they let in.
import type { SecurityGroup, SecurityGroupRule } from '@kilonova/network/client'

const byProjectAndName = (one: SecurityGroup, other: SecurityGroup): number =>
  compare(one.projectId, other.projectId) || compare(one.name, other.name)

const compare = (one: string, other: string): number => Number(one > other) - Number(one < other)

export function groupViews(groups: readonly SecurityGroup[]): object[] {
  return groups.toSorted(byProjectAndName).map(({ id, name, description, projectId, rules }) => ({
    id,
    name,
    description,
    tenant_id: projectId,
    rules: rules.map((rule) => ruleView(id, rule)),
  }))
}

function ruleView(groupId: string, rule: SecurityGroupRule): object {
  const { remoteGroup } = rule
  return {
    id: rule.id,
    parent_group_id: groupId,
    ip_protocol: rule.protocol,
    ...portsOf(rule),
    group: remoteGroup ? { name: remoteGroup.name, tenant_id: remoteGroup.projectId } : {},
    ip_range: remoteGroup ? {} : { cidr: rule.cidr ?? '0.0.0.0/0' },
  }
}

/** A protocol without ports means all of them; -1 where it has none. */
function portsOf({ protocol, portMin, portMax }: SecurityGroupRule): object {
  if (protocol === null || portMin !== null || portMax !== null) return { from_port: portMin, to_port: portMax }
  return ['tcp', 'udp'].includes(protocol) ? { from_port: 1, to_port: 65_535 } : { from_port: -1, to_port: -1 }
}
