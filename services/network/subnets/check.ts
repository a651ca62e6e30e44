// What a subnet may be: its prefix, gateway, pools, name servers, routes and IPv6 modes.
import { isDeepStrictEqual } from 'node:util'
import type { Cidr, Range } from '../addresses.ts'
import { canonical, formatAddress, formatCidr, holds, hostRange, parseAddress, parseCidr } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import type { Pool } from '../ports/subnet-parts.ts'
import { isAutomatic, poolText } from '../ports/subnet-parts.ts'
import type { Ipv6Mode } from '../schema/tables.ts'
import type { NewSubnet } from './schema.ts'

const invalid = (message: string): Error => fault('InvalidInput', { message })
const impossible = (name: string, reason: string): Error => fault('InvalidAttribute', { name, reason })
const noAddress = (text: string): string => `'${text}' is not a valid IP address`
const otherVersion = (name: string, text: string, version: number): Error =>
  invalid(`${name} '${text}' does not match the ip_version '${version}'`)

/** The prefix of a new subnet. */
export function cidrOf({ cidr: text, ip_version }: Pick<NewSubnet, 'cidr' | 'ip_version'>): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw impossible('cidr', `'${text}' is not a valid IP subnet`)
  if (cidr.version !== ip_version) throw otherVersion('cidr', text, ip_version)
  if (canonical(text.split('/')[0]!) !== formatAddress(cidr.version, cidr.first)) {
    throw impossible('cidr', `'${text}' isn't a recognized IP subnet cidr, '${formatCidr(cidr)}' is recommended`)
  }
  if (cidr.version === 6 && cidr.first === 0n) throw invalid("IPv6 subnet '::' is not supported")
  return cidr
}

const MULTICAST = [parseCidr('224.0.0.0/4')!, parseCidr('ff00::/8')!]
const LOOPBACK = [parseCidr('127.0.0.0/8')!, parseCidr('::1/128')!]

/** Refuses DHCP where it cannot work. */
export function checkDhcp(cidr: Cidr, isEnabled: boolean): void {
  if (!isEnabled) return
  const longest = cidr.version === 4 ? 30 : 126
  if (cidr.prefix > longest) throw invalid('Subnet has a prefix length that is incompatible with DHCP service enabled')
  const first = { version: cidr.version, value: cidr.first }
  if (MULTICAST.some((range) => holds(range, first))) {
    throw invalid('Multicast IP subnet is not supported if enable_dhcp is True')
  }
  if (LOOPBACK.some((range) => holds(range, first))) {
    throw invalid('Loopback IP subnet is not supported if enable_dhcp is True')
  }
  if (cidr.version === 4 && cidr.first === 0n) {
    throw invalid("First IP '0.0.0.0' of network is not supported if enable_dhcp is True")
  }
}

/** The gateway: the first address of the prefix unless the request names one, or null for none. */
export function gatewayOf(cidr: Cidr, asked: string | null | undefined): string | null {
  if (asked === null) return null
  if (asked === undefined) {
    if (cidr.first === cidr.last) return null
    return formatAddress(cidr.version, cidr.first + 1n)
  }
  const address = parseAddress(asked)
  if (!address) throw impossible('gateway_ip', noAddress(asked))
  if (address.version !== cidr.version) throw otherVersion('gateway_ip', asked, cidr.version)
  const { start, end } = hostRange(cidr)
  const isHost = start <= address.value && address.value <= end
  if (!isHost || !holds(cidr, address)) throw invalid(`Gateway ${asked} is not valid on subnet ${formatCidr(cidr)}`)
  return formatAddress(cidr.version, address.value)
}

/** The pools asked for, checked; by default all host addresses but the gateway's. */
export function poolsOf(cidr: Cidr, gateway: string | null, asked: readonly Pool[] | null | undefined): Pool[] {
  const ranges = asked ? asked.map((pool) => checkedPool(cidr, pool)) : defaultPools(cidr, gateway)
  const sorted = ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))
  for (const [index, range] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next && next.start <= range.end) {
      const [one, other] = [poolText(cidr.version, range), poolText(cidr.version, next)]
      throw fault('OverlappingAllocationPools', { one, other, cidr: formatCidr(cidr) })
    }
  }
  if (gateway !== null) refuseGatewayInside(cidr, gateway, ranges)
  return ranges.map(({ start, end }) => ({
    start: formatAddress(cidr.version, start),
    end: formatAddress(cidr.version, end),
  }))
}

function checkedPool(cidr: Cidr, { start, end }: Pool): Range {
  const pool = `${start}-${end}`
  const [first, last] = [parseAddress(start), parseAddress(end)]
  if (!first || !last) throw impossible('allocation_pools', noAddress(first ? end : start))
  if (first.version !== last.version || first.version !== cidr.version || first.value > last.value) {
    throw fault('InvalidAllocationPool', { pool })
  }
  const hosts = hostRange(cidr)
  if (first.value < hosts.start || last.value > hosts.end) {
    throw fault('OutOfBoundsAllocationPool', { pool, cidr: formatCidr(cidr) })
  }
  return { start: first.value, end: last.value }
}

