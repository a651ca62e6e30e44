// Netmasks and network addresses as text, for both versions of IP.

/** `255.255.255.0`, `ffff:ffff:ffff:ffff::` */
export function netmask(cidr: string, version: 4 | 6): string {
  const { prefix } = split(cidr)
  return text(mask(prefix, version), version)
}

/** The CIDR's address with its host bits cleared. */
export function networkAddress(cidr: string, version: 4 | 6): string {
  const { address, prefix } = split(cidr)
  return text(parse(address, version) & mask(prefix, version), version)
}

function split(cidr: string): { address: string; prefix: number } {
  const [address = '', prefix = ''] = cidr.split('/')
  return { address, prefix: Number(prefix) }
}

function mask(prefix: number, version: 4 | 6): bigint {
  const width = version === 4 ? 32n : 128n
  return ((1n << BigInt(prefix)) - 1n) << (width - BigInt(prefix))
}

function parse(address: string, version: 4 | 6): bigint {
  if (version === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
  // the URL parser knows every spelling of an IPv6 address
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const before = head ? head.split(':') : []
  const after = tail ? tail.split(':') : []
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].reduce((sum, part) => (sum << 16n) | BigInt(`0x${part}`), 0n)
}

function text(value: bigint, version: 4 | 6): string {
  const bits = version === 4 ? 8n : 16n
  const count = version === 4 ? 4 : 8
  const parts = Array.from({ length: count }, (_, i) => (value >> (bits * BigInt(count - 1 - i))) & ((1n << bits) - 1n))
  if (version === 4) return parts.join('.')
  return new URL(`http://[${parts.map((part) => part.toString(16)).join(':')}]/`).hostname.slice(1, -1)
}
