// The block devices that users asked for with their servers, in the store.
import type { GuestBlockDevice } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { BlockDeviceMappingRow } from '../schema/tables.ts'
import type { NewBlockDevice } from './block-devices.ts'

/** Inside the transaction that makes the server. */
export async function insertBlockDevices(
  compute: Compute,
  serverId: string,
  devices: readonly NewBlockDevice[],
): Promise<void> {
  if (devices.length === 0) return
  const created_at = compute.clock.now()
  const rows = devices.map((device, position): BlockDeviceMappingRow => {
    return { ...device, id: compute.random.uuid(), server_id: serverId, position, created_at }
  })
  await tables(compute).insertInto('compute_block_device_mapping').values(rows).execute()
}

/** The server's local ones in the order asked for, as its host is told of them; none when nothing was asked for. */
export async function blockDevicesOf(compute: Pick<Compute, 'store'>, serverId: string): Promise<GuestBlockDevice[]> {
  const rows = await tables(compute)
    .selectFrom('compute_block_device_mapping')
    .selectAll()
    .where('server_id', '=', serverId)
    .where('destination_type', '=', 'local')
    .orderBy('position')
    .execute()
  return rows.map(guestBlockDevice)
}

function guestBlockDevice(row: BlockDeviceMappingRow): GuestBlockDevice {
  const isSwap = row.guest_format === 'swap'
  const role = row.source_type === 'image' ? 'root' : isSwap ? 'swap' : 'ephemeral'
  return {
    role,
    size: role === 'root' ? null : row.volume_size,
    guestFormat: role === 'ephemeral' ? row.guest_format : null,
    device: row.device_type as GuestBlockDevice['device'],
    bus: row.disk_bus as GuestBlockDevice['bus'],
    // Which disk is a whole device, the flavor says.
    imagesType: row.volume_type === 'isolated' ? null : row.volume_type,
    tag: row.tag,
  }
}
