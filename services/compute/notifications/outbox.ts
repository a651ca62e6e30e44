// Notifications that wait to be delivered: written in the transaction of what they tell of.
import { adminContext, currentContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { Message } from './envelope.ts'
import { envelopeOf } from './envelope.ts'

/** Who says it: a service and its host. */
export interface Publisher {
  service: 'compute' | 'conductor' | 'api' | 'scheduler' | 'aggregate' | 'servergroup'
  host: string
}

/** One fact in both forms; a form that Nova does not have is absent. */
export interface Told {
  publisher: Publisher
  unversioned?: { eventType: string; payload: unknown; priority?: string } | undefined
  versioned?: { eventType: string; payload: unknown; priority?: string } | undefined
}

/**
 * Writes the fact in the forms that the options ask for. Inside the transaction that changed what it tells of, and
 * after that change: so the notifications of one server have the order of its changes.
 */
export async function tell(compute: Compute, { publisher, unversioned, versioned }: Told): Promise<void> {
  const { notifications } = compute
  const { service, host } = publisher
  if (unversioned && notifications.unversioned) {
    const { priority = notifications.options.default_level } = unversioned
    await post(compute, 'notifications', { ...unversioned, publisherId: `${service}.${host}`, priority })
  }
  if (versioned && notifications.versioned) {
    const { priority = 'INFO' } = versioned
    await post(compute, 'versioned_notifications', { ...versioned, publisherId: `nova-${service}:${host}`, priority })
  }
}

async function post(compute: Compute, topic: 'notifications' | 'versioned_notifications', message: Message) {
  const { clock, random, store, notifications } = compute
  const now = clock.now()
  const envelope = envelopeOf(message, { context: currentContext() ?? adminContext(), random, now })
  const row = { topic, event_type: message.eventType, envelope_json: JSON.stringify(envelope), created_at: now }
  await tables(compute).insertInto('compute_notifications').values(row).execute()
  store.afterCommit(() => notifications.outbox.ring())
}
