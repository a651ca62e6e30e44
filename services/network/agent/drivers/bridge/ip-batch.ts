// Lines for `ip -batch`: what is missing between a device as it shall be and as it is. No lines when nothing is.
import { run } from '@kilonova/base/command'
import { log } from '@kilonova/base/log'
import type { LinkSeen } from './links.ts'

export interface LinkWish {
  name: string
  mtu: number
  alias: string
  up: boolean
  /** The bridge it is a port of. */
  master?: string
  mac?: string
}

/** Runs the lines in order; ends at the first that fails. */
export async function ipBatch(lines: readonly string[], namespace?: string): Promise<void> {
  if (lines.length === 0) return
  const where = namespace === undefined ? [] : ['-n', namespace]
  await run('ip', [...where, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

/** Runs each line though others fail: one tenant's unreachable next hop must not hold up the rest. Logs failures. */
export async function ipBatchEach(lines: readonly string[], namespace: string): Promise<void> {
  if (lines.length === 0) return
  const input = `${lines.join('\n')}\n`
  const { code, stderr } = await run('ip', ['-n', namespace, '-force', '-batch', '-'], { input, accept: [0, 1] })
  if (code !== 0) log('network.agent').warn({ namespace, lines, stderr }, 'some settings were refused')
}

/**
 * A bridge that only joins its ports: no spanning tree, no multicast snooping (there is no querier), no ARP answers
 * for the host's addresses and no link-local address.
 */
export function bridgeLines(wish: LinkWish, seen: LinkSeen | undefined): string[] {
  const { name } = wish
  const made = seen ? [] : [`link add name ${name} type bridge`]
  const plain = [
    `link set dev ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${name} arp off addrgenmode none`,
  ]
  return [...made, ...(isFinished(wish, seen) ? [] : plain), ...settingLines(wish, seen)]
}

/** A persistent tap: it stays when the guest that opened it ends. */
export function tapLines(wish: LinkWish, seen: LinkSeen | undefined): string[] {
  const { name } = wish
  const tap = seen?.kind === 'tap' ? seen : undefined
  return [
    ...(seen && !tap ? [`link del dev ${name}`] : []),
    ...(tap ? [] : [`tuntap add dev ${name} mode tap user 0`]),
    ...(isFinished(wish, tap) ? [] : [`link set dev ${name} addrgenmode none`]),
    ...settingLines(wish, tap),
  ]
}

export interface VethWish extends LinkWish {
  peer: { name: string; namespace?: string; mac?: string }
}

/** A pair whose far end lies in a namespace, or beside it. It is made anew when the near end stands alone. */
export function vethLines(wish: VethWish, seen: LinkSeen | undefined, peerThere: boolean): string[] {
  const { name, mtu, peer } = wish
  const whole = peerThere ? seen : undefined
  const far = [
    `peer name ${peer.name} mtu ${mtu}`,
    ...(peer.mac ? [`address ${peer.mac}`] : []),
    ...(peer.namespace ? [`netns ${peer.namespace}`] : []),
  ]
  return [
    ...(seen && !whole ? [`link del dev ${name}`] : []),
    ...(whole ? [] : [`link add name ${name} mtu ${mtu} type veth ${far.join(' ')}`]),
    ...(isFinished(wish, whole) ? [] : [`link set dev ${name} addrgenmode none`]),
    ...settingLines(wish, whole),
  ]
}

/** The label comes after what is set only once, so a device without it was left half made. */
function isFinished(wish: LinkWish, seen: LinkSeen | undefined): boolean {
  return seen?.alias === wish.alias
}

function settingLines(wish: LinkWish, seen: LinkSeen | undefined): string[] {
  const { name } = wish
  const lines: string[] = []
  if (seen?.alias !== wish.alias) lines.push(`link set dev ${name} alias ${wish.alias}`)
  if (seen?.mtu !== wish.mtu) lines.push(`link set dev ${name} mtu ${wish.mtu}`)
  if (wish.mac && seen?.mac !== wish.mac) lines.push(`link set dev ${name} address ${wish.mac}`)
  if (wish.master && seen?.master !== wish.master) lines.push(`link set dev ${name} master ${wish.master}`)
  if (seen ? seen.up !== wish.up : wish.up) lines.push(`link set dev ${name} ${wish.up ? 'up' : 'down'}`)
  return lines
}

export interface AddressSeen {
  /** `10.0.0.2/24` */
  cidr: string
  scope: string
}

/** Addresses to add, then those to remove. Link-local ones that the kernel made are left alone. */
export function addressLines(device: string, wanted: readonly string[], seen: readonly AddressSeen[]): string[] {
  const there = new Set(seen.map(({ cidr }) => cidr))
  const missing = wanted.filter((cidr) => !there.has(cidr))
  const surplus = seen.filter(({ cidr, scope }) => !wanted.includes(cidr) && scope !== 'link')
  return [
    ...missing.map((cidr) => `address add ${cidr} dev ${device}${cidr.includes(':') ? ' nodad' : ''}`),
    ...surplus.map(({ cidr }) => `address del ${cidr} dev ${device}`),
  ]
}

export interface RouteWish {
  /** A prefix, or `default`. */
  destination: string
  via: string
  device?: string
}

/** `route replace` is idempotent; routes through a gateway that nobody wants are removed. */
export function routeLines(wanted: readonly RouteWish[], seen: readonly RouteWish[]): string[] {
  const key = ({ destination, via }: RouteWish) => `${destination} ${via}`
  const wantedKeys = new Set(wanted.map(key))
  const wantedDestinations = new Set(wanted.map(familyDestination))
  const seenKeys = new Set(seen.map(key))
  return [
    ...seen
      .filter((route) => !wantedKeys.has(key(route)) && !wantedDestinations.has(familyDestination(route)))
      .map((route) => `route del ${route.destination} via ${route.via}`),
    ...wanted
      .filter((route) => !seenKeys.has(key(route)))
      .map(
        (route) => `route replace ${route.destination} via ${route.via}${route.device ? ` dev ${route.device}` : ''}`,
      ),
  ]
}

const isIpv6 = ({ via }: RouteWish): boolean => via.includes(':')
const familyDestination = (route: RouteWish): string => `${isIpv6(route) ? 6 : 4} ${route.destination}`
