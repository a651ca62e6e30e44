// The files of a network's dnsmasq as text. `conf` needs a restart when it changes; the rest is read again on SIGHUP.
import { log } from '@kilonova/base/log'
import type { WiredNetwork, WiredPort, WiredSubnet } from '../../protocol.ts'
import { canonicalAddress, inPrefix, METADATA_IPV4, netmask, readMac, readPrefix } from './addresses.ts'
import { dhcpDevice } from './names.ts'

export interface DhcpSettings {
  directory: string
  /** Whom dnsmasq runs as. */
  user: string
  dnsDomain: string
  /** Where it asks about names that it does not know. None: it answers only for the network's ports. */
  dnsServers: readonly string[]
}

export interface DnsmasqFiles {
  conf: string
  hosts: string
  opts: string
  addnHosts: string
}

const LEASE_TIME = '86400s'

const text = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`)
const subnetTag = (subnet: WiredSubnet): string => `subnet-${subnet.id}`
const portTag = (port: WiredPort): string => `port-${port.id}`

/** Undefined when no subnet of the network has DHCP or router advertisements of ours. */
export function dnsmasqFiles(
  network: WiredNetwork,
  ports: readonly WiredPort[],
  settings: DhcpSettings,
): DnsmasqFiles | undefined {
  const { served, ranges } = rangesOf(network)
  if (ranges.length === 0) return undefined
  return {
    conf: text([...confLines(network, settings, served), ...ranges, ...ports.flatMap(tagLines)]),
    hosts: text(ports.flatMap((port) => hostLines(port, served))),
    opts: text([...networkOptions(network, served), ...ports.flatMap(extraOptions)]),
    addnHosts: text(ports.flatMap((port) => nameLines(port, settings.dnsDomain))),
  }
}

/** Whether the network has a dnsmasq. */
export function hasDnsmasq(network: WiredNetwork): boolean {
  return rangesOf(network).ranges.length > 0
}

function rangesOf(network: WiredNetwork): { served: WiredSubnet[]; ranges: string[] } {
  const served = network.dhcp ? network.subnets.filter((subnet) => subnet.enableDhcp) : []
  return { served, ranges: served.flatMap(rangeLine) }
}

function confLines(network: WiredNetwork, settings: DhcpSettings, served: WiredSubnet[]): string[] {
  const { directory, user, dnsDomain, dnsServers } = settings
  const device = dhcpDevice(network.dhcp!.portId)
  const advertises = served.some((subnet) => subnet.ipVersion === 6 && subnet.ipv6RaMode !== null)
  return [
    `user=${user}`,
    'bind-dynamic',
    `interface=${device}`,
    'except-interface=lo',
    'no-hosts',
    'no-resolv',
    ...dnsServers.map((server) => `server=${server}`),
    `domain=${dnsDomain}`,
    `local=/${dnsDomain}/`,
    `pid-file=${directory}/pid`,
    `dhcp-leasefile=${directory}/leases`,
    `dhcp-hostsfile=${directory}/hosts`,
    `dhcp-optsfile=${directory}/opts`,
    `addn-hosts=${directory}/addn-hosts`,
    `log-facility=${directory}/log`,
    'quiet-dhcp',
    'quiet-dhcp6',
    'quiet-ra',
    'dhcp-authoritative',
    'dhcp-lease-max=65536',
    // Lifetime 0: it names the prefix, but the way out is the router's to advertise.
    ...(advertises ? ['enable-ra', `ra-param=${device},mtu:${network.mtu},60,0`] : []),
  ]
}

/** Static ranges: only ports that are in the hosts file get an address. */
function rangeLine(subnet: WiredSubnet): string[] {
  const prefix = readPrefix(subnet.cidr)
  if (!prefix) return []
  const start = `dhcp-range=set:${subnetTag(subnet)},${prefix.address}`
  if (subnet.ipVersion === 4) return [`${start},static,${netmask(prefix.length)},${LEASE_TIME}`]
  const mode = rangeMode(subnet)
  if (mode === undefined) return []
  if (prefix.length < 64 || (mode !== 'static' && prefix.length !== 64)) {
    log('network.agent').warn({ subnet: subnet.id }, `${subnet.cidr} cannot be served: its prefix must have 64 bits`)
    return []
  }
  return [`${start},${mode},${prefix.length}${mode === 'static' ? `,${LEASE_TIME}` : ''}`]
}

function rangeMode(subnet: WiredSubnet): 'static' | 'ra-only' | 'ra-stateless' | undefined {
  const { ipv6AddressMode, ipv6RaMode } = subnet
  if (hasLeases(subnet)) return 'static'
  if (ipv6AddressMode === 'dhcpv6-stateless') return ipv6RaMode === null ? 'static' : 'ra-stateless'
  return ipv6RaMode === null ? undefined : 'ra-only'
}

/** True for an IPv6 subnet whose addresses DHCP gives. One without any mode is such, as in Neutron. */
function hasLeases({ ipv6AddressMode, ipv6RaMode }: WiredSubnet): boolean {
  return ipv6AddressMode === 'dhcpv6-stateful' || (ipv6AddressMode === null && ipv6RaMode === null)
}

/** What a tenant writes may not end a line or a field. */
function hostLabel(port: WiredPort, address: string): string {
  const wanted = (port.hostname ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  return wanted === '' ? `host-${address.replace(/[.:]+/g, '-').replace(/^-|-$/g, '')}` : wanted
}

/**
 * Tags for ports with options of their own. They cannot stand in the hosts file: dnsmasq (2.86 to 2.90 at least) crashes
 * when it reads that again after it has served a host with a tag.
 */
function tagLines(port: WiredPort): string[] {
  const mac = readMac(port.macAddress)
  return mac && extraOptions(port).length > 0 ? [`dhcp-mac=set:${portTag(port)},${mac}`] : []
}

function hostLines(port: WiredPort, served: readonly WiredSubnet[]): string[] {
  const mac = readMac(port.macAddress)
  if (!mac) return []
  return port.fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const subnet = served.find(({ id }) => id === subnetId)
    if (!subnet || !readPrefix(ipAddress)) return []
    const start = `${mac},${hostLabel(port, ipAddress)}`
    if (subnet.ipVersion === 4) return [`${start},${ipAddress}`]
    return hasLeases(subnet) ? [`${start},[${ipAddress}]`] : []
  })
}

function nameLines(port: WiredPort, dnsDomain: string): string[] {
  return port.fixedIps
    .filter(({ ipAddress }) => readPrefix(ipAddress))
    .map(({ ipAddress }) => {
      const label = hostLabel(port, ipAddress)
      return `${canonicalAddress(ipAddress)} ${label}.${dnsDomain} ${label}`
    })
}

function networkOptions(network: WiredNetwork, served: WiredSubnet[]): string[] {
  const lines = served.flatMap((subnet) =>
    subnet.ipVersion === 4 ? ipv4Options(network, subnet) : ipv6Options(network, subnet),
  )
  return served.some(({ ipVersion }) => ipVersion === 4) ? [`option:mtu,${network.mtu}`, ...lines] : lines
}

function dhcpAddress(network: WiredNetwork, subnet: WiredSubnet): string | undefined {
  return network.dhcp?.fixedIps.find(({ subnetId }) => subnetId === subnet.id)?.ipAddress
}

function ipv4Options(network: WiredNetwork, subnet: WiredSubnet): string[] {
  const tag = `tag:${subnetTag(subnet)}`
  const own = dhcpAddress(network, subnet)
  const servers = subnet.dnsNameservers.filter((server) => readPrefix(server)?.version === 4)
  const dns = servers.length > 0 ? servers : own ? [own] : []
  const routes = staticRoutes(network, subnet, own)
  return [
    ...(dns.length === 0 ? [] : [`${tag},option:dns-server,${dns.join(',')}`]),
    ...(routes.length === 0
      ? []
      : [`${tag},option:classless-static-route,${routes.join(',')}`, `${tag},249,${routes.join(',')}`]),
    // Without a value: the client is told of no router, where dnsmasq would name itself.
    subnet.gatewayIp === null ? `${tag},option:router` : `${tag},option:router,${subnet.gatewayIp}`,
  ]
}

/** A client that takes option 121 ignores the router option, so the default route is here as well. */
function staticRoutes(network: WiredNetwork, subnet: WiredSubnet, own: string | undefined): string[] {
  const neighbours = network.subnets.filter((other) => other.ipVersion === 4 && other.id !== subnet.id)
  const hostRoutes = subnet.hostRoutes.filter(
    ({ destination, nexthop }) => readPrefix(destination)?.version === 4 && readPrefix(nexthop)?.version === 4,
  )
  const given = new Set(hostRoutes.map(({ destination }) => destination))
  return [
    ...(own && !given.has(`${METADATA_IPV4}/32`) ? [`${METADATA_IPV4}/32,${own}`] : []),
    ...hostRoutes.map(({ destination, nexthop }) => `${destination},${nexthop}`),
    ...neighbours.filter(({ cidr }) => !given.has(cidr)).map(({ cidr }) => `${cidr},0.0.0.0`),
    ...(subnet.gatewayIp === null || given.has('0.0.0.0/0') ? [] : [`0.0.0.0/0,${subnet.gatewayIp}`]),
  ]
}

function ipv6Options(network: WiredNetwork, subnet: WiredSubnet): string[] {
  const own = dhcpAddress(network, subnet)
  const servers = subnet.dnsNameservers.filter((server) => readPrefix(server)?.version === 6)
  const dns = servers.length > 0 ? servers : own ? [own] : []
  return dns.length === 0
    ? []
    : [`tag:${subnetTag(subnet)},option6:dns-server,${dns.map((address) => `[${address}]`).join(',')}`]
}

function extraOptions(port: WiredPort): string[] {
  return port.extraDhcpOpts.flatMap(({ optName, optValue, ipVersion }) => {
    const value = optValue.split(/[\r\n]/)[0]!
    if (!/^[a-z0-9-]+$/i.test(optName)) return []
    const numbered = /^\d+$/.test(optName)
    const name = ipVersion === 6 ? `option6:${optName}` : numbered ? optName : `option:${optName}`
    return [`tag:${portTag(port)},${name},${value}`]
  })
}

/**
 * A lease file without the leases that no port has any more: dnsmasq would refuse their addresses to a new holder.
 * Lines: expiry, MAC (IPv6: IAID), address, name, client id; and one with the server's own DUID.
 */
export function prunedLeases(leases: string, ports: readonly WiredPort[]): string {
  const holders = new Map(
    ports.flatMap((port) =>
      port.fixedIps.map(({ ipAddress }) => [canonicalAddress(ipAddress), readMac(port.macAddress)]),
    ),
  )
  const kept = leases.split('\n').filter((line) => {
    const [first, owner = '', address = ''] = line.split(' ')
    if (first === 'duid') return true
    const holder = holders.get(canonicalAddress(address))
    return holder !== undefined && (address.includes(':') || holder === owner)
  })
  return text(kept)
}

/** The address of the subnet's DHCP port with its prefix length, for the device in the namespace. */
export function ownCidrs(
  network: WiredNetwork,
  fixedIps: readonly { subnetId: string; ipAddress: string }[],
): string[] {
  return fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const subnet = network.subnets.find(({ id }) => id === subnetId)
    const prefix = subnet && readPrefix(subnet.cidr)
    return prefix && inPrefix(ipAddress, subnet.cidr) ? [`${canonicalAddress(ipAddress)}/${prefix.length}`] : []
  })
}
