// Finds the server that an operator means by an id or a name.
import { nearest } from '@kilonova/base/options'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { fault } from './faults.ts'

const IDS_SHOWN = 10
const NAMES_SHOWN = 3
const NAMES_COMPARED = 1000

/**
 * The server of that id, else the one of that name; one that was deleted only when none that exists has the name.
 * Throws ServerUnknown with the nearest names, ServerAmbiguous with the ids.
 */
export async function serverMeant(compute: Pick<Compute, 'store'>, word: string): Promise<ServerRow> {
  const byId = await servers(compute).where('id', '=', word.toLowerCase()).executeTakeFirst()
  if (byId) return byId
  const named = servers(compute).where('display_name', '=', word).orderBy('created_at', 'desc')
  const living = await named.where('deleted_at', 'is', null).limit(IDS_SHOWN).execute()
  if (living.length > 1) throw fault('ServerAmbiguous', { name: word, ids: living.map(({ id }) => id) })
  const found = living[0] ?? (await named.executeTakeFirst())
  if (!found) throw fault('ServerUnknown', { name: word, near: await nearNames(compute, word) })
  return found
}

function servers(compute: Pick<Compute, 'store'>) {
  return tables(compute).selectFrom('compute_servers').selectAll()
}

async function nearNames(compute: Pick<Compute, 'store'>, word: string): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select('display_name')
    .where('deleted_at', 'is', null)
    .orderBy('created_at', 'desc')
    .limit(NAMES_COMPARED)
    .execute()
  let left = [...new Set(rows.map((row) => row.display_name))]
  const near: string[] = []
  while (near.length < NAMES_SHOWN && left.length > 0) {
    const next = nearest(word, left)
    near.push(next)
    left = left.filter((name) => name !== next)
  }
  return near
}
