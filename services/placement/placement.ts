// The parts that placement's commands and handlers work with.
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { Kysely } from 'kysely'
import type { PlacementTables } from './schema/tables.ts'

export interface Placement {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}

/** Placement's tables, inside the running transaction if there is one. */
export function tables({ store }: Pick<Placement, 'store'>): Kysely<PlacementTables> {
  return store.as<PlacementTables>()
}

const AT_ONCE = 1000

/** Asks for many keys in parts that every database takes as parameters of one statement. */
export async function inParts<T>(keys: readonly string[], ask: (part: string[]) => Promise<T[]>): Promise<T[]> {
  const found: T[] = []
  for (let at = 0; at < keys.length; at += AT_ONCE) found.push(...(await ask(keys.slice(at, at + AT_ONCE))))
  return found
}
