// shelve, shelveOffload and unshelve.
import type { RequestContext } from '@kilonova/base/context'
import { zoneOfHost } from '../aggregates/zones.ts'
import { availableZones } from '../availability-zones/store.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { commandServer } from './command.ts'
import { newSnapshotImage } from './snapshot-image.ts'
import { getServer, updateServer } from './store.ts'
import { offloadServerTask, shelveServerTask, unshelveInPlaceTask, unshelveServerTask } from './tasks.ts'

export async function shelveServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  await commandServer(compute, context, {
    ...{ id, action: 'shelve', recorded: 'shelve', task: shelveServerTask },
    input: async (row) => {
      const name = `${row.display_name}-shelved`.slice(-255)
      return { imageId: await newSnapshotImage(compute, context, row, { name, type: 'snapshot' }) }
    },
  })
}

export async function offloadServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  await commandServer(compute, context, {
    ...{ id, action: 'shelveOffload', recorded: 'shelveOffload', task: offloadServerTask },
    input: () => ({ asked: true }),
  })
}

export interface Unshelve {
  /** Where it may go from now on; null: anywhere. Absent: as before. */
  zone?: string | null | undefined
  /** Absent: the scheduler's choice. */
  host?: string | undefined
}

/** One whose guest is still on its host goes on there; others are made anew from their image. */
export function unshelveServer(
  compute: Compute,
  context: RequestContext,
  id: string,
  wanted: Unshelve = {},
): Promise<unknown> {
  return compute.store.transaction(async () => {
    const hadGuest = hasGuest(await getServer(compute, context, id))
    const command = { id, action: 'unshelve', recorded: 'unshelve' } as const
    const check = async (row: ServerRow): Promise<void> => {
      if (hasGuest(row) !== hadGuest) throw stateOf(row)
      await refuse(compute, row, wanted)
    }
    if (hadGuest) {
      const input = (row: ServerRow) => check(row).then(() => ({}))
      return commandServer(compute, context, { ...command, task: unshelveInPlaceTask, input })
    }
    const input = async (row: ServerRow) => {
      await check(row)
      if (wanted.zone !== undefined) await updateServer(compute, id, { pinned_availability_zone: wanted.zone })
      return { host: wanted.host ?? null }
    }
    return commandServer(compute, context, { ...command, task: unshelveServerTask, input })
  })
}

/** An offload that failed half-way has taken the disks already. */
function hasGuest({ vm_state: state, disks_json: disks }: ServerRow): boolean {
  return state === 'shelved' && disks !== '[]'
}

function stateOf({ id, vm_state: state }: ServerRow) {
  return fault('InstanceInvalidState', { id, action: 'unshelve', attribute: 'vm_state', state })
}

/** Throws what keeps the server from going where it is wanted. */
async function refuse(compute: Compute, row: ServerRow, { zone, host }: Unshelve): Promise<void> {
  if (zone === undefined && host === undefined) return
  if (row.vm_state !== 'shelved_offloaded') throw fault('UnshelveNotOffloaded', { id: row.id, state: row.vm_state })
  if (zone && !(await availableZones(compute)).includes(zone)) throw fault('AvailabilityZoneUnknown', {})
  if (host === undefined) return
  const node = await tables(compute)
    .selectFrom('compute_nodes')
    .select('id')
    .where('host', '=', host)
    .executeTakeFirst()
  if (!node) throw fault('ComputeHostUnknown', { host })
  const pinned = zone === undefined ? row.pinned_availability_zone : zone
  if (pinned && (await zoneOfHost(compute, host)) !== pinned)
    throw fault('UnshelveHostNotInZone', { host, zone: pinned })
}
