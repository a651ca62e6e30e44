// Delivers what lies in the outbox, in its order, at least once each: what was delivered goes from the outbox only
// afterwards, so that a death in between delivers it again with the same message_id.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Leader } from '@kilonova/tasks/leader'
import { Periodic } from '@kilonova/tasks/periodic'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { NotificationRow } from '../schema/tables.ts'
import type { Sink } from './sinks.ts'
import { sinksOf } from './sinks.ts'

const AT_ONCE = 100
/** After a sink has failed, and where another process wrote the notification. */
const LOOK_AGAIN_SECONDS = 2

/** Delivers until what it returns is called. Of several processes one does. */
export function startDelivery(compute: Compute, leader: Leader): () => Promise<void> {
  const { notifications, store, bus, clock, random } = compute
  if (!notifications.on) return async () => undefined
  const sinks = sinksOf(notifications.options, bus)
  const periodic = new Periodic(clock, random)
  const alone = store.kind === 'sqlite' // then there is one process, and no lease to write
  const turn = {
    name: 'compute.deliver_notifications',
    seconds: LOOK_AGAIN_SECONDS,
    immediately: true,
    ...(alone ? {} : { leader }),
  }
  let rung = false
  const run = periodic.every(turn, (signal) => deliverAll(compute, sinks, signal))
  const silence = notifications.outbox.hear(() => {
    if (rung) return
    rung = true
    queueMicrotask(async () => {
      await run()
      rung = false
      await run() // what was written while the turn under way had looked already
    })
  })
  return async () => {
    silence()
    await periodic.stop()
  }
}

async function deliverAll(compute: Compute, sinks: readonly Sink[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const rows = await tables(compute)
      .selectFrom('compute_notifications')
      .selectAll()
      .orderBy('id')
      .limit(AT_ONCE)
      .execute()
    if (rows.length === 0) return
    const delivered = await deliverSome(rows, sinks)
    await compute.store.transaction(() =>
      tables(compute)
        .deleteFrom('compute_notifications')
        .where('id', 'in', [0, ...delivered])
        .execute(),
    )
    if (delivered.length < rows.length) return
  }
}

/** Answers the ids of those that every sink has taken. What follows one that was not taken waits. */
async function deliverSome(rows: readonly Selected[], sinks: readonly Sink[]): Promise<number[]> {
  const delivered: number[] = []
  for (const { id, topic, event_type, envelope_json } of rows) {
    try {
      for (const sink of sinks) await sink(topic, JSON.parse(envelope_json))
    } catch (error) {
      log('notifications').warn({ topic, event_type }, `not delivered, will be tried again: ${errorChain(error)}`)
      break
    }
    delivered.push(id)
  }
  return delivered
}

type Selected = Omit<NotificationRow, 'id'> & { id: number }
