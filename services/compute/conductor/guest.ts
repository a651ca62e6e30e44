// A server's row as its host is told of it.
import type { GuestSpec } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { instanceName } from '../instance-name.ts'
import type { ServerRow } from '../schema/tables.ts'
import { blockDevicesOf } from '../servers/block-device-store.ts'
import type { ServerNetwork } from '../servers/networks.ts'
import { findServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'

/** The row of a task's server; a task whose server is gone fails with its name. */
export async function serverOf(compute: Compute, id: string): Promise<ServerRow> {
  const row = await findServer(compute, id)
  if (!row) throw fault('InstanceNotFound', { id })
  return row
}

export function networksOf(row: ServerRow): ServerNetwork[] {
  return parsed(row.networks_json)
}

export function guestOf(row: ServerRow): GuestSpec {
  return {
    id: row.id,
    name: instanceName(row.number),
    number: row.number,
    displayName: row.display_name,
    hostname: row.hostname,
    projectId: row.project_id,
    projectName: row.project_name,
    userId: row.user_id,
    userName: row.user_name,
    reservationId: row.reservation_id,
    launchIndex: row.launch_index,
    availabilityZone: row.availability_zone ?? '',
    createdAt: new Date(row.created_at).toISOString(),
    flavor: parsed(row.flavor_json),
    image: row.image_json === null ? null : parsed(row.image_json),
    vifs: parsed(row.network_info_json),
    configDrive: row.config_drive === 1,
    disks: parsed(row.disks_json),
    devices: parsed(row.devices_json),
    metadata: parsed(row.metadata_json),
    keys: parsed(row.keys_json),
    securityGroups: parsed(row.security_groups_json),
    userData: row.user_data,
    adminPass: row.admin_pass,
    files: row.files_json === null ? [] : parsed(row.files_json),
    rescue: row.vm_state === 'rescued' && row.rescue_json !== null ? parsed(row.rescue_json) : null,
  }
}

/** With what its user asked for, which counts when disks are planned. */
export async function guestToPlan(compute: Compute, guest: GuestSpec): Promise<GuestSpec> {
  return { ...guest, blockDevices: await blockDevicesOf(compute, guest.id) }
}
