// A server as notifications tell of it: its row, and what the row does not hold of its flavor and keys.
import type { GuestFlavor, GuestImage, GuestKey, GuestVif } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { FlavorRow, KeypairRow, ServerRow } from '../schema/tables.ts'

export interface ServerFacts {
  row: ServerRow
  flavor: FlavorFacts
  image: GuestImage | null
  vifs: GuestVif[]
}

/** A flavor as it was when the server got it; what servers do not keep is the flavor's present, or the default. */
export interface FlavorFacts extends GuestFlavor {
  id: string
  rxtxFactor: number
  disabled: boolean
  isPublic: boolean
  description: string | null
}

/** Also of a server that is gone; undefined when there never was one. */
export async function serverFacts(compute: Compute, id: string): Promise<ServerFacts | undefined> {
  const row = await tables(compute).selectFrom('compute_servers').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) return undefined
  return {
    row,
    flavor: await flavorFacts(compute, row.flavor_id, JSON.parse(row.flavor_json)),
    image: row.image_json === null ? null : JSON.parse(row.image_json),
    vifs: JSON.parse(row.network_info_json),
  }
}

export async function flavorFacts(compute: Compute, id: string, flavor: GuestFlavor): Promise<FlavorFacts> {
  const now: FlavorRow | undefined = await tables(compute)
    .selectFrom('compute_flavors')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return {
    ...flavor,
    id,
    rxtxFactor: now?.rxtx_factor ?? 1,
    disabled: now?.disabled === 1,
    isPublic: (now?.is_public ?? 1) === 1,
    description: now?.description ?? null,
  }
}

/** The keys that the server was made with; one that is gone has no fingerprint any more. */
export async function keypairFacts(compute: Compute, { user_id, keys_json }: ServerRow) {
  const keys: GuestKey[] = JSON.parse(keys_json)
  const known = await tables(compute)
    .selectFrom('compute_keypairs')
    .select(['name', 'fingerprint'])
    .where('user_id', '=', user_id)
    .where('name', 'in', ['', ...keys.map(({ name }) => name)])
    .execute()
  const prints = new Map(known.map(({ name, fingerprint }) => [name, fingerprint]))
  return keys.map(
    ({ name, type, data }): Omit<KeypairRow, 'number' | 'created_at'> => ({
      ...{ user_id, name, type, public_key: data },
      fingerprint: prints.get(name) ?? '',
    }),
  )
}
