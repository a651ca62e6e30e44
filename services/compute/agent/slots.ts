// So many at once, the others in the order in which they came.

export class Slots {
  #free: number
  #waiting: (() => void)[] = []

  /** 0: as many as like. */
  constructor(most: number) {
    this.#free = most === 0 ? Number.POSITIVE_INFINITY : most
  }

  /** Waits for a slot; what it answers gives it back. Throws the signal's reason when that aborts before. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free === 0) await this.#turn(signal)
    else this.#free--
    return () => this.#give()
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== resolve)
      reject(signal.reason)
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', leave))
  }

  #give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
