// What a port may be: who may ask for it, and which of its parts exclude each other.
import type { Call } from '@kilonova/api/route'
import { canonical } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import type { NetworkRow, PortRow } from '../schema/tables.ts'
import type { PortChange } from './schema.ts'

export interface AddressPair {
  ip_address: string
  mac_address?: string
}

/** Owners that say what the cloud itself made. */
const RESERVED_OWNERS = ['network:dhcp', 'network:floatingip', 'network:router_']

/** Refuses attributes that this caller may not set on this network. */
export function checkRights(
  call: Call,
  action: 'create_port' | 'update_port',
  on: Pick<NetworkRow, 'project_id'>,
  asked: PortChange,
): void {
  const isNetworkOwner = on.project_id === call.context.projectId
  const need = (name: string, isGiven: boolean, alsoNetworkOwner: boolean): void => {
    if (isGiven && !(alsoNetworkOwner && isNetworkOwner)) call.require(`${action}:${name}`)
  }
  const { device_owner, mac_address, fixed_ips, port_security_enabled, allowed_address_pairs } = asked
  if (RESERVED_OWNERS.some((reserved) => device_owner?.startsWith(reserved))) {
    throw fault('InvalidInput', { message: `device_owner '${device_owner}' is reserved for ports of the cloud itself` })
  }
  need('device_owner', device_owner?.startsWith('network:') ?? false, true)
  need('mac_address', (mac_address ?? null) !== null, true)
  need('fixed_ips:ip_address', fixed_ips?.some(({ ip_address }) => ip_address !== undefined) ?? false, true)
  need('port_security_enabled', port_security_enabled !== undefined, true)
  need('allowed_address_pairs', (allowed_address_pairs?.length ?? 0) > 0, true)
  need('binding:host_id', asked['binding:host_id'] !== undefined, false)
  need('binding:profile', Object.keys(asked['binding:profile'] ?? {}).length > 0, false)
}

/** A MAC as we keep it. Throws for one that no single device can have. */
export function macOf(asked: string): string {
  const mac = asked.toLowerCase()
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
  if (isGroup || mac === '00:00:00:00:00:00') {
    throw fault('InvalidAttribute', { name: 'mac_address', reason: `'${asked}' is not a valid MAC address` })
  }
  return mac
}

/** The pairs as we keep them. */
export function pairsOf({ options }: Network, mac: string, asked: PortChange['allowed_address_pairs']): AddressPair[] {
  const pairs = (asked ?? []).map(({ ip_address, mac_address }) => {
    const address = canonical(ip_address)
    if (address === undefined) {
      const reason = `'${ip_address}' is not a valid IP address`
      throw fault('InvalidAttribute', { name: 'allowed_address_pairs', reason })
    }
    return { ip_address: address, ...(mac_address ? { mac_address: macOf(mac_address) } : {}) }
  })
  const most = options.max_allowed_address_pair
  if (pairs.length > most) throw fault('AllowedAddressPairExhausted', { most })
  const seen = new Set<string>()
  for (const { ip_address, mac_address = mac } of pairs) {
    const key = `${ip_address} ${mac_address}`
    if (seen.has(key)) throw fault('DuplicateAddressPairInRequest', { address: ip_address, mac: mac_address })
    seen.add(key)
  }
  return pairs
}

/** DHCP options as we keep them: a null value takes an option away. */
export function dhcpOptionsOf(asked: PortChange['extra_dhcp_opts'], before = '[]'): string {
  if (asked === undefined) return before
  const kept = new Map<string, { opt_name: string; opt_value: string; ip_version: number }>()
  for (const option of JSON.parse(before) as { opt_name: string; opt_value: string; ip_version: number }[])
    kept.set(`${option.opt_name} ${option.ip_version}`, option)
  for (const { opt_name, opt_value, ip_version = 4 } of asked ?? []) {
    if (opt_value === null) kept.delete(`${opt_name} ${ip_version}`)
    else kept.set(`${opt_name} ${ip_version}`, { opt_name, opt_value, ip_version })
  }
  return JSON.stringify([...kept.values()])
}

interface Security {
  port: Pick<PortRow, 'port_security_enabled' | 'allowed_address_pairs_json'>
  groups: readonly string[]
  hasAddress: boolean
}

/** Groups and pairs need port security; groups also an address. */
export function checkSecurity({ port, groups, hasAddress }: Security, isUpdate: boolean): void {
  const isSecure = port.port_security_enabled === 1
  if (groups.length > 0 && !(isSecure && hasAddress)) {
    if (isUpdate) throw fault('PortSecurityPortHasSecurityGroup', {})
    throw fault('PortSecurityAndIPRequiredForSecurityGroups', {})
  }
  if (!isSecure && port.allowed_address_pairs_json !== '[]') throw fault('AddressPairAndPortSecurityRequired', {})
}
