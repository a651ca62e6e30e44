// Reads the stream of events of a cloud.
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'

export interface Heard {
  id: string
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever it holds
  data: any
}

interface Asked {
  query?: string
  /** Last-Event-ID */
  after?: string
}

const LIMIT_SECONDS = 300

export class EventReader {
  readonly all: Heard[] = []
  readonly token: string
  readonly #gone = new AbortController()
  #ended = false
  #text = ''

  private constructor(token: string) {
    this.token = token
  }

  /** Resolves when the stream has begun; rejects with the status if it does not. */
  static async open(fake: FakeCloud, who: 'admin' | 'demo', { query = '', after }: Asked = {}): Promise<EventReader> {
    const token = await fake.token(who)
    const reader = new EventReader(token)
    const reply = await fetch(`${fake.cloud.url}/compute/v2.1/events${query}`, {
      headers: { 'x-auth-token': token, ...(after === undefined ? {} : { 'last-event-id': after }) },
      signal: reader.#gone.signal,
    })
    if (reply.status !== 200) throw new Error(`${reply.status}: ${await reply.text()}`)
    void reader.#read(reply.body!)
    return reader
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for await (const chunk of body) this.#take(decoder.decode(chunk, { stream: true }))
    } catch (error) {
      if (!this.#gone.signal.aborted) throw error
    }
    this.#ended = true
  }

  #take(text: string): void {
    this.#text += text
    const parts = this.#text.split('\n\n')
    this.#text = parts.pop()!
    for (const part of parts) {
      const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
      if (fields['event']) this.all.push({ id: fields['id'], event: fields['event'], data: JSON.parse(fields['data']) })
    }
  }

  async hear(wanted: (event: Heard) => boolean): Promise<Heard> {
    const heard = await until(LIMIT_SECONDS, async () => this.all.find(wanted), 5)
    if (!heard) throw new Error(`it was not heard; only ${JSON.stringify(this.all)}`)
    return heard
  }

  /** Waits until the cloud ends the stream. */
  async end(): Promise<void> {
    const ended = await until(LIMIT_SECONDS, async () => this.#ended || undefined, 5)
    if (!ended) throw new Error('the stream goes on')
  }

  async close(): Promise<void> {
    this.#gone.abort()
    await this.end()
  }
}
