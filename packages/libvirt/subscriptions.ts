// Who listens to which of the daemon's callbacks on one connection.
import type { DomainEvent, EventMessage } from './events.ts'

type Listener = (event: DomainEvent) => void

export class Subscriptions {
  readonly #listeners = new Map<number, Listener>()
  #registering = 0
  #unclaimed: EventMessage[] = []

  /** Registers at the daemon, and gives the callback's number to the listener. */
  async add(register: () => Promise<number>, listener: Listener): Promise<number> {
    this.#registering++
    try {
      const callback = await register()
      this.#listeners.set(callback, listener)
      // An event may overtake the reply that names its callback.
      for (const message of this.#unclaimed) if (message.callback === callback) tell(listener, message.event)
      return callback
    } finally {
      this.#registering--
      if (this.#registering === 0) this.#unclaimed = []
    }
  }

  /** False where it was removed before. */
  remove(callback: number): boolean {
    return this.#listeners.delete(callback)
  }

  dispatch(message: EventMessage): void {
    const listener = this.#listeners.get(message.callback)
    if (listener) tell(listener, message.event)
    else if (this.#registering > 0) this.#unclaimed.push(message)
  }
}

/** A listener's own error is its owner's, not the connection's: it surfaces as an uncaught one. */
function tell(listener: Listener, event: DomainEvent): void {
  try {
    listener(event)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
