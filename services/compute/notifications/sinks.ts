// Where notifications go.
import { log } from '@kilonova/base/log'
import type { Bus } from '@kilonova/bus/bus'
import type { NotificationRow } from '../schema/tables.ts'
import type { Envelope } from './envelope.ts'
import type { NotificationOptions } from './notifications.ts'

/** Rejects when it could not take the notification; it is then given it again. */
export type Sink = (topic: NotificationRow['topic'], envelope: Envelope) => Promise<void>

export function sinksOf({ driver }: NotificationOptions, bus: Bus): Sink[] {
  const sinks: Sink[] = []
  if (driver.includes('messaging') || driver.includes('messagingv2')) sinks.push(busSink(bus))
  if (driver.includes('log')) sinks.push(logSink)
  return sinks
}

interface Body {
  event_type: string
  publisher_id: string
  priority: string
}

function busSink(bus: Bus): Sink {
  return (topic, envelope) => {
    const { event_type: eventType, publisher_id: publisherId, priority } = bodyOf(envelope)
    return bus.notify(topic, { eventType, publisherId, priority, payload: envelope })
  }
}

const logSink: Sink = async (topic, envelope) => {
  log('notifications').info({ topic, notification: envelope }, bodyOf(envelope).event_type)
}

const bodyOf = (envelope: Envelope): Body => JSON.parse(envelope['oslo.message'])
