// One connection to a libvirt daemon: calls in any number at once, events, streams, keepalive.
import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { LibvirtError } from './errors.ts'
import type { DomainEvent, DomainEventName, DomainEventOf } from './events.ts'
import { domainEvents, eventOf } from './events.ts'
import type { Frame } from './frame.ts'
import { encodeFrame, FrameParser, frameStatus, frameTypes, programs } from './frame.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import { Keepalive } from './keepalive.ts'
import type { CallOptions } from './pending-calls.ts'
import { aborted, disconnected, errorIn, PendingCalls } from './pending-calls.ts'
import type { Procedure } from './procedure.ts'
import { connect } from './procedures/connect.ts'
import { LibvirtStream } from './stream.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Domain } from './wire-types.ts'
import { Reader } from './xdr.ts'

/** Makes a byte stream to a daemon: `unixSocket`, `tlsSocket`, `sshHelper`, or your own. */
export type Connector = () => Promise<Duplex>

/** What is logged, in pino's shape. */
export interface Log {
  debug(details: object, message: string): void
  warn(details: object, message: string): void
}

export interface ConnectionOptions {
  connect: Connector
  /** The driver to open. Default `qemu:///system`. */
  uri?: string
  log?: Log
  clock?: Clock
  keepalive?: KeepaliveOptions | false
  /** Milliseconds that opening may take. Default 60,000: a daemon that just started first finds its guests again. */
  openTimeout?: number
}

export type { CallOptions }

/** Arguments may be left out where a procedure has none. */
export type CallArguments<Args> = undefined extends Args
  ? [args?: Args, options?: CallOptions]
  : [args: Args, options?: CallOptions]

export interface Subscription {
  unsubscribe(): Promise<void>
}

const KEEPALIVE_FEATURE = 10
const LAST_SERIAL = 0xffffffff

export class LibvirtConnection {
  readonly #socket: Duplex
  readonly #clock: Clock
  readonly #log: Log | undefined
  readonly #parser = new FrameParser()
  readonly #calls: PendingCalls
  readonly #streams = new Map<number, LibvirtStream>()
  readonly #subscriptions = new Subscriptions()
  readonly #closed = Promise.withResolvers<LibvirtError>()
  #serial = 0
  #corked = false
  #keepalive: Keepalive | undefined
  #reason: LibvirtError | undefined

