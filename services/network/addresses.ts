// Addresses and prefixes as numbers: what ipaddr.js reads and writes, counted in BigInt.
import ipaddr from 'ipaddr.js'

export interface Address {
  version: 4 | 6
  value: bigint
}

/** A prefix: its first and last address, whatever they are good for. */
export interface Cidr {
  version: 4 | 6
  prefix: number
  first: bigint
  last: bigint
}

export interface Range {
  start: bigint
  end: bigint
}

/** Each link that carries IPv6 has to carry packets of that size. */
export const LEAST_IPV6_MTU = 1280

const DOTTED = /^\d{1,3}(\.\d{1,3}){3}$/

/** Undefined for what is no plain address: no zone, no port, four decimal parts for IPv4. */
export function parseAddress(text: string): Address | undefined {
  const version = text.includes(':') ? 6 : 4
  if (text.includes('%') || (version === 4 && !DOTTED.test(text)) || !ipaddr.isValid(text)) return undefined
  if (version === 4 && text.split('.').some((part) => part.length > 1 && part.startsWith('0'))) return undefined
  return { version, value: numberOf(ipaddr.parse(text).toByteArray()) }
}

/** Undefined for what is no prefix. Bits behind the prefix may be set. */
export function parseCidr(text: string): Cidr | undefined {
  const [head = '', length = '', ...rest] = text.split('/')
  const address = parseAddress(head)
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined
  const bits = address.version === 4 ? 32 : 128
  const prefix = Number(length)
  if (prefix > bits) return undefined
  const size = 1n << BigInt(bits - prefix)
  const first = (address.value / size) * size
  return { version: address.version, prefix, first, last: first + size - 1n }
}

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** The one way in which we write an address. */
export function formatAddress(version: 4 | 6, value: bigint): string {
  const count = version === 4 ? 4 : 16
  const bytes = Array.from({ length: count }, (_, i) => Number((value >> BigInt(8 * (count - 1 - i))) & 0xffn))
  const address = ipaddr.fromByteArray(bytes)
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

export function formatCidr({ version, first, prefix }: Cidr): string {
  return `${formatAddress(version, first)}/${prefix}`
}

/** An address or a prefix, written our way; undefined for anything else. */
export function canonical(text: string): string | undefined {
  const address = parseAddress(text)
  if (address) return formatAddress(address.version, address.value)
  const cidr = parseCidr(text)
  return cidr && formatCidr(cidr)
}

export function holds({ version, first, last }: Cidr, address: Address): boolean {
  return version === address.version && first <= address.value && address.value <= last
}

export function overlap(one: Cidr, other: Cidr): boolean {
  return one.version === other.version && one.first <= other.last && other.first <= one.last
}

/** The addresses that hosts may have: without network and broadcast, where the prefix has them. */
export function hostRange({ version, prefix, first, last }: Cidr): Range {
  if (version === 4) return prefix >= 31 ? { start: first, end: last } : { start: first + 1n, end: last - 1n }
  return prefix >= 127 ? { start: first, end: last } : { start: first + 1n, end: last }
}

/** The address that IPv6 hosts make of a prefix of 64 bits and their MAC. */
export function eui64({ first }: Cidr, mac: string): bigint {
  const bytes = mac.split(':').map((part) => Number.parseInt(part, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  return first | numberOf([a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/** A random number from 0 to below `limit`. */
export function randomBelow(limit: bigint, bytes: (count: number) => Uint8Array): bigint {
  return numberOf([...bytes(24)]) % limit
}
