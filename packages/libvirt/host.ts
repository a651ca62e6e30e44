// One host as a driver holds it: a quick and a slow connection, made anew whenever they are lost.
import { EventEmitter, on } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { CallArguments, CallOptions, ConnectionOptions } from './connection.ts'
import { LibvirtConnection } from './connection.ts'
import { LibvirtError } from './errors.ts'
import type { DomainEvent, DomainEventName } from './events.ts'
import type { Procedure } from './procedure.ts'
import { Slots } from './slots.ts'

export interface HostOptions extends ConnectionOptions {
  /** What `event` tells. Default: all that a driver acts on. */
  events?: readonly DomainEventName[]
  /**
   * Slow calls at once. Default 4: with 5 that wait for a hung guest a libvirtd of default settings reads nothing more
   * from that connection. More for a daemon with a higher max_client_requests.
   */
  slowCalls?: number
  /** Milliseconds before the first try to reconnect, doubled up to the longest. Default 100 and 10,000. */
  backOff?: { first?: number; longest?: number }
}

interface HostEventMap {
  /**
   * Both connections are open and all events are registered: the time for a full look at the host. A daemon that was
   * started anew may still be taking up its guests: calls that need a guest's monitor wait for it, `destroy` does not
   * and may then say NO_DOMAIN of a guest that it ended.
   */
  connected: []
  /** With the reason. Calls under way have failed as `disconnected`, later ones do so until `connected`. */
  disconnected: [LibvirtError]
  event: [DomainEvent]
}

interface Connections {
  quick: LibvirtConnection
  slow: LibvirtConnection
}

const DRIVER_EVENTS: readonly DomainEventName[] = [
  'lifecycle',
  'reboot',
  'ioError',
  'controlError',
  'deviceRemoved',
  'deviceRemovalFailed',
  'blockJob',
  'agentLifecycle',
  'jobCompleted',
]

export class LibvirtHost extends EventEmitter<HostEventMap> {
  readonly #options: HostOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #slots: Slots
  readonly #running: Promise<void>
  #connections: Connections | undefined
  #why = new LibvirtError('not connected to libvirt yet', { kind: 'disconnected' })

  private constructor(options: HostOptions) {
    super()
    this.setMaxListeners(0)
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#slots = new Slots(options.slowCalls ?? 4)
    this.#running = this.#run()
  }

  /** Begins to connect, and goes on until closed. Does not throw: wait for `ready`, or for the event. */
  static start(options: HostOptions): LibvirtHost {
    return new LibvirtHost(options)
  }

  get connected(): boolean {
    return this.#connections !== undefined
  }

  /** Why it is not connected: the last failure. */
  get why(): LibvirtError {
    return this.#why
  }

