// Messages that end a lease, as a client would send them: dnsmasq keeps an address from a new holder until then.
import { readMac } from './addresses.ts'

export interface Lease {
  /** The MAC (IPv4) or the IAID (IPv6). */
  owner: string
  address: string
  /** The client's DUID, hexadecimal with colons; for IPv6 only. */
  clientId: string
}

export interface LeaseFile {
  leases: Lease[]
  /** The server's DUID. */
  serverId: string | undefined
}

export function readLeases(content: string): LeaseFile {
  const rows = content.split('\n').map((line) => line.split(' '))
  return {
    serverId: rows.find(([first]) => first === 'duid')?.[1],
    leases: rows
      .filter(([first, , address]) => first !== 'duid' && address)
      .map(([, owner, address, , clientId]) => ({ owner: owner!, address: address!, clientId: clientId ?? '' })),
  }
}

const hexBytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')
const ipv4Bytes = (address: string): number[] => address.split('.').map(Number)

/** DHCPRELEASE (RFC 2131) of an address by a MAC. Undefined when the lease has no MAC. */
export function releaseMessage(lease: Lease, server: string, transaction: Buffer): Buffer | undefined {
  const mac = readMac(lease.owner)
  if (!mac) return undefined
  const fixed = Buffer.alloc(240)
  fixed.set([1, 1, 6, 0], 0)
  fixed.set(transaction.subarray(0, 4), 4)
  fixed.set(ipv4Bytes(lease.address), 12)
  fixed.set(hexBytes(mac), 28)
  fixed.set([0x63, 0x82, 0x53, 0x63], 236)
  const clientId = lease.clientId === '*' || lease.clientId === '' ? Buffer.alloc(0) : hexBytes(lease.clientId)
  const options = [53, 1, 7, 54, 4, ...ipv4Bytes(server)]
  const identified = clientId.length > 0 ? [61, clientId.length, ...clientId] : []
  return Buffer.concat([fixed, Buffer.from([...options, ...identified, 255])])
}

/** RELEASE (RFC 8415) of an address by a client's DUID and IAID. */
export function releaseMessage6(lease: Lease, serverId: string, address: Uint8Array, transaction: Buffer): Buffer {
  const option = (code: number, body: Uint8Array): Buffer => {
    const head = Buffer.alloc(4)
    head.writeUInt16BE(code, 0)
    head.writeUInt16BE(body.length, 2)
    return Buffer.concat([head, body])
  }
  const iaNa = Buffer.alloc(12)
  iaNa.writeUInt32BE(Number(lease.owner.replace(/^T/, '')) >>> 0, 0)
  return Buffer.concat([
    Buffer.from([8, ...transaction.subarray(0, 3)]),
    option(1, hexBytes(lease.clientId)),
    option(2, hexBytes(serverId)),
    option(3, Buffer.concat([iaNa, option(5, Buffer.concat([address, Buffer.alloc(8)]))])),
  ])
}
