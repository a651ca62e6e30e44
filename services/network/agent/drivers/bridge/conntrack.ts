// Established flows that a change no longer allows: the connection tracking would let them go on.
import { CommandFailed, run } from '@kilonova/base/command'
import type { GroupChange, HostState, PortRecord } from '../../backend.ts'
import type { WiredSecurityGroupRule } from '../../protocol.ts'
import { canonicalAddress, readPrefix } from './addresses.ts'
import { protocolNumber } from './security-group-rules.ts'

/** A kind of flow in one zone; what is null is any. */
export interface FlowsToEnd {
  zone: number
  version: 4 | 6
  /** The port's own address, and on which side of the flow's first packet it stands. */
  address: string
  side: 'source' | 'destination'
  protocol: number | null
  destinationPort: number | null
  /** The other side: an address or a prefix. */
  remote: string | null
}

/** Above this many kinds of flow for one address, all its flows go: they come back if they are still allowed. */
const FEW = 8

/** Looks first which addresses have any flow: mostly none has, and one look costs as much as one deletion. */
export async function endFlows(flows: readonly FlowsToEnd[]): Promise<void> {
  const tables = Map.groupBy(flows, ({ zone, version }) => `-w ${zone} -f ipv${version}`)
  for (const [table, wanted] of tables) {
    const { stdout } = await run('conntrack', ['-L', ...table.split(' ')])
    const seen = originalEnds(stdout)
    await deleteFlows(wanted.filter(({ side, address }) => seen[side].has(canonicalAddress(address))))
  }
}

/** The ends of the listed flows' first packets. */
export function originalEnds(listing: string): Record<FlowsToEnd['side'], Set<string>> {
  const ends = { source: new Set<string>(), destination: new Set<string>() }
  for (const [, source, destination] of listing.matchAll(/^\w+ .*? src=(\S+) dst=(\S+) .*?src=/gm)) {
    ends.source.add(canonicalAddress(source!))
    ends.destination.add(canonicalAddress(destination!))
  }
  return ends
}

async function deleteFlows(flows: readonly FlowsToEnd[]): Promise<void> {
  for (const flow of condensed(flows)) await deleteKind(conntrackArguments(flow))
}

/**
 * Ends the flows that conntrack's arguments name, here or in a namespace; none is no error. conntrack gives up when a
 * flow ends by itself between its look and its deletion: then once more.
 */
export async function deleteKind(deletion: string[], namespace?: string, tries = 5): Promise<void> {
  const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace]
  const [file, ...args] = [...inside, 'conntrack', ...deletion]
  try {
    await run(file!, args)
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.code !== 1) throw error
    if (error.stderr.includes(' 0 flow entries')) return
    if (tries === 0 || !error.stderr.includes("doesn't exist")) throw error
    await deleteKind(deletion, namespace, tries - 1)
  }
}

/** Without doubles, and shortened where there are many. */
export function condensed(flows: readonly FlowsToEnd[]): FlowsToEnd[] {
  const unique = [...new Map(flows.map((flow) => [JSON.stringify(flow), flow])).values()]
  const byAddress = Map.groupBy(unique, ({ zone, address, side }) => `${zone} ${address} ${side}`)
  return [...byAddress.values()].flatMap((same) =>
    same.length <= FEW ? same : [{ ...same[0]!, protocol: null, destinationPort: null, remote: null }],
  )
}

export function conntrackArguments(flow: FlowsToEnd): string[] {
  const { zone, version, address, side, protocol, destinationPort, remote } = flow
  const [own, other] = side === 'destination' ? ['--orig-dst', '--orig-src'] : ['--orig-src', '--orig-dst']
  const args = ['-D', '-w', String(zone), '-f', version === 4 ? 'ipv4' : 'ipv6', own, address]
  if (remote !== null) args.push(other, remote)
  if (protocol !== null) args.push('-p', String(protocol))
  if (destinationPort !== null) args.push('--orig-port-dst', String(destinationPort))
  return args
}

/** The flows of ports here that lost a rule, or whose rules lost a remote member. */
export function flowsOfGroupChange(change: GroupChange, state: HostState): FlowsToEnd[] {
  const { before, after } = change
  if (!before) return []
  const kept = new Set((after?.rules ?? []).map(meaning))
  const lost = before.rules.filter((rule) => !kept.has(meaning(rule)))
  const stillMembers = new Set(after?.memberAddresses)
  const gone = before.memberAddresses.filter((address) => !stillMembers.has(address))
  const fromRules = lost.flatMap((rule) => portsOf(before.id, state).flatMap((port) => flowsOfRule(rule, port, state)))
  const fromMembers = gone.flatMap((member) =>
    [...state.groups.values()].flatMap(({ group }) =>
      group.rules
        .filter(({ remoteGroupId }) => remoteGroupId === before.id)
        .flatMap((rule) => portsOf(group.id, state).flatMap((port) => flowsOfRule(rule, port, state, member))),
    ),
  )
  return [...fromRules, ...fromMembers]
}

/** All flows of a port that lost a group, an address or its freedom from filters. */
export function flowsOfPortChange(before: PortRecord, after: PortRecord | null, state: HostState): FlowsToEnd[] {
  const groups = new Set(after?.port.securityGroupIds)
  const addresses = after?.port.fixedIps.map(({ ipAddress }) => ipAddress) ?? []
  const lostGroup = before.port.securityGroupIds.some((id) => !groups.has(id))
  const filtered = after !== null && !before.port.portSecurity && after.port.portSecurity
  const lost = before.port.fixedIps.filter(({ ipAddress }) => lostGroup || filtered || !addresses.includes(ipAddress))
  const zone = state.networks.get(before.port.networkId)?.zone
  if (zone === undefined) return []
  return lost.flatMap(({ ipAddress }) =>
    (['source', 'destination'] as const).map((side) => ({
      zone,
      version: ipAddress.includes(':') ? (6 as const) : (4 as const),
      address: ipAddress,
      side,
      protocol: null,
      destinationPort: null,
      remote: null,
    })),
  )
}

const meaning = ({ id: _, ...rule }: WiredSecurityGroupRule): string => JSON.stringify(rule)

function portsOf(groupId: string, state: HostState): PortRecord[] {
  return [...state.ports.values()].filter(({ port }) => port.bound && port.securityGroupIds.includes(groupId))
}

function flowsOfRule(
  rule: WiredSecurityGroupRule,
  record: PortRecord,
  state: HostState,
  member?: string,
): FlowsToEnd[] {
  const zone = state.networks.get(record.port.networkId)?.zone
  const protocol = protocolNumber(rule)
  if (zone === undefined || protocol === undefined) return []
  const version = rule.ethertype === 'IPv4' ? 4 : 6
  const remote = member ?? rule.remoteIpPrefix
  const prefix = remote === null ? undefined : readPrefix(remote)
  if (prefix && prefix.version !== version) return []
  const withPorts = protocol === 6 || protocol === 17
  const onePort = withPorts && rule.portRangeMin !== null && rule.portRangeMin === rule.portRangeMax
  return record.port.fixedIps
    .filter(({ ipAddress }) => ipAddress.includes(':') === (version === 6))
    .map(({ ipAddress }) => ({
      zone,
      version,
      address: ipAddress,
      side: rule.direction === 'ingress' ? 'destination' : 'source',
      protocol,
      destinationPort: onePort ? rule.portRangeMin : null,
      remote: prefix && prefix.length > 0 ? remote : null,
    }))
}