  private constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket
    this.#clock = options.clock ?? systemClock
    this.#log = options.log
    this.#calls = new PendingCalls(this.#clock)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.#lose('the connection to libvirt was lost', error))
    socket.on('close', () => this.#lose('the connection to libvirt was closed'))
    socket.on('end', () => this.#lose('libvirt closed the connection'))
  }

  /** Connects, opens the driver and turns on keepalive. Throws LibvirtError. */
  static async open(options: ConnectionOptions): Promise<LibvirtConnection> {
    const socket = await options.connect().catch((error: unknown) => {
      if (error instanceof LibvirtError) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new LibvirtError(`cannot connect to libvirt: ${why}`, { kind: 'disconnected', cause: error })
    })
    const connection = new LibvirtConnection(socket, options)
    try {
      await connection.#open(options)
      return connection
    } catch (error) {
      connection.#lose('the connection to libvirt was not opened', error)
      throw error
    }
  }

  async #open({ uri = 'qemu:///system', openTimeout = 60_000, keepalive = {} }: ConnectionOptions): Promise<void> {
    const timeout = openTimeout
    const ways = await this.call(connect.authList, undefined, { timeout })
    if (!ways.includes(0)) {
      const message = 'libvirt asks for authentication (SASL or polkit), which this client does not have'
      throw new LibvirtError(`${message}; set auth_unix_rw, auth_tls to "none"`, { kind: 'protocol' })
    }
    await this.call(connect.open, { name: uri }, { timeout })
    if (keepalive === false) return
    // Only clients that have asked are pinged.
    const supported = await this.call(connect.supportsFeature, KEEPALIVE_FEATURE, { timeout })
    if (!supported) return
    this.#keepalive = new Keepalive(keepalive, {
      clock: this.#clock,
      inFlight: () => this.#calls.size,
      send: (procedure) => this.#sendFrame(programs.keepalive, procedure),
      dead: (silence) => this.#lose(`libvirt has not answered for ${silence} ms`),
      slow: (silence) => this.#log?.warn({ silence, inFlight: this.#calls.size }, 'libvirt is busy and silent'),
    })
  }

  /** Undefined while it is open, then why it is not. */
  get closeReason(): LibvirtError | undefined {
    return this.#reason
  }

  /** Resolves with the reason when the connection is over, however that came. */
  get closed(): Promise<LibvirtError> {
    return this.#closed.promise
  }

  /** How many calls the daemon has not answered yet. */
  get inFlight(): number {
    return this.#calls.size
  }

  /** Calls a procedure. Any number may be under way. Throws LibvirtError. */
  call<Args, Result>(procedure: Procedure<Args, Result>, ...rest: CallArguments<Args>): Promise<Result> {
    const [args, options = {}] = rest
    return this.#call(procedure, args as Args, options).reply
  }

  /** Calls a procedure whose reply is followed by a stream. Whoever gets the stream must read, end or destroy it. */
  async openStream<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<{ result: Result; stream: Duplex }> {
    const { reply, serial } = this.#call(procedure, args, options)
    const stream = new LibvirtStream({
      send: (status, payload, sent) => this.#sendStream({ procedure, serial, status }, payload, sent),
      pause: () => this.#socket.pause(),
      resume: () => this.#socket.resume(),
      errorOf: (payload) => errorIn(payload, procedure.name),
      over: () => this.#streams.delete(serial),
    })
    this.#streams.set(serial, stream)
    // Until the caller has it, a failure is told by the reply alone.
    const ignore = () => undefined
    stream.on('error', ignore)
    try {
      const result = await reply
      stream.off('error', ignore)
      return { result, stream }
    } catch (error) {
      const refused = error instanceof LibvirtError && error.kind === 'libvirt'
      if (refused) this.#streams.delete(serial)
      else stream.destroy()
      throw error
    }
  }

  /** Has `listener` called for each event of that name, of one domain or of all. */
  async subscribe<Name extends DomainEventName>(
    name: Name,
    listener: (event: DomainEventOf<Name>) => void,
    dom: Domain | null = null,
  ): Promise<Subscription> {
    const register = () => this.call(connect.registerDomainEvent, { eventId: domainEvents[name].id, dom })
    const callback = await this.#subscriptions.add(register, listener as (event: DomainEvent) => void)
    return {
      unsubscribe: async () => {
        if (this.#subscriptions.remove(callback)) await this.call(connect.deregisterDomainEvent, callback)
      },
    }
  }

  /** Says goodbye and closes. Calls under way fail as `disconnected`. Never throws. */
  async close(): Promise<void> {
    if (!this.#reason) await this.call(connect.close, undefined, { timeout: 1000 }).catch(() => undefined)
    this.#lose('the connection was closed by its owner')
  }

  #call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, options: CallOptions) {
    const serial = this.#nextSerial()
    try {
      const frame = this.#encode(procedure, args, { serial, signal: options.signal })
      const reply = this.#calls.add(serial, procedure, options)
      this.#write(frame)
      return { serial, reply }
    } catch (error) {
      options.settled?.()
      return { serial, reply: Promise.reject<Result>(error) }
    }
  }

  #encode<Args>(
    procedure: Procedure<Args, unknown>,
    args: Args,
    { serial, signal }: { serial: number; signal: AbortSignal | undefined },
  ): Buffer {
    const { name, program, number } = procedure
    if (this.#reason) throw disconnected(this.#reason, name)
    if (signal?.aborted) throw aborted(name, signal)
    const header = { program, procedure: number, type: frameTypes.call, serial, status: frameStatus.ok }
    try {
      return encodeFrame(header, (to) => procedure.args.write(to, args))
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : cause
      throw new LibvirtError(`${name}: ${why}`, { kind: 'protocol', procedure: name, cause })
    }
  }

  #nextSerial(): number {
    do this.#serial = this.#serial === LAST_SERIAL ? 1 : this.#serial + 1
    while (this.#calls.has(this.#serial) || this.#streams.has(this.#serial))
    return this.#serial
  }

  #sendFrame(program: number, procedure: number): void {
    this.#write(encodeFrame({ program, procedure, type: frameTypes.message, serial: 0, status: frameStatus.ok }))
  }

  #sendStream(
    { procedure, serial, status }: { procedure: Procedure<never, unknown>; serial: number; status: number },
    payload: Uint8Array | undefined,
    sent?: (error?: Error | null) => void,
  ): void {
    if (this.#reason) {
      sent?.(this.#reason)
      return
    }
    const { program, number } = procedure
    const frame = encodeFrame({ program, procedure: number, type: frameTypes.stream, serial, status }, (to) => {
      if (!payload) return
      const { buffer, at } = to.reserve(payload.length)
      buffer.set(payload, at)
    })
    this.#write(frame, sent)
  }

  /** Gathers what is written in one turn into one system call. */
  #write(frame: Buffer, sent?: (error?: Error | null) => void): void {
    if (this.#reason) return
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(frame, sent)
  }

  #receive(chunk: Buffer): void {
    if (this.#reason) return
    this.#keepalive?.heard()
    try {
      this.#parser.push(chunk, (frame) => this.#dispatch(frame))
    } catch (error) {
      this.#lose('libvirt sent what is not its protocol', error)
    }
  }

  #dispatch(frame: Frame): void {
    if (this.#reason) return
    const { program, procedure, type, serial } = frame
    if (program === programs.keepalive) this.#keepalive?.receive(procedure)
    else if (type === frameTypes.reply) this.#calls.settle(frame)
    else if (type === frameTypes.stream) this.#streams.get(serial)?.receive(frame)
    else if (type === frameTypes.message && program === programs.remote) this.#event(frame)
    else this.#log?.debug({ program, procedure, type }, 'unknown message')
  }

  #event(frame: Frame): void {
    const known = eventOf(frame.procedure)
    if (!known) {
      this.#log?.debug({ procedure: frame.procedure }, 'unknown event')
      return
    }
    try {
      this.#subscriptions.dispatch(known.read(new Reader(frame.payload)))
    } catch (err) {
      this.#log?.warn({ err, type: known.type }, 'an event has another shape')
    }
  }

  #lose(message: string, cause?: unknown): void {
    if (this.#reason) return
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message
    const reason = new LibvirtError(why, { kind: 'disconnected', cause })
    this.#reason = reason
    this.#keepalive?.stop()
    this.#socket.destroy()
    for (const stream of [...this.#streams.values()]) stream.fail(reason)
    this.#calls.failAll(reason)
    this.#closed.resolve(reason)
  }
}
