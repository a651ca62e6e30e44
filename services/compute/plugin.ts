// The door for plug-ins: what one may add to compute, and how it says so. docs/modify shows working ones.

import type { Policy } from '@kilonova/api/policy'
import type { Call, Route } from '@kilonova/api/route'
import type { Static, TObject, TProperties } from '@kilonova/api/type'
import type { OptionTable, Values } from '@kilonova/base/options'
import type { RequestedNetwork } from '@kilonova/network/client'
import type { SchemaStep } from '@kilonova/store/schema'
import type { AnySaga, Run } from '@kilonova/tasks/saga'
import type { GuestFlavor, GuestImage } from './agent/guest-spec.ts'
import type { Compute } from './compute.ts'
import type { Conductor } from './conductor/conductor.ts'
import type { Filter, Weighted } from './scheduler/host-state.ts'
import type { ServerRow } from './schema/tables.ts'
import type { NetworkRequest, NewServer } from './servers/schema.ts'

/** Fields of a body or reply by name. Each knows its versions by `since` and `until`. */
export type Fields = TProperties

/** What a create request comes to; whatever a plug-in changes here is checked afterwards as if the user had asked for it. */
export interface ServerPlan {
  /** One for each item of `networks`, in its order. */
  networks: RequestedNetwork[] | 'auto' | 'none' | null
  metadata: Record<string, string>
  /** Scheduler hints. */
  hints: Record<string, unknown>
  /** Names or ids. */
  securityGroups: string[]
}

/** One POST /servers, checked against its schema, before anything was written. */
export interface Creation<Server, Network> {
  readonly compute: Compute
  readonly call: Pick<Call, 'context' | 'at' | 'allows' | 'require'>
  /** As the user sent it, with the plug-in's own keys. */
  readonly server: NewServer & Server
  /** The items of `server.networks`; empty where it is no list. */
  readonly networks: readonly (NetworkRequest & Network)[]
  readonly flavor: Readonly<GuestFlavor & { id: string }>
  readonly image: Readonly<GuestImage> | null
  /** How many servers are asked for. */
  readonly count: { readonly min: number; readonly max: number }
  readonly plan: ServerPlan
  /** Keeps plain data with each of the servers: filters and the server's view find it. Called again, it replaces. */
  keep(data: unknown): void
}

export interface ServerCreateExtension<Server = object, Network = object> {
  /** Keys of `server`, all optional. */
  readonly fields?: Fields
  /** Keys of the items of `server.networks`, all optional. */
  readonly networkFields?: Fields
  /** Changes the plan, or refuses by throwing a fault of status 4xx. Writes nothing: the request may yet be refused. */
  act(creation: Creation<Server, Network>): Promise<void> | void
}

/** A server-create extension whose `act` sees the types of its fields. */
export function serverCreate<
  Server extends TProperties = Record<never, never>,
  Network extends TProperties = Record<never, never>,
>(
  extension: ServerCreateExtension<Static<TObject<Server>>, Static<TObject<Network>>> & {
    fields?: Server
    networkFields?: Network
  },
): ServerCreateExtension {
  return extension as ServerCreateExtension
}

/** Servers of one page, and who looks at them. */
export interface Viewing {
  readonly compute: Compute
  readonly call: Pick<Call, 'context' | 'at' | 'allows' | 'url'>
  readonly servers: readonly ServerRow[]
  /** What the plug-in kept with them, by id; one statement. */
  kept(): Promise<ReadonlyMap<string, unknown>>
}

export interface ServerViewExtension {
  /** Named `vendor:name`, so that none becomes OpenStack's one day. Versions that lack a field do not show it. */
  readonly fields: Fields
  /** The fields' values by server id; a server without any is left out. Asked once for a page. */
  values(viewing: Viewing): Promise<ReadonlyMap<string, object>> | ReadonlyMap<string, object>
}

/** What a hook sees: the step's run, and compute. */
export type HookRun = Omit<Run<unknown, Readonly<Record<string, unknown>>, never>, 'deps'> & {
  readonly compute: Compute
}

/**
 * Runs with a step of a task. The step's promise holds: it may run again after a crash, so a hook does too. Throwing
 * fails the step, and the task is undone from it upwards; nothing of a hook runs when a task is undone.
 */
export interface TaskHook {
  /** Such as `server.build`. */
  readonly task: string
  readonly step: string
  /** Before each run of the step. */
  readonly before?: (run: HookRun) => Promise<void> | void
  /** After the step's work and before its record, with its result. Not after a run that will look again later. */
  readonly after?: (run: HookRun, result: unknown) => Promise<void> | void
}

/** All that a plug-in adds. */
export interface Extension {
  readonly serverCreate?: ServerCreateExtension
  readonly serverView?: ServerViewExtension
  /** Rules that its routes name. */
  readonly policy?: Policy
  /** Below `/v2.1/`; made with `routeOf<Compute, typeof policy>(policy)`. */
  readonly routes?: readonly Route<Compute>[]
  /** For `enabled_filters` to name. */
  readonly filters?: readonly Filter[]
  /** Each with its multiplier. */
  readonly weighers?: readonly Weighted[]
  /** Tasks of its own. */
  readonly tasks?: readonly AnySaga<Conductor>[]
  readonly hooks?: readonly TaskHook[]
}

export interface Plugin {
  /** Small letters, digits and hyphens: also the name of its table in the configuration. */
  readonly name: string
  readonly options: OptionTable
  /** Schema steps of its own tables, oldest first. Each only adds. */
  readonly schema: readonly SchemaStep[]
  extend(options: Values<OptionTable>): Extension
}

/** A plug-in that was loaded, with its options. */
export interface ActivePlugin extends Extension {
  readonly name: string
}

interface Declared<Table extends OptionTable> {
  name: string
  options?: Table
  schema?: readonly SchemaStep[]
  /** Called once, at the start. */
  extend(options: Values<Table>): Extension
}

/** The default export of a plug-in's module. */
export function definePlugin<const Table extends OptionTable = Record<never, never>>(
  declared: Declared<Table>,
): Plugin {
  return { options: {}, schema: [], ...declared } as unknown as Plugin
}
