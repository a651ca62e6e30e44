// The parts that network's commands and handlers work with.
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { Store } from '@kilonova/store/store'
import type { Kysely } from 'kysely'
import type { Changes } from './changes.ts'
import type { NetworkOptions } from './options.ts'
import type { NetworkTables } from './schema/tables.ts'

export interface Network {
  readonly store: Store
  readonly bus: Bus
  readonly clock: Clock
  readonly random: Random
  readonly options: NetworkOptions
  /** What hosts and compute are told of, once it is committed. */
  readonly changes: Changes
}

/** Network's tables, inside the running transaction if there is one. */
export function tables({ store }: Pick<Network, 'store'>): Kysely<NetworkTables> {
  return store.as<NetworkTables>()
}

/** True when a row could not go because another one needs it, or not come because what it needs is gone. */
export function isReferenceFault(error: unknown): boolean {
  const FOREIGN_KEY_VIOLATION = '23503'
  if (!(error instanceof Error)) return false
  return (
    ('code' in error && error.code === FOREIGN_KEY_VIOLATION) || /^FOREIGN KEY constraint failed/.test(error.message)
  )
}
