// The uploads that run in this process, by the name under which they write.

interface Living {
  controller: AbortController
  ended: Promise<void>
  end: () => void
}

export class Uploads {
  readonly #living = new Map<string, Living>()

  /** Registers an upload; the signal aborts when somebody wants it to end, with the error to end with. */
  begin(name: string): AbortSignal {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const controller = new AbortController()
    this.#living.set(name, { controller, ended, end })
    return controller.signal
  }

  /** The upload has cleaned up after itself. */
  end(name: string): void {
    this.#living.get(name)?.end()
    this.#living.delete(name)
  }

  lives(name: string): boolean {
    return this.#living.has(name)
  }

  abort(name: string, reason: Error): void {
    this.#living.get(name)?.controller.abort(reason)
  }

  /** Ends all uploads and waits until they have cleaned up. */
  async abortAll(reason: Error): Promise<void> {
    const all = [...this.#living.values()]
    for (const { controller } of all) controller.abort(reason)
    await Promise.all(all.map(({ ended }) => ended))
  }
}
