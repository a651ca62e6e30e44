// What the conductor does again and again; of several processes one does it.
import type { Compute } from '../compute.ts'
import { removeExpiredTokens } from '../consoles/tokens.ts'
import { purgeEvents } from '../notifications/purge.ts'
import { healNetworkInfo } from './hear-network.ts'
import { offloadShelved } from './offload-shelved.ts'
import { reclaimQueuedDeletes } from './reclaim.ts'
import { endLongRescues } from './rescue-timeout.ts'
import { confirmUnconfirmedResizes } from './unconfirmed-resizes.ts'

export interface PeriodicWork {
  /** As the log and the lease name it. */
  name: string
  /** Between two turns; 0 or less: never. */
  seconds: (options: Compute['options']) => number
  run: (compute: Compute) => Promise<unknown>
}

/** Seconds between looks for what is due by an option of its own; 0 where that is off. */
const whileOn = (limit: number): number => (limit > 0 ? Math.min(60, limit) : 0)

export const periodicWork: readonly PeriodicWork[] = [
  {
    name: 'compute.reclaim_queued_deletes',
    seconds: ({ reclaim_instance_interval: limit }) => whileOn(limit),
    run: reclaimQueuedDeletes,
  },
  { name: 'compute.cleanup_expired_console_auth_tokens', seconds: () => 300, run: removeExpiredTokens },
  {
    name: 'compute.poll_shelved_instances',
    seconds: ({ shelved_poll_interval: seconds }) => (seconds === 0 ? 60 : seconds),
    run: offloadShelved,
  },
  {
    name: 'compute.poll_rescued_instances',
    seconds: ({ rescue_timeout: limit }) => whileOn(limit),
    run: endLongRescues,
  },
  {
    name: 'compute.heal_instance_info_cache',
    seconds: ({ heal_instance_info_cache_interval: seconds }) => (seconds === 0 ? 60 : seconds),
    run: healNetworkInfo,
  },
  { name: 'compute.purge_events', seconds: () => 600, run: purgeEvents },
  {
    name: 'compute.poll_unconfirmed_resizes',
    seconds: ({ resize_confirm_window: limit }) => whileOn(limit) || 60,
    run: confirmUnconfirmedResizes,
  },
]
