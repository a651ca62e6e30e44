// Clients of a bench, in a thread of their own: what they do costs the measured process nothing, as if they were elsewhere.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface Asked {
  url: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: unknown
  /** Requests in all, and how many of them are under way at once. */
  count: number
  clients: number
  /** Afterwards this is asked until the list of that name in its reply is empty. */
  untilNone?: { url: string; name: string }
}

export interface Answered {
  /** Milliseconds of each request, and of the whole. */
  replies: number[]
  whole: number
}

export class Clients {
  readonly #thread = new Worker(new URL('./clients-thread.ts', import.meta.url))

  /** One at a time. */
  async ask(asked: Asked): Promise<Answered> {
    const answer = once(this.#thread, 'message')
    this.#thread.postMessage(asked)
    const [answered] = (await answer) as [Answered | Error]
    if (answered instanceof Error) throw answered
    return answered
  }

  async close(): Promise<void> {
    await this.#thread.terminate()
  }
}
