// Tags of resources: rows beside them.
import type { Network } from './network.ts'
import { tables } from './network.ts'

const AT_ONCE = 500

/** The tags of each resource, in alphabetical order; every id has its list. */
export async function tagsOf(network: Network, ids: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const some of chunks(ids)) {
    const rows = await tables(network)
      .selectFrom('network_tags')
      .selectAll()
      .where('resource_id', 'in', some)
      .orderBy('tag')
      .execute()
    for (const { resource_id, tag } of rows) found.get(resource_id)!.push(tag)
  }
  return found
}

/** A resource goes: its tags too. Inside its transaction. */
export async function removeTags(network: Network, id: string): Promise<void> {
  await tables(network).deleteFrom('network_tags').where('resource_id', '=', id).execute()
}

/** The ids in portions that fit into one query; none for no ids. */
export function chunks(ids: readonly string[]): string[][] {
  const unique = [...new Set(ids)]
  return Array.from({ length: Math.ceil(unique.length / AT_ONCE) }, (_, i) =>
    unique.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  )
}
