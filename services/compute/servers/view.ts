// A server's row as the API's newest reply; what depends on the version in more than presence is asked of the call.
import { createHash } from 'node:crypto'
import type { Call } from '@kilonova/api/route'
import type { GuestFlavor, GuestImage, GuestVif } from '../agent/guest-spec.ts'
import { instanceName } from '../instance-name.ts'
import type { Link } from '../links.ts'
import { bookmark, linksTo } from '../links.ts'
import type { ServerFaultRow, ServerRow } from '../schema/tables.ts'
import { micros, seconds } from '../time.ts'
import { statusOf } from './state.ts'

type Asked = Pick<Call, 'context' | 'at' | 'allows' | 'url'>

const SHOWS_PROGRESS = ['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING']
const SHOWS_FAULT = ['ERROR', 'DELETED']

/** What a column of JSON holds. */
export function parsed<T>(json: string): T {
  return JSON.parse(json) as T
}

/** Hides the host's name from tenants, yet lets them see which servers share one. */
export function hostIdOf(projectId: string, host: string | null): string {
  return host === null
    ? ''
    : createHash('sha224')
        .update(projectId + host)
        .digest('hex')
}

export const serverLinks = (call: Pick<Call, 'url'>, id: string): Link[] => linksTo(call, `servers/${id}`)

/** The short form of lists. */
export function briefServer(call: Asked, row: ServerRow): object {
  return { id: row.id, name: row.display_name, links: serverLinks(call, row.id) }
}

export interface Beside {
  /** The newest fault, if there is one. */
  fault?: ServerFaultRow | undefined
  /** UP, DOWN, UNKNOWN or MAINTENANCE of the server's host. */
  hostStatus?: string
  /** Names of the security groups of its ports. */
  groups?: readonly string[]
}

/** The long form. */
export function serverView(
  call: Asked,
  row: ServerRow,
  { fault, hostStatus = '', groups = [] }: Beside = {},
): Record<string, unknown> {
  const status = row.deleted_at === null ? statusOf(row.vm_state, row.task_state) : 'DELETED'
  return {
    id: row.id,
    name: row.display_name,
    status,
    tenant_id: row.project_id,
    user_id: row.user_id,
    metadata: parsed(row.metadata_json),
    hostId: hostIdOf(row.project_id, row.host),
    image: imageView(call, row),
    flavor: flavorView(call, row),
    created: seconds(row.created_at),
    updated: seconds(row.updated_at),
    addresses: row.vm_state === 'building' ? {} : addressesOf(row),
    accessIPv4: row.access_ip_v4 ?? '',
    accessIPv6: row.access_ip_v6 ?? '',
    links: serverLinks(call, row.id),
    'OS-DCF:diskConfig': row.disk_config,
    ...(SHOWS_PROGRESS.includes(status) ? { progress: row.progress } : {}),
    'OS-EXT-AZ:availability_zone': row.availability_zone ?? '',
    config_drive: row.config_drive ? 'True' : '',
    key_name: row.key_name,
    'OS-SRV-USG:launched_at': micros(row.launched_at),
    'OS-SRV-USG:terminated_at': micros(row.terminated_at),
    ...(groups.length > 0 ? { security_groups: groups.map((name) => ({ name })) } : {}),
    ...hostAttributes(call, row),
    'OS-EXT-STS:task_state': row.task_state,
    'OS-EXT-STS:vm_state': row.vm_state,
    'OS-EXT-STS:power_state': row.power_state,
    'os-extended-volumes:volumes_attached': [],
    locked: row.locked_by !== null,
    description: row.description ?? (call.at('2.19') ? null : row.display_name),
    tags: parsed(row.tags_json),
    trusted_image_certificates: row.trusted_certs_json === null ? null : parsed(row.trusted_certs_json),
    locked_reason: row.locked_reason,
    pinned_availability_zone: row.pinned_availability_zone,
    scheduler_hints: parsed(row.scheduler_hints_json),
    ...(call.allows('servers:show:host_status') ? { host_status: hostStatus } : {}),
    ...(fault && SHOWS_FAULT.includes(status) ? { fault: faultView(call, fault) } : {}),
  }
}

function hostAttributes(call: Asked, row: ServerRow): object {
  const hostname = call.at('2.90') ? { 'OS-EXT-SRV-ATTR:hostname': row.hostname } : {}
  if (!call.allows('os-extended-server-attributes')) return hostname
  return {
    'OS-EXT-SRV-ATTR:host': row.host,
    'OS-EXT-SRV-ATTR:instance_name': instanceName(row.number),
    'OS-EXT-SRV-ATTR:hypervisor_hostname': row.node,
    'OS-EXT-SRV-ATTR:reservation_id': row.reservation_id,
    'OS-EXT-SRV-ATTR:launch_index': row.launch_index,
    'OS-EXT-SRV-ATTR:hostname': row.hostname,
    'OS-EXT-SRV-ATTR:kernel_id': '',
    'OS-EXT-SRV-ATTR:ramdisk_id': '',
    'OS-EXT-SRV-ATTR:root_device_name': row.root_device_name,
    'OS-EXT-SRV-ATTR:user_data': row.user_data,
  }
}

function imageView(call: Asked, row: ServerRow): unknown {
  if (row.image_id === null) return ''
  const image = { id: row.image_id, links: bookmark(call, `images/${row.image_id}`) }
  return call.at('2.98') ? { ...image, properties: parsed<GuestImage>(row.image_json!).properties } : image
}

function flavorView(call: Asked, row: ServerRow): unknown {
  if (!call.at('2.47')) return { id: row.flavor_id, links: bookmark(call, `flavors/${row.flavor_id}`) }
  const { vcpus, memoryMb, rootGb, ephemeralGb, swapMb, extraSpecs } = parsed<GuestFlavor>(row.flavor_json)
  const specs = call.allows('servers:show:flavor-extra-specs') ? { extra_specs: extraSpecs } : {}
  return {
    vcpus,
    ram: memoryMb,
    disk: rootGb,
    ephemeral: ephemeralGb,
    swap: swapMb,
    original_name: row.flavor_name,
    ...specs,
  }
}

interface Address {
  version: 4 | 6
  addr: string
  'OS-EXT-IPS:type': 'fixed' | 'floating'
  'OS-EXT-IPS-MAC:mac_addr': string
}

/** Addresses by the name of their network, from the cached network_info. */
export function addressesOf(row: Pick<ServerRow, 'network_info_json'>): Record<string, Address[]> {
  const addresses: Record<string, Address[]> = {}
  for (const vif of parsed<GuestVif[]>(row.network_info_json)) {
    const listed = addresses[vif.network.label] ?? []
    addresses[vif.network.label] = listed
    for (const { version, ips } of vif.network.subnets) {
      for (const { address, floatingIps } of ips) {
        const one = (addr: string, type: 'fixed' | 'floating'): Address => ({
          version,
          addr,
          'OS-EXT-IPS:type': type,
          'OS-EXT-IPS-MAC:mac_addr': vif.mac,
        })
        listed.push(one(address, 'fixed'), ...floatingIps.map((floating) => one(floating, 'floating')))
      }
    }
  }
  return addresses
}

function faultView(call: Asked, { code, message, details, created_at }: ServerFaultRow): object {
  const shown = call.context.isAdmin || code !== 500
  return { code, created: seconds(created_at), message, ...(shown && details ? { details } : {}) }
}