function defaultPools(cidr: Cidr, gateway: string | null): Range[] {
  const { start, end } = hostRange(cidr)
  const hole = gateway === null ? undefined : parseAddress(gateway)!.value
  if (hole === undefined || hole < start || hole > end) return [{ start, end }]
  const parts = [
    { start, end: hole - 1n },
    { start: hole + 1n, end },
  ]
  return parts.filter((part) => part.start <= part.end)
}

function refuseGatewayInside(cidr: Cidr, gateway: string, ranges: readonly Range[]): void {
  const value = parseAddress(gateway)!.value
  const range = ranges.find(({ start, end }) => start <= value && value <= end)
  if (range) {
    throw fault('GatewayConflictWithAllocationPools', { address: gateway, pool: poolText(cidr.version, range) })
  }
}

/** What the lists of a subnet are for; its id for the words of a fault. */
export interface ListOwner {
  id: string
  version: 4 | 6
}

export function nameserversOf({ options }: Network, { id, version }: ListOwner, asked: readonly string[]): string[] {
  const found: string[] = []
  for (const text of asked) {
    const address = parseAddress(text)
    if (!address) throw impossible('dns_nameservers', `'${text}' is not a valid nameserver. ${noAddress(text)}`)
    const server = formatAddress(address.version, address.value)
    if (found.includes(server)) throw impossible('dns_nameservers', `Duplicate nameserver '${text}'`)
    found.push(server)
  }
  const most = options.max_dns_nameservers
  if (found.length > most) throw fault('DNSNameServersExhausted', { id, most })
  const other = found.find((text) => parseAddress(text)!.version !== version)
  if (other) throw otherVersion('dns_nameserver', other, version)
  return found
}

export interface HostRoute {
  destination: string
  nexthop: string
}

export function hostRoutesOf(
  { options }: Network,
  { id, version }: ListOwner,
  asked: readonly HostRoute[],
): HostRoute[] {
  const found = routesOf('host_routes', asked)
  const most = options.max_subnet_host_routes
  if (found.length > most) throw fault('HostRoutesExhausted', { id, most })
  for (const { destination, nexthop } of found) {
    if (parseAddress(nexthop)!.version !== version) throw otherVersion('nexthop', nexthop, version)
    if (parseCidr(destination)!.version !== version) throw otherVersion('destination', destination, version)
  }
  return found
}

/** Routes in the one form in which they are kept. `name` is the attribute that they stand in. */
export function routesOf(name: string, asked: readonly HostRoute[]): HostRoute[] {
  const found: HostRoute[] = []
  for (const { destination, nexthop } of asked) {
    const cidr = parseCidr(destination)
    const hop = parseAddress(nexthop)
    if (!cidr) throw impossible(name, `'${destination}' is not a valid CIDR`)
    if (!hop) throw impossible(name, noAddress(nexthop))
    const route = { destination: formatCidr(cidr), nexthop: formatAddress(hop.version, hop.value) }
    if (found.some((one) => isDeepStrictEqual(one, route))) {
      throw impossible(name, `Duplicate hostroute '${destination} via ${nexthop}'`)
    }
    found.push(route)
  }
  return found
}

interface Modes {
  ipv6_address_mode: Ipv6Mode | null
  ipv6_ra_mode: Ipv6Mode | null
}

export function modesOf(asked: NewSubnet, cidr: Cidr, hasDhcp: boolean): Modes {
  const ipv6_address_mode = asked.ipv6_address_mode ?? null
  const ipv6_ra_mode = asked.ipv6_ra_mode ?? null
  if (ipv6_address_mode === null && ipv6_ra_mode === null) return { ipv6_address_mode, ipv6_ra_mode }
  if (cidr.version !== 6) {
    throw invalid(`${ipv6_ra_mode === null ? 'ipv6_address_mode' : 'ipv6_ra_mode'} is not valid when ip_version is 4`)
  }
  if (!hasDhcp) throw invalid('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False')
  if (ipv6_address_mode !== null && ipv6_ra_mode !== null && ipv6_address_mode !== ipv6_ra_mode) {
    throw invalid(
      `ipv6_ra_mode set to '${ipv6_ra_mode}' with ipv6_address_mode set to '${ipv6_address_mode}' is not valid. If both attributes are set, they must be the same value`,
    )
  }
  const modes = { ipv6_address_mode, ipv6_ra_mode }
  if (isAutomatic(modes) && cidr.prefix !== 64) {
    throw invalid(
      `Invalid CIDR ${formatCidr(cidr)} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
    )
  }
  return modes
}
