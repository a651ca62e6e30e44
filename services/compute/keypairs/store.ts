// The SQL on key pairs.
import type { Page } from '@kilonova/api/paging'
import { isDuplicate } from '@kilonova/store/store'
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { tellOfKeypair } from '../notifications/keypair-notice.ts'
import type { KeypairRow } from '../schema/tables.ts'

export function keypairOfUser(compute: Compute, userId: string, name: string): Promise<KeypairRow | undefined> {
  return tables(compute)
    .selectFrom('compute_keypairs')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
}

/** By name; all of them without a page. */
export function keypairsOfUser(compute: Compute, userId: string, page?: Page): Promise<KeypairRow[]> {
  let query = tables(compute).selectFrom('compute_keypairs').selectAll().where('user_id', '=', userId)
  if (page?.marker !== undefined) query = query.where('name', '>', page.marker)
  if (page) query = query.limit(page.limit)
  return query.orderBy('name').execute()
}

const NOT_YET = { fingerprint: null, public_key: null }

/** Throws TooManyKeypairs when the user has `most` (-1: never) and KeypairExists when that name is taken. */
export async function insertKeypair(
  compute: Compute,
  row: Omit<KeypairRow, 'number'>,
  { most, made }: { most: number; made: 'create' | 'import' },
): Promise<void> {
  try {
    await compute.store.transaction(async () => {
      await compute.store.lock(`keypairs:${row.user_id}`)
      if (most >= 0 && (await countKeypairs(compute, row.user_id)) >= most) throw fault('TooManyKeypairs', {})
      const number = await nextNumber(compute, 'keypair')
      await tellOfKeypair(compute, made, 'start', { ...row, ...(made === 'create' ? NOT_YET : { fingerprint: null }) })
      await tables(compute)
        .insertInto('compute_keypairs')
        .values({ ...row, number })
        .execute()
      await tellOfKeypair(compute, made, 'end', row)
    })
  } catch (error) {
    throw isDuplicate(error) ? fault('KeypairExists', { name: row.name }, error) : error
  }
}

async function countKeypairs(compute: Compute, userId: string): Promise<number> {
  const { count } = await tables(compute)
    .selectFrom('compute_keypairs')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  return count
}

/** False when the user has no such key pair. Servers keep the keys they were made with. */
export function removeKeypair(compute: Compute, userId: string, name: string): Promise<boolean> {
  return compute.store.transaction(async () => {
    const removed = await tables(compute)
      .deleteFrom('compute_keypairs')
      .where('user_id', '=', userId)
      .where('name', '=', name)
      .returningAll()
      .executeTakeFirst()
    if (!removed) return false
    await tellOfKeypair(compute, 'delete', 'start', removed)
    await tellOfKeypair(compute, 'delete', 'end', removed)
    return true
  })
}
