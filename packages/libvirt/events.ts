// The events of domains: which number registers each, which message carries it, what it says.
import { domain, paramValues, typedParams } from './wire-types.ts'
import type { Of, Schema } from './xdr.ts'
import { i32, i64, mapped, optional, string, struct, u64 } from './xdr.ts'

interface Declared<Body> {
  /** virDomainEventID: what is registered. */
  id: number
  /** The number of the message. */
  procedure: number
  body: Schema<Body, never>
}

function event<Body>(id: number, procedure: number, body: Schema<Body, never>): Declared<Body> {
  return { id, procedure, body }
}

const dom = domain

// Events are logged and sent on as JSON, which has no bigint.
const count = mapped(u64, { read: Number, write: (value: number) => value })
const offset = mapped(i64, { read: Number, write: (value: number) => value })
const stats = mapped(typedParams, { read: paramValues, write: (value: never) => value })

/** Each message begins with the callback's number; what follows is here. */
export const domainEvents = {
  /** `event` is `lifecycle`, `detail` depends on it. */
  lifecycle: event(0, 318, struct({ dom, event: i32, detail: i32 })),
  /** The guest restarted itself. */
  reboot: event(1, 319, struct({ dom })),
  /** Seconds from UTC. */
  rtcChange: event(2, 320, struct({ dom, offset })),
  /** `action`: 0 none, 1 pause, 2 reset, 3 power off, 4 shut down, 5 debug, 6 inject NMI. */
  watchdog: event(3, 321, struct({ dom, action: i32 })),
  /** `action`: 0 none, 1 paused, 2 reported to the guest. `reason`: `enospc` or empty. */
  ioError: event(6, 324, struct({ dom, source: string, device: string, action: i32, reason: string })),
  controlError: event(7, 325, struct({ dom })),
  diskChange: event(
    9,
    327,
    struct({ dom, oldSource: optional(string), newSource: optional(string), device: string, reason: i32 }),
  ),
  balloonChange: event(13, 331, struct({ dom, actual: count })),
  deviceRemoved: event(15, 333, struct({ dom, device: string })),
  /** `disk` is the target (`vda`); `jobType` is `blockJobType`, `status` is `blockJobStatus`. */
  blockJob: event(16, 339, struct({ dom, disk: string, jobType: i32, status: i32 })),
  /** `state`: 1 connected, 2 disconnected. `reason`: 0 unknown, 1 the domain started, 2 the channel. */
  agentLifecycle: event(18, 348, struct({ dom, state: i32, reason: i32 })),
  deviceAdded: event(19, 354, struct({ dom, device: string })),
  migrationIteration: event(20, 359, struct({ dom, iteration: i32 })),
  /** `stats` as migration.getJobStats tells them. */
  jobCompleted: event(21, 363, struct({ dom, stats })),
  deviceRemovalFailed: event(22, 367, struct({ dom, device: string })),
  metadataChange: event(23, 379, struct({ dom, metadataType: i32, uri: optional(string) })),
  blockThreshold: event(
    24,
    385,
    struct({ dom, device: string, path: optional(string), threshold: count, excess: count }),
  ),
}

export type DomainEventName = keyof typeof domainEvents

type BodyOf<Name extends DomainEventName> = (typeof domainEvents)[Name] extends Declared<infer Body> ? Body : never

/** One event of one name: `{ type: 'lifecycle', dom, event, detail }`. */
export type DomainEventOf<Name extends DomainEventName> = { [N in Name]: { type: N } & BodyOf<N> }[Name]

/** Any event; `type` tells which. */
export type DomainEvent = DomainEventOf<DomainEventName>

export interface EventMessage {
  callback: number
  event: DomainEvent
}

const byProcedure = new Map(
  Object.entries(domainEvents).map(([type, { procedure, body }]) => {
    const message = struct({ callback: i32, body: body as Schema<object, never> })
    return [procedure, { type, message }] as const
  }),
)

/** The message's meaning, or undefined when its number is not declared here. */
export function eventOf(procedure: number): { type: string; read: Schema<EventMessage>['read'] } | undefined {
  const known = byProcedure.get(procedure)
  if (!known) return undefined
  const { type, message } = known
  const read: Schema<EventMessage>['read'] = (from) => {
    const { callback, body }: Of<typeof message> = message.read(from)
    return { callback, event: { type, ...body } as DomainEvent }
  }
  return { type, read }
}
