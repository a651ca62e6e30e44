// How many slow calls may be under way at once; the others wait in line.
import type { Clock, Timer } from './clock.ts'
import { LibvirtError } from './errors.ts'

interface Wanted {
  procedure: string
  clock: Clock
  timeout?: number
  signal?: AbortSignal
}

export class Slots {
  #free: number
  #line: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a slot; the result gives it back and may be called more than once. Throws LibvirtError. */
  async take(wanted: Wanted): Promise<() => void> {
    if (this.#free > 0) this.#free--
    else await this.#wait(wanted)
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = this.#line.shift()
      if (next) next()
      else this.#free++
    }
  }

  #wait({ procedure, clock, timeout, signal }: Wanted): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#line.push(resolve)
    const leave = (error: LibvirtError) => {
      const at = this.#line.indexOf(resolve)
      if (at < 0) return // its turn has come already
      this.#line.splice(at, 1)
      reject(error)
    }
    let timer: Timer | undefined
    const late = () => {
      const message = `${procedure} waited ${timeout} ms for other calls to this host to end`
      leave(new LibvirtError(message, { kind: 'timeout', procedure }))
    }
    const abort = () =>
      leave(new LibvirtError(`${procedure} was given up`, { kind: 'aborted', procedure, cause: signal?.reason }))
    if (timeout !== undefined) timer = clock.after(timeout, late)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    return promise.finally(() => {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
    })
  }
}
