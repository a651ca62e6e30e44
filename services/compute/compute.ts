// The parts that compute's commands and handlers work with.

import type { Clock } from '@kilonova/base/clock'
import type { Config } from '@kilonova/base/options'
import type { Random } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { ImageClient } from '@kilonova/image/client'
import type { NetworkClient } from '@kilonova/network/client'
import type { PlacementClient } from '@kilonova/placement/client'
import type { Store } from '@kilonova/store/store'
import type { Tasks } from '@kilonova/tasks/tasks'
import type { Kysely } from 'kysely'
import type { Notifications } from './notifications/notifications.ts'
import type { computeOptions } from './options.ts'
import type { ActivePlugin } from './plugin.ts'
import type { ComputeTables } from './schema/tables.ts'

export interface Compute {
  readonly store: Store
  readonly tasks: Tasks
  readonly bus: Bus
  readonly clock: Clock
  readonly random: Random
  readonly options: Config<typeof computeOptions>['compute']
  readonly image: ImageClient
  readonly placement: PlacementClient
  readonly network: NetworkClient
  readonly notifications: Notifications
  /** In the order of the configuration; none when absent. */
  readonly plugins?: readonly ActivePlugin[]
}

/** Compute's tables, inside the running transaction if there is one. */
export function tables({ store }: Pick<Compute, 'store'>): Kysely<ComputeTables> {
  return store.as<ComputeTables>()
}

/** The next number of a series, such as the one in domain names. Inside a transaction. */
export async function nextNumber(compute: Pick<Compute, 'store'>, name: string): Promise<number> {
  const row = await tables(compute)
    .insertInto('compute_counters')
    .values({ name, value: 1 })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet((eb) => ({ value: eb('compute_counters.value', '+', 1) })),
    )
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}
