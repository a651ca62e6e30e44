// Addresses and prefixes as the host's tools want them.
import ipaddr from 'ipaddr.js'

export const METADATA_IPV4 = '169.254.169.254'
export const METADATA_IPV6 = 'fe80::a9fe:a9fe'

export interface Prefix {
  version: 4 | 6
  /** The network's address, canonical. */
  address: string
  length: number
}

/** Reads an address or a prefix; host bits are cleared. Undefined when it is neither. */
export function readPrefix(text: string): Prefix | undefined {
  const [address = '', given] = text.split('/')
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return undefined
  if (address.includes('%')) return undefined
  const parsed = ipaddr.parse(address)
  const version = parsed.kind() === 'ipv4' ? 4 : 6
  const longest = version === 4 ? 32 : 128
  const length = given === undefined ? longest : Number(given)
  if ((given !== undefined && !/^\d{1,3}$/.test(given)) || length > longest) return undefined
  const cidr = `${parsed.toString()}/${length}`
  const network = version === 4 ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr)
  return { version, address: network.toString(), length }
}

/** `10.0.0.5`, or `10.0.0.0/24` when it is more than one address. */
export function prefixText({ version, address, length }: Prefix): string {
  return length === (version === 4 ? 32 : 128) ? address : `${address}/${length}`
}

function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.version !== inner.version || outer.length > inner.length) return false
  const network = ipaddr.parse(outer.address)
  return (ipaddr.parse(inner.address) as ipaddr.IPv4).match(network as ipaddr.IPv4, outer.length)
}

/**
 * The prefixes of one version, without what another covers: nftables refuses sets with overlaps.
 * What is no prefix is left out.
 */
export function prefixesOf(version: 4 | 6, texts: readonly string[]): string[] {
  const read = texts.map(readPrefix).filter((prefix) => prefix?.version === version) as Prefix[]
  const unique = new Map(read.map((prefix) => [prefixText(prefix), prefix]))
  const wide = [...unique.values()].filter(({ length }) => length < (version === 4 ? 32 : 128))
  return [...unique]
    .filter(([text, prefix]) => !wide.some((other) => prefixText(other) !== text && contains(other, prefix)))
    .map(([text]) => text)
    .sort()
}

/** True when the address lies in the prefix; false also when either cannot be read. */
export function inPrefix(address: string, cidr: string): boolean {
  const inner = readPrefix(address)
  const outer = readPrefix(cidr)
  return inner !== undefined && outer !== undefined && contains(outer, inner)
}

/** The canonical form, without a zone (`fe80::1%eth0`) and without IPv4 in IPv6 (`::ffff:10.0.0.1`). */
export function canonicalAddress(text: string): string {
  const bare = text.split('%')[0]!
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : bare
}

/** `aa:bb:cc:dd:ee:ff`, or undefined when it is no MAC address. */
export function readMac(text: string): string | undefined {
  const mac = text.toLowerCase()
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : undefined
}

/** The link-local address that a guest makes of its MAC (modified EUI-64). */
export function linkLocalOf(mac: string): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const parts = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, bytes[0]! ^ 2, bytes[1]!, bytes[2]!, 0xff, 0xfe]
  return new ipaddr.IPv6([...parts, bytes[3]!, bytes[4]!, bytes[5]!]).toString()
}

/** An IPv6 address as one hexadecimal number, for raw comparisons. */
export function ipv6Number(address: string): string {
  const bytes = ipaddr.parse(address).toByteArray()
  return `0x${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** The dotted mask of a prefix length. */
export function netmask(length: number): string {
  return ipaddr.IPv4.subnetMaskFromPrefixLength(length).toString()
}
