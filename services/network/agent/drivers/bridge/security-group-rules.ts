// One rule of a security group as the matches of an nftables rule.
import { IP_PROTOCOLS } from '../../ip-protocols.ts'
import type { WiredSecurityGroupRule } from '../../protocol.ts'
import { prefixText, readPrefix } from './addresses.ts'

const WITH_PORTS: Record<number, string> = { 6: 'tcp', 17: 'udp', 33: 'dccp', 132: 'sctp', 136: 'udplite' }
/** Extension headers: nftables' l4proto looks past them. */
const EXTENSION_HEADERS = new Set([43, 44, 59, 60])

/** A rule that cannot be expressed; it then allows nothing. */
export interface Refused {
  refused: string
}

/** The protocol's number; null is any; undefined is unknown. */
export function protocolNumber(
  rule: Pick<WiredSecurityGroupRule, 'protocol' | 'ethertype'>,
): number | null | undefined {
  const { protocol, ethertype } = rule
  if (protocol === null || protocol === 'any' || protocol === '') return null
  const number = /^\d{1,3}$/.test(protocol) ? Number(protocol) : IP_PROTOCOLS[protocol.toLowerCase()]
  if (number === undefined || number > 255) return undefined
  if (number === 0) return null
  return number === 1 && ethertype === 'IPv6' ? 58 : number
}

/** The matches of a rule, for example `meta nfproto ipv4 ip saddr 10.0.0.0/8 tcp dport 80-90`. */
export function ruleMatches(rule: WiredSecurityGroupRule): string | Refused {
  const protocol = protocolNumber(rule)
  if (protocol === undefined) return { refused: `protocol ${rule.protocol} is unknown` }
  const remote = remoteMatch(rule)
  if (typeof remote !== 'string') return remote
  const ports = portMatch(rule, protocol)
  if (typeof ports !== 'string') return ports
  const family = rule.ethertype === 'IPv4' ? 'meta nfproto ipv4' : 'meta nfproto ipv6'
  return [family, remote, ports].filter(Boolean).join(' ')
}

/** The set of a group's members in one IP version. */
export const membersSet = (groupId: string, version: 4 | 6): string => `members${version}-${groupId}`

function remoteMatch({
  direction,
  ethertype,
  remoteIpPrefix,
  remoteGroupId,
}: WiredSecurityGroupRule): string | Refused {
  const version = ethertype === 'IPv4' ? 4 : 6
  const field = `${version === 4 ? 'ip' : 'ip6'} ${direction === 'ingress' ? 'saddr' : 'daddr'}`
  if (remoteGroupId !== null) return `${field} @${membersSet(remoteGroupId, version)}`
  if (remoteIpPrefix === null) return ''
  const prefix = readPrefix(remoteIpPrefix)
  if (prefix?.version !== version) return { refused: `${remoteIpPrefix} is no ${ethertype} prefix` }
  return prefix.length === 0 ? '' : `${field} ${prefixText(prefix)}`
}

function portMatch(rule: WiredSecurityGroupRule, protocol: number | null): string | Refused {
  const { portRangeMin: min, portRangeMax: max } = rule
  const bare = min === null && max === null
  if (protocol === null) return bare ? '' : { refused: 'ports without a protocol' }
  if (protocol === 1 || protocol === 58) return icmpMatch(protocol, min, max)
  const named = WITH_PORTS[protocol]
  if (!named) {
    if (!bare) return { refused: `protocol ${rule.protocol} has no ports` }
    return EXTENSION_HEADERS.has(protocol) ? `ip6 nexthdr ${protocol}` : `meta l4proto ${protocol}`
  }
  if (bare) return `meta l4proto ${protocol}`
  const low = min ?? max!
  const high = max ?? min!
  const valid = [low, high].every((port) => Number.isInteger(port) && port >= 0 && port <= 65535) && low <= high
  if (!valid) return { refused: `${low} to ${high} is no port range` }
  return `${named} dport ${low === high ? low : `${low}-${high}`}`
}

function icmpMatch(protocol: 1 | 58, type: number | null, code: number | null): string | Refused {
  if ([type, code].some((part) => part !== null && !(Number.isInteger(part) && part >= 0 && part <= 255)))
    return { refused: `${type}, ${code} is no ICMP type and code` }
  if (type === null && code !== null) return { refused: 'an ICMP code without a type' }
  const named = protocol === 1 ? 'icmp' : 'icmpv6'
  const parts = [`meta l4proto ${protocol}`]
  if (type !== null) parts.push(`${named} type ${type}`)
  if (code !== null) parts.push(`${named} code ${code}`)
  return parts.join(' ')
}
