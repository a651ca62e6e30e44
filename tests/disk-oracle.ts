// The invariants of servers' local disks: those that their users asked for, or those of their flavors.
import { isDeepStrictEqual } from 'node:util'
import type { GuestDisk, GuestFlavor } from '@kilonova/compute/agent/guest-spec'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import type { ServerRow } from '@kilonova/compute/schema/tables'

const GB = 1024 ** 3
const MB = 1024 ** 2

/** What a server of the flavor claims on its host. */
export function claimOfFlavor(flavor: GuestFlavor): Record<'VCPU' | 'MEMORY_MB' | 'DISK_GB', number> {
  const { vcpus, memoryMb, rootGb, ephemeralGb, swapMb } = flavor
  return { VCPU: vcpus, MEMORY_MB: memoryMb, DISK_GB: rootGb + ephemeralGb + Math.ceil(swapMb / 1024) }
}

/** A server with disks has one root, the blank disks that it shall have, and a config drive if it has one. */
export async function localDiskProblems(compute: Compute, servers: readonly ServerRow[]): Promise<string[]> {
  const devices = await tables(compute).selectFrom('compute_block_device_mapping').selectAll().execute()
  return servers.flatMap((row) => {
    if (row.deleted_at !== null || row.disks_json === '[]') return []
    const flavor = JSON.parse(row.flavor_json) as GuestFlavor
    const blank = devices.filter(({ server_id, source_type }) => server_id === row.id && source_type === 'blank')
    const asked = (swap: boolean) => blank.filter(({ guest_format: format }) => (format === 'swap') === swap)
    const sizes = (some: typeof blank, whole: number) =>
      (some.length === 0 ? [null] : some.map(({ volume_size: size }) => size)).map((size) => size ?? whole)
    const wanted = [
      ['root', null],
      ...sizes(asked(false), flavor.ephemeralGb).map((gb) => ['ephemeral', gb * GB]),
      ...sizes(asked(true), flavor.swapMb).map((mb) => ['swap', Math.min(mb, flavor.swapMb) * MB]),
      ...(row.config_drive ? [['config', null]] : []),
    ].filter(([, size]) => size !== 0)
    const disks = JSON.parse(row.disks_json) as GuestDisk[]
    const has = disks.map(({ role, size }) => [role, role === 'root' || role === 'config' ? null : size])
    return isDeepStrictEqual(has, wanted)
      ? []
      : [`server ${row.id} has the disks ${JSON.stringify(has)} and shall have ${JSON.stringify(wanted)}`]
  })
}
