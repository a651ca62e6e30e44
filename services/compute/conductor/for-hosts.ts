// What hosts ask of the conductor about servers.
import type { GuestSpec } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { findServer } from '../servers/store.ts'
import { guestOf } from './guest.ts'

/** Only servers whose rows say that they were deleted: a server that is not known at all is nobody's to remove. */
export async function goneServers(
  compute: Compute,
  { ids, deletedFor }: { ids: string[]; deletedFor: number },
): Promise<GuestSpec[]> {
  if (ids.length === 0) return []
  let gone = tables(compute)
    .selectFrom('compute_servers')
    .selectAll()
    .where('id', 'in', ids)
    .where('deleted_at', 'is not', null)
  if (deletedFor > 0) gone = gone.where('deleted_at', '<=', compute.clock.now() - deletedFor * 1000)
  return (await gone.execute()).map(guestOf)
}

export async function runningGuests(
  compute: Compute,
  { host, ids }: { host: string; ids: string[] },
): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['id', 'vm_state', 'task_state'])
    .where('id', 'in', ids)
    .where('host', '=', host)
    .where('deleted_at', 'is', null)
    .execute()
  return rows.filter((row) => row.vm_state !== 'paused' && row.task_state !== 'pausing').map(({ id }) => id)
}

export async function metadataOf(
  compute: Compute,
  { serverId }: { serverId: string },
): Promise<{ spec: GuestSpec; password: string } | null> {
  const row = await findServer(compute, serverId)
  return row ? { spec: guestOf(row), password: row.encrypted_password } : null
}
