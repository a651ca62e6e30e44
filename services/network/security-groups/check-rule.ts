// A security group rule as asked, checked and brought into the one form in which it is kept.
import { canonical, formatCidr, parseAddress, parseCidr } from '../addresses.ts'
import { IP_PROTOCOLS } from '../agent/ip-protocols.ts'
import { fault } from '../faults.ts'
import type { SecurityGroupRuleRow } from '../schema/tables.ts'
import type { NewRule } from './schema.ts'

export type RuleMatch = Pick<
  SecurityGroupRuleRow,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'port_range_min'
  | 'port_range_max'
  | 'remote_ip_prefix'
  | 'remote_group_id'
  | 'matches'
>

const WITH_PORTS = [6, 17, 33, 132, 136]
const ICMP = [1, 58]
const IPV6_ONLY = ['ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'icmpv6', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route', '58']
const MOST_PORT = 65_535

export function checkRule(rule: NewRule): RuleMatch {
  const ethertype = (rule.ethertype ?? 'IPv4').toLowerCase() === 'ipv6' ? 'IPv6' : 'IPv4'
  const protocol = protocolOf(rule.protocol ?? null)
  const { direction } = rule
  const ports = portsOf(rule, protocol)
  if (protocol !== null && ethertype === 'IPv4' && IPV6_ONLY.includes(protocol)) {
    throw fault('SecurityGroupEthertypeConflictWithProtocol', { ethertype, protocol })
  }
  const remote_group_id = rule.remote_group_id ?? null
  const remote_ip_prefix = prefixOf(rule.remote_ip_prefix ?? null, ethertype)
  if (remote_group_id !== null && remote_ip_prefix !== null) {
    throw fault('SecurityGroupMultipleRemoteEntites', {})
  }
  const match = { direction, ethertype, protocol, ...ports, remote_ip_prefix, remote_group_id } as const
  return { ...match, matches: fingerprint(match) }
}

function protocolOf(asked: string | number | null): string | null {
  if (asked === null) return null
  const protocol = String(asked).toLowerCase()
  if (protocol === 'any' || protocol === '0' || protocol === '') return null
  if (Object.hasOwn(IP_PROTOCOLS, protocol)) return protocol
  if (/^\d{1,3}$/.test(protocol) && Number(protocol) <= 255) return String(Number(protocol))
  throw fault('SecurityGroupRuleInvalidProtocol', { protocol: String(asked), known: Object.keys(IP_PROTOCOLS) })
}

function numberOf(protocol: string): number {
  return IP_PROTOCOLS[protocol] ?? Number(protocol)
}

function portsOf(
  { port_range_min, port_range_max }: NewRule,
  protocol: string | null,
): { port_range_min: number | null; port_range_max: number | null } {
  const min = port_range_min ?? null
  const max = port_range_max ?? null
  if (min === null && max === null) return { port_range_min: null, port_range_max: null }
  if (protocol === null) throw fault('SecurityGroupProtocolRequiredWithPorts', {})
  if (ICMP.includes(numberOf(protocol))) checkIcmp(min, max)
  else checkPorts(min, max, protocol)
  return { port_range_min: min, port_range_max: max }
}

function checkIcmp(type: number | null, code: number | null): void {
  const fields = [
    { field: 'type', attr: 'port_range_min', value: type },
    { field: 'code', attr: 'port_range_max', value: code },
  ]
  for (const { field, attr, value } of fields) {
    if (value !== null && (value < 0 || value > 255)) {
      throw fault('SecurityGroupInvalidIcmpValue', { field, attr, value })
    }
  }
  if (type === null && code !== null) throw fault('SecurityGroupMissingIcmpType', { value: code })
}

function checkPorts(min: number | null, max: number | null, protocol: string): void {
  if (!WITH_PORTS.includes(numberOf(protocol))) {
    throw fault('SecurityGroupInvalidProtocolForPort', { protocol })
  }
  for (const port of [min, max]) {
    if (port !== null && (port < 1 || port > MOST_PORT)) throw fault('SecurityGroupInvalidPortValue', { port })
  }
  if (min === null || max === null || min > max) throw fault('SecurityGroupInvalidPortRange', {})
}

function prefixOf(asked: string | null, ethertype: 'IPv4' | 'IPv6'): string | null {
  if (asked === null) return null
  const bits = parseAddress(asked)?.version === 6 ? 128 : 32
  const cidr = parseCidr(asked.includes('/') ? asked : `${asked}/${bits}`)
  if (!cidr) throw fault('InvalidCIDR', { text: asked })
  if ((cidr.version === 6) !== (ethertype === 'IPv6')) {
    throw fault('SecurityGroupRuleParameterConflict', { ethertype, cidr: asked })
  }
  return `${canonical(asked.split('/')[0]!)}/${cidr.prefix}`
}

function fingerprint(match: Omit<RuleMatch, 'matches'>): string {
  const { direction, ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix, remote_group_id } = match
  const isAll = port_range_min === 1 && port_range_max === MOST_PORT
  const range = isAll ? [null, null] : [port_range_min, port_range_max]
  // 0 is any, as no protocol is
  const number = protocol === null ? null : numberOf(protocol) || null
  const prefix = normalizedCidr(remote_ip_prefix)
  return JSON.stringify([direction, ethertype, number, ...range, prefix, remote_group_id])
}

/** The prefix without the bits behind it. */
export function normalizedCidr(prefix: string | null): string | null {
  const cidr = prefix === null ? undefined : parseCidr(prefix)
  return cidr ? formatCidr(cidr) : prefix
}
