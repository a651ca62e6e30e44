// Compute on a store with placement in it, without tasks, network and hosts: for tests of what is kept there.
import type { Clock } from '@kilonova/base/clock'
import { VirtualClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import type { PlacementClient } from '@kilonova/placement/client'
import type { Store } from '@kilonova/store/store'
import type { Compute } from './compute.ts'
import { Notifications } from './notifications/notifications.ts'
import { computeOptions } from './options.ts'
import type { ActivePlugin } from './plugin.ts'

export type StoredCompute = Compute & { readonly clock: VirtualClock }

interface Parts {
  store: Store
  /** What makes placement's service. */
  placement: (parts: { store: Store; clock: Clock }) => { client: PlacementClient }
  /** The configuration. */
  toml?: string
  plugins?: readonly ActivePlugin[]
}

/** The store has the tables of placement and compute. */
export function computeOn({ store, placement, toml = '', plugins = [] }: Parts): StoredCompute {
  const clock = new VirtualClock()
  const { client } = placement({ store, clock })
  const { compute: options, notifications: told } = readConfig(computeOptions, toml)
  const notifications = new Notifications({ options: told, host: 'control' })
  const parts = { store, placement: client, options, plugins, notifications, clock, random: systemRandom }
  return parts as unknown as StoredCompute
}
