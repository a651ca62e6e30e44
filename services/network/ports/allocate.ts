// Addresses for ports. Whoever inserts the row of an address has it: no lock, no doubles, on either database.
import type { Address, Range } from '../addresses.ts'
import { eui64, formatAddress, holds, hostRange, parseAddress, randomBelow } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { isReferenceFault, tables } from '../network.ts'
import type { PortRow, SubnetRow } from '../schema/tables.ts'
import type { SubnetParts } from './subnet-parts.ts'
import { isAutomatic, poolText, subnetParts } from './subnet-parts.ts'

export interface FixedIp {
  subnet_id: string
  ip_address: string
}

export interface WantedIp {
  subnet_id?: string | undefined
  ip_address?: string | undefined
}

/** The port that the addresses are for; its row exists. */
export type ForPort = Pick<PortRow, 'id' | 'network_id' | 'mac_address' | 'device_owner'>

interface Choice {
  subnet: SubnetParts
  /** Null: any free one of the pools. */
  value: bigint | null
}

const RANDOM_TRIES = 8

/** Throws SubnetNotFound for one that no network has. */
export async function requireSubnets(
  network: Network,
  subnets: readonly SubnetRow[],
  wanted: readonly WantedIp[],
): Promise<void> {
  for (const { subnet_id: id } of wanted) {
    if (id === undefined || subnets.some((row) => row.id === id)) continue
    const query = tables(network).selectFrom('network_subnets').select('id').where('id', '=', id)
    if (!(await query.executeTakeFirst())) throw fault('SubnetNotFound', { id })
  }
}

/** Which subnets and addresses a request means. Throws for what cannot be. */
export function chooseAddresses(
  network: Network,
  port: ForPort,
  subnets: readonly SubnetRow[],
  wanted: readonly WantedIp[],
): Choice[] {
  const most = network.options.max_fixed_ips_per_port
  if (wanted.length > most) throw fault('InvalidInput', { message: 'Exceeded maximum amount of fixed ips per port' })
  const parts = subnets.map(subnetParts)
  const choices = wanted.map((one) => chooseOne(network, port, parts, one))
  const named = choices.flatMap(({ subnet, value }) => (value === null ? [] : formatAddress(subnet.version, value)))
  const twice = named.find((address, index) => named.indexOf(address) !== index)
  if (twice) throw fault('InvalidAttribute', { name: 'fixed_ips', reason: `Duplicate IP address '${twice}'` })
  return choices
}

function chooseOne(network: Network, port: ForPort, parts: readonly SubnetParts[], wanted: WantedIp): Choice {
  const { subnet_id, ip_address } = wanted
  if (subnet_id === undefined && ip_address === undefined) {
    throw fault('InvalidInput', { message: 'IP allocation requires subnet_id or ip_address' })
  }
  const address = ip_address === undefined ? undefined : parseAddress(ip_address)
  if (ip_address !== undefined && !address) {
    throw fault('InvalidAttribute', { name: 'fixed_ips', reason: `'${ip_address}' is not a valid IP address` })
  }
  const subnet = subnet_id === undefined ? undefined : parts.find(({ row }) => row.id === subnet_id)
  if (subnet_id !== undefined && !subnet) {
    const message = `Failed to create port on network ${port.network_id}, because fixed_ips included invalid subnet ${subnet_id}`
    throw fault('InvalidInput', { message })
  }
  if (!address) return { subnet: subnet!, value: subnet!.isAutomatic ? eui64(subnet!.cidr, port.mac_address) : null }
  const home = subnet ?? parts.find((part) => isHost(part, port, address))
  if (!home) throw fault('InvalidIpForNetwork', { address: ip_address! })
  checkAddress(network, port, home, { text: ip_address!, ...address })
  return { subnet: home, value: address.value }
}

const isRouter = ({ device_owner }: ForPort): boolean => device_owner.startsWith('network:router')

/** The first and the last address of an IPv4 subnet are no host's, but a router may have them. */
function isHost({ cidr }: Pick<SubnetParts, 'cidr'>, port: ForPort, address: Address): boolean {
  const hosts = isRouter(port) ? { start: cidr.first, end: cidr.last } : hostRange(cidr)
  return holds(cidr, address) && within(hosts, address.value)
}

function checkAddress(
  { options }: Network,
  port: ForPort,
  { row, version, cidr, pools, isAutomatic }: SubnetParts,
  address: { text: string; version: 4 | 6; value: bigint },
): void {
  const isOwn = /^network:(router|dhcp)/.test(port.device_owner)
  if (!isHost({ cidr }, port, address)) throw fault('InvalidIpForSubnet', { address: address.text })
  if (isAutomatic && !isRouter(port) && address.value !== eui64(cidr, port.mac_address)) {
    throw fault('AllocationOnAutoAddressSubnet', { address: address.text, subnetId: row.id })
  }
  const isPooled = isOwn || isAutomatic || pools.some((pool) => within(pool, address.value))
  if (options.allocation_pools_enforced && !isPooled) {
    const texts = pools.map((pool) => poolText(version, pool))
    throw fault('InvalidIpForAllocationPools', { address: address.text, subnetId: row.id, pools: texts })
  }
}

