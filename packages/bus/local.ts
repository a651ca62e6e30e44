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
  /** What ends each delivery under way when the topic is no longer served. */
  readonly underWay: Set<() => void>
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
    const served: Topic = { methods: methods as unknown as Record<string, Method>, underWay: new Set() }
    this.#topics.set(topic, served)
    return async () => {
      if (this.#topics.get(topic) === served) this.#topics.delete(topic)
      end(served)
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
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        timer.cancel()
        served.underWay.delete(close)
        signal?.removeEventListener('abort', abort)
        act()
      }
      const refuse = (why: unknown): void => {
        settle(() => reject(why))
        giveUp.abort()
      }
      const timer = this.#clock.after(timeout, () => refuse(fault('BusTimeout', { topic, method, timeout })))
      const close = (): void => refuse(fault('Unreachable', { topic }))
      const abort = (): void => refuse(signal?.reason)
      served.underWay.add(close)
      signal?.addEventListener('abort', abort)
      const message = {
        topic,
        served,
        method,
        argument: copy(argument),
        delivery: { signal: giveUp.signal },
        context: contextNow(),
      }
      deliver(message).then(
        (result) => settle(() => resolve(copy(result))),
        (error) => settle(() => reject(error)),
      )
    })
  }

  async cast(topic: string, method: string, argument: unknown): Promise<void> {
    const served = this.#topics.get(topic)
    if (!served) return
    const giveUp = new AbortController()
    const close = (): void => giveUp.abort()
    served.underWay.add(close)
    const message = {
      topic,
      served,
      method,
      argument: copy(argument),
      delivery: { signal: giveUp.signal },
      context: contextNow(),
    }
    deliver(message)
      .catch((error) => log('bus').warn({ topic, method }, errorChain(error)))
      .finally(() => served.underWay.delete(close))
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
    const open = [...this.#topics.values()]
    this.#topics.clear()
    open.forEach(end)
    this.#listeners.clear()
  }
}

const contextNow = (): RequestContext => currentContext() ?? adminContext()

function end({ underWay }: Topic): void {
  for (const close of [...underWay]) close()
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
    return await withContext(context, () => {
      log('bus').debug({ topic, method }, 'called')
      return run.call(served.methods, argument, delivery)
    })
  } catch (error) {
    // What crosses a wire is the fault's data; its cause stays in this process's log.
    if (isFault(error)) throw new Fault(copy(error.toWire()) as ReturnType<Fault['toWire']>, error.cause)
    throw fault('RemoteError', { message: errorChain(error) }, error)
  }
}
