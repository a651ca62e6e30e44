// Hears what a cloud says on its bus.
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'

/** oslo.message, read. */
export interface Heard {
  topic: 'notifications' | 'versioned_notifications'
  message_id: string
  publisher_id: string
  event_type: string
  priority: string
  timestamp: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of every form
  payload: any
  _context_request_id: string
  _context_global_request_id: string | null
}

const TOPICS = ['notifications', 'versioned_notifications'] as const
const LIMIT_SECONDS = 300

export class Ears {
  readonly all: Heard[] = []
  #ends: (() => Promise<void>)[] = []

  static async on({ cloud }: Pick<FakeCloud, 'cloud'>): Promise<Ears> {
    const ears = new Ears()
    for (const topic of TOPICS) {
      const end = await cloud.parts.bus.subscribe(topic, ({ payload }) => {
        const body = JSON.parse((payload as { 'oslo.message': string })['oslo.message'])
        ears.all.push({ topic, ...body })
      })
      ears.#ends.push(end)
    }
    return ears
  }

  /** Those of one server, in either form, of that event type if one is given. */
  of(server: string, eventType?: string): Heard[] {
    return this.all.filter(
      ({ payload, event_type }) => serverOf(payload) === server && (eventType ?? event_type) === event_type,
    )
  }

  /** Waits until one is heard. */
  async hear(eventType: string, server?: string): Promise<Heard> {
    const look = async () =>
      this.all.find(
        ({ event_type, payload }) => event_type === eventType && (server === undefined || serverOf(payload) === server),
      )
    const heard = await until(LIMIT_SECONDS, look, 5)
    if (!heard) throw new Error(`${eventType} was not heard; only ${this.all.map(({ event_type }) => event_type)}`)
    return heard
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end()
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function serverOf(payload: any): string | undefined {
  return payload.instance_id ?? payload['nova_object.data']?.uuid
}
