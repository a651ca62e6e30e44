// Reads a stream that may stall: it must keep bringing bytes, and can be told to end.
import type { Readable } from 'node:stream'
import type { Clock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { fault } from '../faults.ts'

const LEAST_BYTES = 64 * 1024
/** What a refused sender may still send before its connection is cut, so that it reads the refusal. */
const DRAINED_BYTES = 32 * 1024 * 1024

export interface Pace {
  clock: Clock
  /** Seconds in which LEAST_BYTES must arrive. */
  timeout: number
  /** Ends the reading with its reason. */
  signal: AbortSignal
}

/** The chunks of the stream. Leaves it open, so that an answer can be sent on its connection. */
export async function* paced(stream: Readable, { clock, timeout, signal }: Pace): AsyncGenerator<Uint8Array> {
  const iterator = stream.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]()
  /** Set while a chunk is awaited: only then is it the sender who is slow. */
  let stop: ((error: unknown) => void) | undefined
  let arrived = 0
  const watch = (): void => {
    if (arrived < LEAST_BYTES) stop?.(fault('UploadTooSlow', { seconds: timeout }))
    arrived = 0
    timer = clock.after(timeout * 1000, watch)
  }
  let timer = clock.after(timeout * 1000, watch)
  const end = (): void => stop?.(signal.reason)
  signal.addEventListener('abort', end)
  try {
    for (;;) {
      signal.throwIfAborted()
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        stop = reject
        iterator.next().then(resolve, (error) => reject(brokenOff(error)))
      })
      stop = undefined
      if (step.done) return
      arrived += step.value.length
      yield step.value
    }
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', end)
    iterator.return?.()?.catch(() => undefined)
  }
}

function brokenOff(error: unknown): unknown {
  return isFault(error) ? error : fault('UploadBrokenOff', {}, error)
}

/** Swallows a little of what a sender still sends after a refusal, then cuts it off. */
export function drain(stream: Readable): void {
  let left = DRAINED_BYTES
  stream.on('error', () => undefined)
  stream.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) stream.destroy()
  })
}
