// What network says of ports: builds that wait look again, devices of ports that are gone go, and addresses are renewed.
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { NetworkEvent } from '../agent/conductor-protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { detachInterface } from '../interfaces/attach.ts'
import type { ServerRow } from '../schema/tables.ts'
import { findServer } from '../servers/store.ts'
import { listServices } from '../services/store.ts'
import { networksOf } from './guest.ts'
import { forgetLostNics, renewNetworkInfo } from './ports.ts'

export async function hearNetwork(compute: Compute, { name, serverId, portId }: NetworkEvent): Promise<void> {
  if (name === 'network-vif-plugged') {
    await compute.tasks.nudge({ type: 'server', id: serverId })
    return
  }
  const row = await findServer(compute, serverId)
  if (!row || row.vm_state === 'building') return
  if (row.host === null) {
    await forgetLostNics(compute, serverId)
    return
  }
  if (
    name === 'network-vif-deleted' &&
    (await hasLost(compute, row, portId)) &&
    (await takeDevice(compute, row, portId))
  )
    return
  await renewNetworkInfo(compute, serverId)
}

/** An event that is late, or not true, takes nothing away. */
async function hasLost({ network }: Compute, row: ServerRow, portId: string): Promise<boolean> {
  return !(await network.portsOfDevice(row.id)).some(({ id }) => id === portId)
}

/**
 * The guest loses the device of a port that is gone; the task needs the network_info as it was. False where there is
 * nothing to take, or where the server's state does not let go of it now.
 */
async function takeDevice(compute: Compute, row: ServerRow, portId: string): Promise<boolean> {
  if (!networksOf(row).some((nic) => nic.portId === portId)) return false
  try {
    await detachInterface(compute, adminContext(), row.id, portId)
    return true
  } catch (error) {
    if (isFault(error) && error.status < 500) return false
    throw error
  }
}

/** By process: the server of each host that was looked at last. */
const lastHealed = new WeakMap<Compute, Map<string, string>>()

/** Compares the next server of each host with its ports, whatever network has or has not said. */
export async function healNetworkInfo(compute: Compute): Promise<void> {
  const last = lastHealed.get(compute) ?? new Map<string, string>()
  lastHealed.set(compute, last)
  for (const { host } of await listServices(compute, { binary: 'nova-compute' })) {
    const id = (await nextServer(compute, host, last.get(host) ?? '')) ?? (await nextServer(compute, host, ''))
    if (id === undefined) continue
    last.set(host, id)
    await heal(compute, id)
  }
}

async function nextServer(compute: Compute, host: string, after: string): Promise<string | undefined> {
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select('id')
    .where('host', '=', host)
    .where('id', '>', after)
    .where('vm_state', '!=', 'building')
    .where('task_state', 'is', null)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .executeTakeFirst()
  return row?.id
}

async function heal(compute: Compute, id: string): Promise<void> {
  const row = await findServer(compute, id)
  if (!row) return
  const ports = new Set((await compute.network.portsOfDevice(id)).map((port) => port.id))
  const gone = networksOf(row).find(({ portId }) => !ports.has(portId))
  if (gone && (await takeDevice(compute, row, gone.portId))) return
  await renewNetworkInfo(compute, id)
}
