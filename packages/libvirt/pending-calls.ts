// The calls of one connection that the daemon has not answered, and how long their callers wait for that.
import type { Clock, Timer } from './clock.ts'
import { errorFromWire, LibvirtError, remoteError } from './errors.ts'
import type { Frame } from './frame.ts'
import { frameStatus } from './frame.ts'
import type { Procedure } from './procedure.ts'
import { decode } from './xdr.ts'

export interface CallOptions {
  /** Milliseconds. Without it a call waits as long as the connection lives. */
  timeout?: number
  signal?: AbortSignal
  /** Runs when the daemon has answered or is gone, also where the caller stopped waiting before. */
  settled?: () => void
}

interface Pending {
  procedure: Procedure<never, unknown>
  resolve(value: unknown): void
  reject(error: Error): void
  /** Undefined once the caller has stopped waiting. */
  stopWaiting: (() => void) | undefined
  settled: (() => void) | undefined
}

export class PendingCalls {
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#pending.size
  }

  has(serial: number): boolean {
    return this.#pending.has(serial)
  }

  /** Waits for the reply to `serial`. */
  add<Result>(serial: number, procedure: Procedure<never, Result>, options: CallOptions): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const pending: Pending = { procedure, resolve, reject, settled: options.settled, stopWaiting: undefined }
    pending.stopWaiting = this.#bound(pending, options)
    this.#pending.set(serial, pending)
    return promise as Promise<Result>
  }

  /** A reply has come. One that nobody waits for is let go. */
  settle({ serial, status, payload }: Frame): void {
    const pending = this.#pending.get(serial)
    if (!pending) return
    this.#pending.delete(serial)
    pending.stopWaiting?.()
    pending.settled?.()
    const { procedure, resolve, reject } = pending
    try {
      if (status === frameStatus.ok) resolve(decode(procedure.result, payload))
      else reject(errorIn(payload, procedure.name))
    } catch (cause) {
      reject(misshapen(procedure.name, cause))
    }
  }

  /** No reply will come any more. */
  failAll(reason: LibvirtError): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { procedure, stopWaiting, reject, settled } of pending) {
      stopWaiting?.()
      reject(disconnected(reason, procedure.name))
      settled?.()
    }
  }

  /** Lets the caller go when the time is up or the signal aborts. The result ends both watches. */
  #bound(pending: Pending, { timeout, signal }: CallOptions): () => void {
    const { name } = pending.procedure
    let timer: Timer | undefined
    const leave = (error: LibvirtError) => {
      pending.stopWaiting?.()
      pending.stopWaiting = undefined
      pending.reject(error)
    }
    const abort = () => leave(aborted(name, signal))
    const late = () =>
      leave(new LibvirtError(`${name} was not answered within ${timeout} ms`, { kind: 'timeout', procedure: name }))
    if (timeout !== undefined) timer = this.#clock.after(timeout, late)
    signal?.addEventListener('abort', abort, { once: true })
    return () => {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** The error in a failed reply or stream packet. */
export function errorIn(payload: Buffer, procedure: string): LibvirtError {
  try {
    return errorFromWire(decode(remoteError, payload), procedure)
  } catch (cause) {
    return new LibvirtError(`${procedure} failed with an unreadable error`, { kind: 'protocol', procedure, cause })
  }
}

export function disconnected(reason: LibvirtError, procedure: string): LibvirtError {
  return new LibvirtError(`${procedure}: ${reason.message}`, { kind: 'disconnected', procedure, cause: reason })
}

export function aborted(procedure: string, signal: AbortSignal | undefined): LibvirtError {
  return new LibvirtError(`${procedure} was given up`, { kind: 'aborted', procedure, cause: signal?.reason })
}

function misshapen(procedure: string, cause: unknown): LibvirtError {
  const why = cause instanceof Error ? cause.message : cause
  return new LibvirtError(`the reply to ${procedure} has another shape: ${why}`, { kind: 'protocol', procedure, cause })
}
