// The bus inside one process. Messages are copied as they would be on a wire, so that nobody shares an object by it.
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import type { RequestContext } from '@kilonova/base/context'
import { adminContext, currentContext, withContext } from '@kilonova/base/context'
import { errorChain, Fault, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Bus, CallOptions, Delivery, Methods, Notification, Remote, Served } from './bus.ts'
import { fault } from './faults.ts'

type Method = (argument: unknown, delivery: Delivery) => Promise<unknown>

interface Topic {
  readonly methods: Record<string, Method>
  readonly closing: AbortController
}

const copy = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))

/** A bus for one process. */
export class LocalBus implements Bus {
  readonly #clock: Clock
  readonly #topics = new Map<string, Topic>()
  readonly #listeners = new Map<string, Set<(notification: Notification) => void>>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  async serve<M extends Methods>(topic: string, methods: Served<M>): Promise<() => Promise<void>> {
    if (this.#topics.has(topic)) throw new Error(`the topic ${topic} is served already`)
    const served = { methods: methods as unknown as Record<string, Method>, closing: new AbortController() }
    this.#topics.set(topic, served)
    return async () => {
      served.closing.abort()
      if (this.#topics.get(topic) === served) this.#topics.delete(topic)
    }
  }

  remote<M extends Methods>(topic: string): Remote<M> {
    const call = (method: string) => (argument: unknown, options?: CallOptions) =>
      this.#call(topic, method, argument, options)
    return new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : call(String(name))) }) as Remote<M>
  }

  async #call(
    topic: string,
    method: string,
    argument: unknown,
    { timeout = 60_000, signal }: CallOptions = {},
  ): Promise<unknown> {
    signal?.throwIfAborted()
    const served = this.#topics.get(topic)
    if (!served) throw fault('Unreachable', { topic })
    const giveUp = new AbortController()
    const signals = [giveUp.signal, served.closing.signal, ...(signal ? [signal] : [])]
    const delivery = { signal: AbortSignal.any(signals) }
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeout, () => {
        reject(fault('BusTimeout', { topic, method, timeout }))
        giveUp.abort()
      })
      const end = (settle: () => void): void => {
        timer.cancel()
        settle()
      }
      served.closing.signal.addEventListener('abort', () => end(() => reject(fault('Unreachable', { topic }))), {
        once: true,
      })
      signal?.addEventListener('abort', () => end(() => reject(signal.reason)), { once: true })
      deliver({
        topic,
        served,
        method,
        argument: copy(argument),
        delivery,
        context: currentContext() ?? adminContext(),
      }).then(
        (result) => end(() => resolve(copy(result))),
        (error) => end(() => reject(error)),
      )
    })
  }

  async cast(topic: string, method: string, argument: unknown): Promise<void> {
    const served = this.#topics.get(topic)
    if (!served) return
    const delivery = { signal: served.closing.signal }
    deliver({
      topic,
      served,
      method,
      argument: copy(argument),
      delivery,
      context: currentContext() ?? adminContext(),
    }).catch((error) => log('bus').warn({ topic, method }, errorChain(error)))
  }

  async notify(topic: string, notification: Notification): Promise<void> {
    const sent = copy(notification) as Notification
    for (const listener of this.#listeners.get(topic) ?? []) queueMicrotask(() => listener(sent))
  }

  async subscribe(topic: string, listener: (notification: Notification) => void): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return async () => void listeners.delete(listener)
  }

  async close(): Promise<void> {
    for (const { closing } of this.#topics.values()) closing.abort()
    this.#topics.clear()
    this.#listeners.clear()
  }
}

interface Message {
  topic: string
  served: Topic
  method: string
  argument: unknown
  delivery: Delivery
  context: RequestContext
}

async function deliver({ topic, served, method, argument, delivery, context }: Message): Promise<unknown> {
  const run = served.methods[method]
  if (!run) throw fault('NoSuchMethod', { topic, method })
  try {
    return await withContext(context, () => run.call(served.methods, argument, delivery))
  } catch (error) {
    // What crosses a wire is the fault's data; its cause stays in this process's log.
    if (isFault(error)) throw new Fault(copy(error.toWire()) as ReturnType<Fault['toWire']>, error.cause)
    throw fault('RemoteError', { message: errorChain(error) }, error)
  }
}
