// A subnet's row with its prefix and pools as numbers.
import type { Cidr, Range } from '../addresses.ts'
import { formatAddress, parseAddress, parseCidr } from '../addresses.ts'
import type { SubnetRow } from '../schema/tables.ts'
import { parsed } from '../standard.ts'

export interface Pool {
  start: string
  end: string
}

export interface SubnetParts {
  row: SubnetRow
  version: 4 | 6
  cidr: Cidr
  pools: Range[]
  /** Hosts make their address themselves. */
  isAutomatic: boolean
}

export function subnetParts(row: SubnetRow): SubnetParts {
  const pools = parsed<Pool[]>(row.allocation_pools_json).map(rangeOf)
  return {
    row,
    version: row.ip_version === 6 ? 6 : 4,
    cidr: parseCidr(row.cidr)!,
    pools,
    isAutomatic: isAutomatic(row),
  }
}

type Modes = Pick<SubnetRow, 'ipv6_address_mode' | 'ipv6_ra_mode'>

export function isAutomatic({ ipv6_address_mode, ipv6_ra_mode }: Modes): boolean {
  return [ipv6_address_mode, ipv6_ra_mode].some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless')
}

function rangeOf({ start, end }: Pool): Range {
  return { start: parseAddress(start)!.value, end: parseAddress(end)!.value }
}

/** `10.0.0.2-10.0.0.254` */
export function poolText(version: 4 | 6, { start, end }: Range): string {
  return `${formatAddress(version, start)}-${formatAddress(version, end)}`
}
