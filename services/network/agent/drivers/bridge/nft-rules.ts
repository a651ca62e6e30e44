// The host's filters as nftables text. Bridged packets pass the bridge table first, which marks them with their port;
// br_netfilter then takes them through the inet table, where connection tracking exists and the mark picks the rules.
import { log } from '@kilonova/base/log'
import type { HostState, NetworkRecord, PortRecord } from '../../backend.ts'
import type { WiredPort, WiredSecurityGroup } from '../../protocol.ts'
import { prefixesOf } from './addresses.ts'
import { bridgeName, externalDevice, tableName, tapName } from './names.ts'
import { membersSet, ruleMatches } from './security-group-rules.ts'
import { senderRules } from './sender-rules.ts'

/** Even is a packet's sender, odd its receiver: a mark that was not replaced never matches the other side's map. */
const MARK_BASE = 0x4b000000
const mark = (number: number): string => `0x${(MARK_BASE + number).toString(16)}`
const senderMark = (record: PortRecord): string => mark(record.mark * 2)
const receiverMark = (record: PortRecord): string => mark(record.mark * 2 + 1)

export const senderChain = (portId: string): string => `sender-${portId}`
export const egressChain = (portId: string): string => `egress-${portId}`
export const ingressChain = (portId: string): string => `ingress-${portId}`
export const groupChain = (direction: 'ingress' | 'egress', groupId: string): string => `group-${direction}-${groupId}`

export interface NftTables {
  /** Both tables as they are without any network or port. */
  empty(): string
  /** Everything that `state` asks for, in place of whatever is there, as one transaction. */
  whole(state: HostState): string
  network(record: NetworkRecord): string
  networkGone(record: NetworkRecord): string
  port(record: PortRecord, groups: HostState['groups']): string
  portGone(record: PortRecord): string
  group(group: WiredSecurityGroup): string
  /** Removes both tables. */
  gone(): string
}

export function nftTables(cloudTag: string): NftTables {
  const bridge = `bridge ${tableName(cloudTag)}`
  const inet = `inet ${tableName(cloudTag)}`
  const drop = [bridge, inet].flatMap((table) => [`add table ${table}`, `delete table ${table}`])
  const text = (lines: string[]): string => `${lines.join('\n')}\n`

  const chain = (table: string, name: string, rules: string[]): string[] => [
    `add chain ${table} ${name}`,
    `flush chain ${table} ${name}`,
    ...rules.map((rule) => `add rule ${table} ${name} ${rule}`),
  ]
  const outsideRules = (record: NetworkRecord): string[] => {
    const device = externalDevice(record.network.id)
    return prefixesOf(4, record.gatewayCidrs).map(
      (prefix) => `iifname "${device}" oifname != "${device}" ip saddr ${prefix} masquerade`,
    )
  }
  const outsideChain = (networkId: string): string => `outside-${networkId}`
  const network = (record: NetworkRecord): string[] => {
    const name = bridgeName(record.network.id)
    const outside = outsideChain(record.network.id)
    return [
      `add element ${inet} bridges { "${name}" }`,
      `add element ${inet} zones { "${name}" : ${record.zone} }`,
      ...chain(inet, outside, outsideRules(record)),
      `add element ${inet} outside { "${externalDevice(record.network.id)}" : jump ${outside} }`,
    ]
  }
  const group = (wired: WiredSecurityGroup): string[] => [
    ...([4, 6] as const).flatMap((version) => membersLines(inet, wired, version)),
    ...wired.rules.flatMap((rule) => (rule.remoteGroupId === null ? [] : memberSets(inet, rule.remoteGroupId))),
    ...(['ingress', 'egress'] as const).flatMap((direction) =>
      chain(inet, groupChain(direction, wired.id), groupRules(wired, direction)),
    ),
  ]
  const port = (record: PortRecord, groups: HostState['groups']): string[] => {
    const { id } = record.port
    const unknown = record.port.securityGroupIds.filter((groupId) => !groups.has(groupId))
    return [
      ...unknown.flatMap((groupId) => [
        `add chain ${inet} ${groupChain('ingress', groupId)}`,
        `add chain ${inet} ${groupChain('egress', groupId)}`,
      ]),
      ...chain(bridge, senderChain(id), senderRules(record.port)),
      ...chain(inet, egressChain(id), portRules(record.port, 'egress', groups)),
      ...chain(inet, ingressChain(id), portRules(record.port, 'ingress', groups)),
      ...portElements(record, bridge, inet).map(([map, key, value]) => `add element ${map} { ${key} : ${value} }`),
    ]
  }

  const empty = [...skeleton(bridge, inet)]
  return {
    empty: () => text(empty),
    whole: (state) =>
      text([
        ...drop,
        ...empty,
        ...[...state.networks.values()].flatMap(network),
        ...[...state.groups.values()].flatMap((record) => group(record.group)),
        ...[...state.ports.values()].filter(({ port }) => port.bound).flatMap((record) => port(record, state.groups)),
      ]),
    network: (record) => text(network(record)),
    networkGone: ({ network: { id } }) =>
      text([
        `delete element ${inet} outside { "${externalDevice(id)}" }`,
        `delete chain ${inet} ${outsideChain(id)}`,
        `delete element ${inet} zones { "${bridgeName(id)}" }`,
        `delete element ${inet} bridges { "${bridgeName(id)}" }`,
      ]),
    port: (record, groups) => text(port(record, groups)),
    portGone: (record) =>
      text([
        ...portElements(record, bridge, inet).map(([map, key]) => `delete element ${map} { ${key} }`),
        `delete chain ${bridge} ${senderChain(record.port.id)}`,
        `delete chain ${inet} ${egressChain(record.port.id)}`,
        `delete chain ${inet} ${ingressChain(record.port.id)}`,
      ]),
    group: (wired) => text(group(wired)),
    gone: () => text(drop),
  }
}

