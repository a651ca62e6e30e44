// The SQL on key pairs.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { KeypairRow } from '../schema/tables.ts'

export function keypairOfUser(compute: Compute, userId: string, name: string): Promise<KeypairRow | undefined> {
  return tables(compute)
    .selectFrom('compute_keypairs')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
}
