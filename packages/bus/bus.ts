// Messages between processes: call (asks and waits), cast (tells), notify (tells whoever listens).
// Arguments and results are plain JSON data. The caller's request context travels with each message.

/** The functions that a topic serves: one plain-data argument, a plain-data result. */
export type Methods = object

type Argument<F> = F extends (argument: infer A, ...rest: never[]) => unknown ? A : never
type Result<F> = F extends (...args: never[]) => Promise<infer R> ? R : never

export interface CallOptions {
  /** Milliseconds until the caller gives up. Default 60,000. */
  timeout?: number
  signal?: AbortSignal
}

/** A topic's methods, as its callers see them. */
export type Remote<M extends Methods> = {
  readonly [Name in keyof M]: (argument: Argument<M[Name]>, options?: CallOptions) => Promise<Result<M[Name]>>
}

/** What a served method is told besides its argument. */
export interface Delivery {
  /** Aborts when the caller gave up or the bus closes. */
  readonly signal: AbortSignal
}

export type Served<M extends Methods> = {
  readonly [Name in keyof M]: (argument: Argument<M[Name]>, delivery: Delivery) => Promise<Result<M[Name]>>
}

export interface Notification {
  readonly eventType: string
  readonly publisherId: string
  readonly priority: string
  readonly payload: unknown
}

/**
 * Faults cross the bus as faults; other errors arrive as the fault `RemoteError`.
 * Nobody serving the topic: fault `Unreachable`. No answer in time: fault `BusTimeout`; the method may yet run.
 */
export interface Bus {
  /** Serves a topic, such as `compute.host1`. At most one server per topic and process. Returns what ends it. */
  serve<M extends Methods>(topic: string, methods: Served<M>): Promise<() => Promise<void>>
  /** A caller for a topic. */
  remote<M extends Methods>(topic: string): Remote<M>
  /** Delivers at most once, without an answer; a topic that nobody serves loses it. */
  cast<M extends Methods, Name extends keyof M & string>(
    topic: string,
    name: Name,
    argument: Argument<M[Name]>,
  ): Promise<void>
  /** Tells every subscriber of the topic. */
  notify(topic: string, notification: Notification): Promise<void>
  subscribe(topic: string, listener: (notification: Notification) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}
