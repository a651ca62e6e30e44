// Hosts and servers as rows, for tests of what is computed from them.
import { systemRandom } from '@kilonova/base/random'
import { FakeHypervisor } from './agent/drivers/fake/fake-hypervisor.ts'
import type { GuestFlavor } from './agent/guest-spec.ts'
import type { HostInventory } from './agent/protocol.ts'
import type { Compute } from './compute.ts'
import { nextNumber, tables } from './compute.ts'
import type { ServerRow } from './schema/tables.ts'
import { reportNode, reportService } from './services/report.ts'

/** What a fake host of 8 processors, 8 GiB and 100 GB would report. */
export async function inventoryOf(host: string): Promise<HostInventory> {
  const hypervisor = new FakeHypervisor({ name: host, vcpus: 8, memoryMb: 8192 })
  const disk = { localGb: 100, localGbUsed: 1, diskAvailableLeast: 42 }
  return { ...(await hypervisor.inventory()), uuid: systemRandom.uuid(), ...disk }
}

/** The host's service and node have reported; answers their ids. */
export async function addHost(compute: Compute, host: string): Promise<{ serviceId: string; nodeId: string }> {
  const inventory = await inventoryOf(host)
  const serviceId = await reportService(compute, { host, binary: 'nova-compute' })
  await reportNode(compute, { serviceId, host, inventory })
  return { serviceId, nodeId: inventory.uuid }
}

/** A server of alice's with 2 processors, 4096 MB and 20 + 1 + 1 GB; the columns given over that. */
export async function addServer(
  compute: Compute,
  columns: Partial<ServerRow>,
  flavor: Partial<GuestFlavor> = {},
): Promise<ServerRow> {
  const size = { name: 'm2', vcpus: 2, memoryMb: 4096, rootGb: 20, ephemeralGb: 1, swapMb: 512, extraSpecs: {} }
  const row = { ...(await plainServer(compute)), flavor_json: JSON.stringify({ ...size, ...flavor }), ...columns }
  await tables(compute).insertInto('compute_servers').values(row).execute()
  return row
}

async function plainServer(compute: Compute): Promise<Omit<ServerRow, 'flavor_json'>> {
  const now = compute.clock.now()
  const number = await nextNumber(compute, 'server')
  return {
    id: compute.random.uuid(),
    number,
    project_id: 'a'.repeat(32),
    project_name: 'alice',
    user_id: 'alice',
    user_name: 'alice',
    display_name: `server-${number}`,
    description: null,
    hostname: `server-${number}`,
    vm_state: 'active',
    task_state: null,
    power_state: 1,
    progress: 0,
    flavor_id: '2',
    flavor_name: 'm2',
    image_id: null,
    image_json: null,
    host: null,
    node: null,
    availability_zone: 'nova',
    pinned_availability_zone: null,
    key_name: null,
    keys_json: '[]',
    user_data: null,
    admin_pass: null,
    files_json: null,
    encrypted_password: '',
    config_drive: 0,
    metadata_json: '{}',
    tags_json: '[]',
    security_groups_json: '[]',
    scheduler_hints_json: '{}',
    networks_json: '[]',
    network_info_json: '[]',
    disks_json: '[]',
    devices_json: '[]',
    rescue_json: null,
    trusted_certs_json: null,
    disk_config: 'AUTO',
    access_ip_v4: null,
    access_ip_v6: null,
    reservation_id: 'r-1',
    launch_index: 0,
    root_device_name: null,
    shutdown_terminate: 0,
    locked_by: null,
    locked_reason: null,
    launched_at: now,
    terminated_at: null,
    created_at: now,
    updated_at: now,
    deleted_at: null,
  }
}