/** A port that asks for addresses still gets its own one in each subnet where hosts make theirs. */
export function withAutomatic(port: ForPort, subnets: readonly SubnetRow[], choices: readonly Choice[]): Choice[] {
  if (/^network:(router_interface|floatingip)/.test(port.device_owner)) return [...choices]
  const missing = subnets.filter((row) => isAutomatic(row) && !choices.some(({ subnet }) => subnet.row.id === row.id))
  return [
    ...choices,
    ...missing.map(subnetParts).map((subnet) => ({ subnet, value: eui64(subnet.cidr, port.mac_address) })),
  ]
}

const within = ({ start, end }: Range, value: bigint): boolean => start <= value && value <= end

/** Takes the chosen addresses for the port, in order. */
export async function takeChosen(
  network: Network,
  port: ForPort,
  choices: readonly Choice[],
  position = 0,
): Promise<FixedIp[]> {
  const taken: FixedIp[] = []
  for (const { subnet, value } of choices) {
    const at = position + taken.length
    const ip = value === null ? await takeAny(network, port, subnet, at) : await take(network, port, subnet, value, at)
    if (!ip && value === null) throw fault('IpAddressGenerationFailure', { id: port.network_id })
    if (!ip) {
      const address = formatAddress(subnet.version, value!)
      throw fault('IpAddressAlreadyAllocated', { address, subnetId: subnet.row.id })
    }
    taken.push(ip)
  }
  return taken
}

/**
 * What a port gets that asks for nothing: an address of the first IPv4 and of the first IPv6 subnet that has room,
 * and its own one in each subnet where hosts make theirs.
 */
export async function takeDefault(
  network: Network,
  port: ForPort,
  subnets: readonly SubnetRow[],
  versions: readonly (4 | 6)[] = [4, 6],
): Promise<FixedIp[]> {
  const parts = subnets.map(subnetParts).filter(({ version }) => versions.includes(version))
  const taken: FixedIp[] = []
  for (const version of versions) {
    const pooled = parts.filter((subnet) => subnet.version === version && !subnet.isAutomatic)
    if (pooled.length === 0) continue
    const ip = await takeFromAny(network, port, pooled, taken.length)
    if (!ip) throw fault('IpAddressGenerationFailure', { id: port.network_id })
    taken.push(ip)
  }
  const own = parts.filter(({ isAutomatic }) => isAutomatic)
  const choices = own.map((subnet) => ({ subnet, value: eui64(subnet.cidr, port.mac_address) }))
  return [...taken, ...(await takeChosen(network, port, choices, taken.length))]
}

async function takeFromAny(
  network: Network,
  port: ForPort,
  subnets: readonly SubnetParts[],
  position: number,
): Promise<FixedIp | undefined> {
  for (const subnet of subnets) {
    const ip = await takeAny(network, port, subnet, position)
    if (ip) return ip
  }
  return undefined
}

/** Undefined when the address is another port's. */
async function take(
  network: Network,
  port: ForPort,
  { row, version }: SubnetParts,
  value: bigint,
  position: number,
): Promise<FixedIp | undefined> {
  const ip = { subnet_id: row.id, ip_address: formatAddress(version, value) }
  try {
    const { numInsertedOrUpdatedRows } = await tables(network)
      .insertInto('network_ip_allocations')
      .values({ ...ip, port_id: port.id, network_id: port.network_id, position })
      .onConflict((conflict) => conflict.columns(['subnet_id', 'ip_address']).doNothing())
      .executeTakeFirstOrThrow()
    return Number(numInsertedOrUpdatedRows) === 0 ? undefined : ip
  } catch (error) {
    if (isReferenceFault(error)) throw fault('SubnetNotFound', { id: row.id }, error)
    throw error
  }
}

/** A random free address of the pools; undefined when there is none. A few guesses, then a choice among what is free. */
async function takeAny(
  network: Network,
  port: ForPort,
  subnet: SubnetParts,
  position: number,
): Promise<FixedIp | undefined> {
  const size = sizeOf(subnet.pools)
  if (size === 0n) return undefined
  for (let attempt = 0; attempt < RANDOM_TRIES; attempt++) {
    const guess = nth(subnet.pools, randomBelow(size, network.random.bytes))
    const ip = await take(network, port, subnet, guess, position)
    if (ip) return ip
  }
  for (;;) {
    const free = await freeRanges(network, subnet)
    const left = sizeOf(free)
    if (left === 0n) return undefined
    const ip = await take(network, port, subnet, nth(free, randomBelow(left, network.random.bytes)), position)
    if (ip) return ip
  }
}

function sizeOf(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, { start, end }) => sum + (end - start + 1n), 0n)
}

function nth(ranges: readonly Range[], index: bigint): bigint {
  let left = index
  for (const { start, end } of ranges) {
    const size = end - start + 1n
    if (left < size) return start + left
    left -= size
  }
  throw new RangeError(`no address ${index} in the ranges`)
}

/** What the pools have between the addresses that are taken. */
async function freeRanges(network: Network, { row, pools }: SubnetParts): Promise<Range[]> {
  const rows = await tables(network)
    .selectFrom('network_ip_allocations')
    .select('ip_address')
    .where('subnet_id', '=', row.id)
    .execute()
  const taken = rows.map(({ ip_address }) => parseAddress(ip_address)!.value).sort((a, b) => (a < b ? -1 : 1))
  return pools.flatMap(({ start, end }) => {
    const free: Range[] = []
    let from = start
    for (const value of taken) {
      if (value < from || value > end) continue
      if (value > from) free.push({ start: from, end: value - 1n })
      from = value + 1n
    }
    if (from <= end) free.push({ start: from, end })
    return free
  })
}
