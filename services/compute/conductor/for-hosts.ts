// What hosts ask of the conductor about servers.
import type { GuestSpec } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { findServer } from '../servers/store.ts'
import { guestOf } from './guest.ts'

/** Only servers whose rows say that they were deleted: a server that is not known at all is nobody's to remove. */
export async function goneServers(compute: Compute, { ids }: { host: string; ids: string[] }): Promise<GuestSpec[]> {
  if (ids.length === 0) return []
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .selectAll()
    .where('id', 'in', ids)
    .where('deleted_at', 'is not', null)
    .execute()
  return rows.map(guestOf)
}

export async function metadataOf(
  compute: Compute,
  { serverId }: { serverId: string },
): Promise<{ spec: GuestSpec; password: string } | null> {
  const row = await findServer(compute, serverId)
  return row ? { spec: guestOf(row), password: row.encrypted_password } : null
}
