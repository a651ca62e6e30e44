// Anti-spoofing: what a port may send, by MAC, ARP and IP. Rules of the bridge family, ended by a verdict for all.
import type { WiredPort } from '../../protocol.ts'
import { ipv6Number, linkLocalOf, METADATA_IPV4, METADATA_IPV6, prefixesOf, readMac } from './addresses.ts'

const oneOf = (values: readonly string[]): string => `{ ${values.join(', ')} }`

/** The prefixes that each MAC of the port may use. */
function addressesByMac(port: WiredPort): Map<string, string[]> {
  const own = readMac(port.macAddress)
  const byMac = new Map<string, string[]>()
  const add = (mac: string | undefined, address: string): void => {
    if (mac) byMac.set(mac, [...(byMac.get(mac) ?? []), address])
  }
  if (own) byMac.set(own, [])
  for (const { ipAddress } of port.fixedIps) add(own, ipAddress)
  for (const pair of port.allowedAddressPairs)
    add(pair.macAddress === null ? own : readMac(pair.macAddress), pair.ipAddress)
  for (const mac of byMac.keys()) add(mac, linkLocalOf(mac))
  return byMac
}

export function senderRules(port: WiredPort): string[] {
  if (!port.adminStateUp) return ['drop']
  if (!port.portSecurity) return [...metadataGuard(port), 'accept']
  const byMac = addressesByMac(port)
  if (byMac.size === 0) return ['drop']
  return [
    `ether saddr != ${oneOf([...byMac.keys()])} drop`,
    'ether type ip udp sport 67 udp dport 68 drop',
    'ether type ip6 udp sport 547 udp dport 546 drop',
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    ...(port.allowedAddressPairs.length > 0 ? metadataGuard(port) : []),
    ...advertRules([...byMac.values()].flat()),
    'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
    'ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, mld2-listener-report } accept',
    ...[...byMac].flatMap(([mac, addresses]) => macRules(mac, addresses)),
    'drop',
  ]
}

/** A neighbour advertisement may only speak for own addresses; the target stands 64 bits into the message. */
function advertRules(addresses: string[]): string[] {
  const prefixes = prefixesOf(6, addresses)
  const targets = prefixes.map((prefix) => {
    const [address = '', length] = prefix.split('/')
    if (length === undefined) return ipv6Number(address)
    const span = (1n << BigInt(128 - Number(length))) - 1n
    return `${ipv6Number(address)}-0x${(BigInt(ipv6Number(address)) + span).toString(16)}`
  })
  return [`icmpv6 type nd-neighbor-advert @th,64,128 != ${oneOf(targets)} drop`]
}

function macRules(mac: string, addresses: string[]): string[] {
  const ipv4 = prefixesOf(4, addresses)
  const arp = `ether type arp ether saddr ${mac} arp saddr ether ${mac}`
  return [
    // A probe for a duplicate address has no sender address yet.
    `${arp} arp operation request arp saddr ip 0.0.0.0 accept`,
    ...(ipv4.length === 0 ? [] : [`${arp} arp saddr ip ${oneOf(ipv4)} accept`]),
    ...(ipv4.length === 0 ? [] : [`ether saddr ${mac} ip saddr ${oneOf(ipv4)} accept`]),
    `ether saddr ${mac} ip6 saddr ${oneOf(prefixesOf(6, addresses))} accept`,
  ]
}

/** Whatever else a port may send from, it cannot pose as its neighbour before the metadata service. */
function metadataGuard(port: WiredPort): string[] {
  const fixed = port.fixedIps.map(({ ipAddress }) => ipAddress)
  const ipv4 = prefixesOf(4, fixed)
  const mac = readMac(port.macAddress)
  const ipv6 = prefixesOf(6, mac ? [...fixed, linkLocalOf(mac)] : fixed)
  return [
    ipv4.length === 0 ? `ip daddr ${METADATA_IPV4} drop` : `ip daddr ${METADATA_IPV4} ip saddr != ${oneOf(ipv4)} drop`,
    ipv6.length === 0
      ? `ip6 daddr ${METADATA_IPV6} drop`
      : `ip6 daddr ${METADATA_IPV6} ip6 saddr != ${oneOf(ipv6)} drop`,
  ]
}
