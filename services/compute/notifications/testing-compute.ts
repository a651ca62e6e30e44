// Compute with a store, a bus and notifications that are on, for tests of what is told.
import { systemClock } from '@kilonova/base/clock'
import { readConfig } from '@kilonova/base/options'
import { systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import { LocalBus } from '@kilonova/bus/local'
import type { Store } from '@kilonova/store/store'
import type { Compute } from '../compute.ts'
import { computeOptions } from '../options.ts'
import { Notifications } from './notifications.ts'

const ALL_UPDATES = '[notifications]\ndriver = ["messaging"]\nnotify_on_state_change = "vm_and_task_state"\n'

export function tellingCompute(store: Store, bus: Bus = new LocalBus(), toml = ALL_UPDATES): Compute {
  const { compute: options, notifications: told } = readConfig(computeOptions, toml)
  const notifications = new Notifications({ options: told, host: 'control' })
  const parts = { store, bus, clock: systemClock, random: systemRandom, options, notifications }
  return parts as unknown as Compute
}

interface Said {
  message_id: string
  event_type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of every form
  payload: any
}

/** What the envelope of a notification holds. */
export function read(envelope: unknown): Said {
  return JSON.parse((envelope as { 'oslo.message': string })['oslo.message'])
}