/** Tables, maps and hooks. A bridge is no way to the host: what is meant for routers goes through their own ports. */
function skeleton(bridge: string, inet: string): string[] {
  return [
    `add table ${bridge}`,
    `add map ${bridge} source_marks { type ifname : mark; }`,
    `add map ${bridge} destination_marks { type ifname : mark; }`,
    `add map ${bridge} senders { type ifname : verdict; }`,
    `add chain ${bridge} prerouting { type filter hook prerouting priority -300; policy accept; }`,
    `add rule ${bridge} prerouting meta mark set iifname map @source_marks`,
    `add rule ${bridge} prerouting iifname vmap @senders`,
    `add chain ${bridge} forward { type filter hook forward priority -150; policy accept; }`,
    `add rule ${bridge} forward meta mark set oifname map @destination_marks`,
    `add chain ${bridge} postrouting { type filter hook postrouting priority 300; policy accept; }`,
    `add rule ${bridge} postrouting meta mark & 0xff000000 == ${mark(0)} meta mark set 0`,
    `add table ${inet}`,
    `add set ${inet} bridges { type ifname; }`,
    `add map ${inet} zones { typeof iifname : ct zone; }`,
    `add map ${inet} egress { type mark : verdict; }`,
    `add map ${inet} ingress { type mark : verdict; }`,
    `add map ${inet} outside { type ifname : verdict; }`,
    `add chain ${inet} zone { type filter hook prerouting priority -300; policy accept; }`,
    `add rule ${inet} zone ct zone set iifname map @zones`,
    `add chain ${inet} from_port { type filter hook prerouting priority 0; policy accept; }`,
    `add rule ${inet} from_port iifname != @bridges accept`,
    `add rule ${inet} from_port meta mark vmap @egress`,
    `add chain ${inet} to_port { type filter hook forward priority 0; policy accept; }`,
    `add rule ${inet} to_port iifname != @bridges accept`,
    `add rule ${inet} to_port oifname != @bridges drop`,
    `add rule ${inet} to_port meta mark vmap @ingress`,
    `add chain ${inet} to_host { type filter hook input priority 0; policy accept; }`,
    `add rule ${inet} to_host iifname @bridges drop`,
    `add chain ${inet} to_outside { type nat hook postrouting priority 100; policy accept; }`,
    `add rule ${inet} to_outside iifname vmap @outside`,
  ]
}

/** The same elements whatever the port's rules are, so that adding them again is no error. */
function portElements(record: PortRecord, bridge: string, inet: string): [map: string, key: string, value: string][] {
  const { id } = record.port
  const device = `"${tapName(id)}"`
  return [
    [`${inet} egress`, senderMark(record), `goto ${egressChain(id)}`],
    [`${inet} ingress`, receiverMark(record), `goto ${ingressChain(id)}`],
    [`${bridge} source_marks`, device, senderMark(record)],
    [`${bridge} destination_marks`, device, receiverMark(record)],
    [`${bridge} senders`, device, `goto ${senderChain(id)}`],
  ]
}

const ALWAYS = {
  egress: [
    'udp sport 68 udp dport 67 accept',
    'udp sport 546 udp dport 547 accept',
    'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept',
  ],
  ingress: [
    'udp sport 67 udp dport 68 accept',
    'udp sport 547 udp dport 546 accept',
    'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
    'icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept',
  ],
}

function portRules(port: WiredPort, direction: 'ingress' | 'egress', groups: HostState['groups']): string[] {
  if (!port.adminStateUp) return ['drop']
  if (!port.portSecurity) return ['accept']
  const stateful = port.securityGroupIds.every((id) => groups.get(id)?.group.stateful ?? true)
  return [
    ...(stateful ? ['ct state established,related accept'] : []),
    ...ALWAYS[direction],
    ...port.securityGroupIds.map((id) => `jump ${groupChain(direction, id)}`),
    'drop',
  ]
}

function groupRules(group: WiredSecurityGroup, direction: 'ingress' | 'egress'): string[] {
  const lines: string[] = []
  for (const rule of group.rules) {
    if (rule.direction !== direction) continue
    const matches = ruleMatches(rule)
    if (typeof matches === 'string') lines.push(`${matches} accept comment "${rule.id}"`)
    else log('network.agent').warn({ rule: rule.id, group: group.id }, `a rule allows nothing: ${matches.refused}`)
  }
  return lines
}

function memberSets(inet: string, groupId: string): string[] {
  return [
    `add set ${inet} ${membersSet(groupId, 4)} { type ipv4_addr; flags interval; }`,
    `add set ${inet} ${membersSet(groupId, 6)} { type ipv6_addr; flags interval; }`,
  ]
}

function membersLines(inet: string, group: WiredSecurityGroup, version: 4 | 6): string[] {
  const members = prefixesOf(version, group.memberAddresses)
  const name = membersSet(group.id, version)
  const filled = members.length > 0 ? [`add element ${inet} ${name} { ${members.join(', ')} }`] : []
  return [...memberSets(inet, group.id), `flush set ${inet} ${name}`, ...filled]
}
