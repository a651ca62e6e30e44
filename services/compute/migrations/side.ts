// What a server is on one side of a move.
import type { GuestDevice, GuestDisk, GuestFlavor } from '../agent/guest-spec.ts'
import type { ServerRow } from '../schema/tables.ts'

export interface Side {
  /** Null until a host is chosen. */
  host: string | null
  node: string | null
  zone: string | null
  flavorId: string
  flavor: GuestFlavor
  disks: GuestDisk[]
  devices: GuestDevice[]
  rootDeviceName: string | null
}

export function sideOf(row: ServerRow): Side {
  return {
    host: row.host,
    node: row.node,
    zone: row.availability_zone,
    flavorId: row.flavor_id,
    flavor: JSON.parse(row.flavor_json),
    disks: JSON.parse(row.disks_json),
    devices: JSON.parse(row.devices_json),
    rootDeviceName: row.root_device_name,
  }
}

/** Disks that the other side has not. */
export function disksOnlyOf(side: Side, other: Side): GuestDisk[] {
  const shared = new Set(other.disks.map(({ source }) => source.path))
  return side.disks.filter(({ source }) => !shared.has(source.path))
}

/** The side with the volumes that the server has now: they are attached and detached between a move and its end. */
export function withVolumesOf<Kept extends Side>(side: Kept, row: ServerRow): Kept {
  const volumes = sideOf(row).disks.filter(({ role }) => role === 'volume')
  return { ...side, disks: [...side.disks.filter(({ role }) => role !== 'volume'), ...volumes] }
}

/** The side as columns of a server. */
export function columnsOf(side: Side) {
  return {
    host: side.host,
    node: side.node,
    availability_zone: side.zone,
    flavor_id: side.flavorId,
    flavor_name: side.flavor.name,
    flavor_json: JSON.stringify(side.flavor),
    disks_json: JSON.stringify(side.disks),
    devices_json: JSON.stringify(side.devices),
    root_device_name: side.rootDeviceName,
  } satisfies Partial<ServerRow>
}