  /** Resolves once connected. Throws the last failure as `disconnected` when the signal aborts or the host is closed. */
  async ready(signal?: AbortSignal): Promise<void> {
    if (this.#connections) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const either = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal
    const giveUp = () => reject(this.#why)
    this.once('connected', resolve)
    either.addEventListener('abort', giveUp, { once: true })
    if (either.aborted) giveUp()
    return promise.finally(() => {
      this.off('connected', resolve)
      either.removeEventListener('abort', giveUp)
    })
  }

  /**
   * Calls a procedure on the connection that fits it: quick ones at once, others when one of the slow slots is free. A
   * slow call that timed out or was aborted keeps its slot until the daemon has answered. Throws LibvirtError.
   */
  async call<Args, Result>(procedure: Procedure<Args, Result>, ...rest: CallArguments<Args>): Promise<Result> {
    const [args, options = {}] = rest
    const { quick } = this.#open(procedure.name)
    const make = (on: LibvirtConnection, given: CallOptions) =>
      on.call(procedure, ...([args, given] as CallArguments<Args>))
    if (procedure.quick) return make(quick, options)
    const release = await this.#slots.take({ procedure: procedure.name, clock: this.#clock, ...options })
    const slow = this.#connections?.slow
    if (slow) return make(slow, { ...options, settled: release })
    release()
    throw this.#absent(procedure.name)
  }

  /** Opens a stream on a connection of its own, so that a reader who lingers delays nobody. */
  async openStream<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<{ result: Result; stream: Duplex }> {
    this.#open(procedure.name)
    // Nobody answers pings while the reader lingers.
    const connection = await LibvirtConnection.open({ ...this.#options, keepalive: false })
    try {
      const opened = await connection.openStream(procedure, args, options)
      opened.stream.once('close', () => connection.close())
      return opened
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  /** What happens to the domains from now on, over reconnections, until the signal aborts or the host is closed. */
  events(signal?: AbortSignal): AsyncGenerator<DomainEvent, void, void> {
    const either = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal
    // Outside the generator, whose body runs only once somebody asks it: by then events would be lost.
    const source = either.aborted ? undefined : on(this, 'event', { signal: either })
    return untilAborted(source, either)
  }

  /** Closes both connections and reconnects no more. Calls under way fail as `disconnected`. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  #open(procedure: string): Connections {
    if (this.#connections) return this.#connections
    throw this.#absent(procedure)
  }

  #absent(procedure: string): LibvirtError {
    const message = `${procedure}: ${this.#why.message}`
    return new LibvirtError(message, { kind: 'disconnected', procedure, cause: this.#why })
  }

  async #run(): Promise<void> {
    const { first = 100, longest = 10_000 } = this.#options.backOff ?? {}
    const stopped = this.#stop.signal
    let wait = first
    while (!stopped.aborted) {
      const connections = await this.#connect()
      if (connections) {
        wait = first
        await this.#serve(connections)
        continue
      }
      await this.#clock.sleep(wait, stopped)
      wait = Math.min(wait * 2, longest)
    }
    this.#why = new LibvirtError('the host was closed by its owner', { kind: 'disconnected' })
  }

  async #connect(): Promise<Connections | undefined> {
    const opened: LibvirtConnection[] = []
    try {
      const quick = await LibvirtConnection.open(this.#options)
      opened.push(quick)
      const slow = await LibvirtConnection.open(this.#options)
      opened.push(slow)
      const names = this.#options.events ?? DRIVER_EVENTS
      await Promise.all(names.map((name) => quick.subscribe(name, (event) => this.emit('event', event))))
      return { quick, slow }
    } catch (error) {
      this.#why = asLost(error)
      this.#options.log?.debug({ err: this.#why }, 'libvirt cannot be reached')
      await Promise.all(opened.map((connection) => connection.close()))
      return undefined
    }
  }

  /** Until one of the two is lost or the host is closed; then neither is left. */
  async #serve({ quick, slow }: Connections): Promise<void> {
    const { promise: stopped, resolve } = Promise.withResolvers<undefined>()
    const stop = () => resolve(undefined)
    this.#stop.signal.addEventListener('abort', stop, { once: true })
    if (this.#stop.signal.aborted) stop()
    this.#connections = { quick, slow }
    this.emit('connected')
    const reason = await Promise.race([quick.closed, slow.closed, stopped])
    this.#stop.signal.removeEventListener('abort', stop)
    this.#connections = undefined
    this.#why = reason ?? new LibvirtError('the host was closed by its owner', { kind: 'disconnected' })
    await Promise.all([quick.close(), slow.close()])
    if (reason) this.#options.log?.warn({ err: reason }, 'libvirt was lost')
    this.emit('disconnected', this.#why)
  }
}

async function* untilAborted(
  source: AsyncIterable<unknown[]> | undefined,
  signal: AbortSignal,
): AsyncGenerator<DomainEvent, void, void> {
  try {
    for await (const [event] of source ?? []) yield event as DomainEvent
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function asLost(error: unknown): LibvirtError {
  if (error instanceof LibvirtError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new LibvirtError(message, { kind: 'disconnected', cause: error })
}
