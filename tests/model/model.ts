// What users believe of a small cloud: plain data, and what each request makes of it. It knows nothing of ours.

export type State =
  | 'active'
  | 'stopped'
  | 'paused'
  | 'suspended'
  | 'rescued'
  | 'resized'
  | 'shelved'
  | 'shelved_offloaded'
  | 'error'

export interface Port {
  id: string
  network: NetworkName
  address: string
  /** The server that has it. */
  server: string | null
  /** It was made for its server, and goes with it. */
  own: boolean
  groups: string[]
}

/** Where a server claims room. */
interface Place {
  host: string
  vcpus: number
}

interface Before {
  place: Place
  flavor: FlavorName
  state: State
  /** It was confirmed, which failed: some of it may be gone, so that there is no way back. */
  confirmed: boolean
}

export interface Server {
  id: string
  state: State
  /** Its claim where it lives; of a server that lives nowhere undefined. */
  place: Place | undefined
  flavor: FlavorName
  locked: boolean
  /** Of a resize that is not over: what it was. */
  before: Before | undefined
}

export interface Floating {
  id: string
  address: string
  port: string | null
}

export interface Group {
  id: string
  name: string
}

export interface Model {
  servers: Server[]
  ports: Port[]
  floatings: Floating[]
  groups: Group[]
  /** How many were done. */
  steps: number
}

export const nothing = (): Model => ({ servers: [], ports: [], floatings: [], groups: [], steps: 0 })

export const FLAVORS = { small: { vcpus: 1, ram: 64 }, large: { vcpus: 2, ram: 128 } } as const
export type FlavorName = keyof typeof FLAVORS
export type NetworkName = 'private' | 'narrow'

/** So small that all of it runs out. */
export const LIMITS = { instances: 5, cores: 7, floatings: 2, groups: 3, addresses: 3 }
export const HOSTS = ['fake-1', 'fake-2']
export const VCPUS_OF_HOST = 4

export const otherFlavor = (name: FlavorName): FlavorName => (name === 'small' ? 'large' : 'small')

// Numbers

/** Claims on a host. */
export function claimed({ servers }: Model, host: string): number {
  const places = servers.flatMap(({ place, before }) => [place, before?.place])
  return places.reduce((sum, place) => sum + (place?.host === host ? place.vcpus : 0), 0)
}

/** Hosts with so much room. */
export const hostsFor = (model: Model, vcpus: number): string[] =>
  HOSTS.filter((host) => claimed(model, host) + vcpus <= VCPUS_OF_HOST)

export function used({ servers }: Model): { instances: number; cores: number; ram: number } {
  const sum = (what: 'vcpus' | 'ram') => servers.reduce((total, { flavor }) => total + FLAVORS[flavor][what], 0)
  return { instances: servers.length, cores: sum('vcpus'), ram: sum('ram') }
}

export const exceedsQuota = (model: Model, more: { instances: number; cores: number }): boolean =>
  (more.instances > 0 && used(model).instances + more.instances > LIMITS.instances) ||
  (more.cores > 0 && used(model).cores + more.cores > LIMITS.cores)

export const isExhausted = ({ ports }: Model, network: NetworkName): boolean =>
  network === 'narrow' && ports.filter((port) => port.network === network).length >= LIMITS.addresses

export const portsOf = ({ ports }: Model, { id }: Server): Port[] => ports.filter(({ server }) => server === id)

export const serverOf = ({ servers }: Model, { server }: Port): Server | undefined =>
  servers.find(({ id }) => id === server)

// Servers

interface Rule {
  from: readonly State[]
  /** Undefined: what it was. */
  to?: State
  /** A locked server does it nevertheless. */
  whenLocked?: boolean
}

const STOPPABLE: readonly State[] = ['active', 'stopped', 'paused', 'suspended']

// biome-ignore format: a table
const RULES = {
  start:         { from: ['stopped'], to: 'active' },
  stop:          { from: ['active', 'error'], to: 'stopped' },
  softReboot:    { from: ['active'], to: 'active' },
  hardReboot:    { from: [...STOPPABLE, 'error'], to: 'active' },
  pause:         { from: ['active'], to: 'paused' },
  unpause:       { from: ['paused'], to: 'active' },
  suspend:       { from: ['active'], to: 'suspended' },
  resume:        { from: ['suspended'], to: 'active' },
  rescue:        { from: ['active', 'stopped', 'error'], to: 'rescued' },
  unrescue:      { from: ['rescued'], to: 'active' },
  rebuild:       { from: ['active', 'stopped', 'error'] },
  resize:        { from: ['active', 'stopped'], to: 'resized' },
  migrate:       { from: ['active', 'stopped'], to: 'resized' },
  confirm:       { from: ['resized'] },
  revert:        { from: ['resized'] },
  shelve:        { from: STOPPABLE, to: 'shelved' },
  offload:       { from: ['shelved'], to: 'shelved_offloaded' },
  unshelve:      { from: ['shelved', 'shelved_offloaded'], to: 'active' },
  createImage:   { from: STOPPABLE, whenLocked: true },
  crashDump:     { from: ['active', 'paused', 'rescued', 'resized', 'error'] },
  changePassword: { from: ['active'] },
} as const satisfies Record<string, Rule>

export type Verb = keyof typeof RULES
export const VERBS = Object.keys(RULES) as Verb[]

/** What only admins may do does not mind a lock. */
const ADMINS: readonly Verb[] = ['migrate', 'offload']
export const byAdmin = (verb: Verb): boolean => ADMINS.includes(verb)

/** What may come of a request: refused with one of these statuses, or accepted, and in the end the server is one of these. */
export type Outcome = { refused: readonly number[] } | { accepted: Server[] }

export function outcome(model: Model, server: Server, verb: Verb): Outcome {
  const { from, to, whenLocked }: Rule = RULES[verb]
  if (server.locked && !whenLocked && !byAdmin(verb)) return { refused: [409] }
  if (!from.includes(server.state) || (server.state === 'error' && !server.place)) return { refused: [409] }
  if (verb === 'revert' && server.before!.confirmed) return { refused: [409] }
  const more = verb === 'resize' ? growth(server) : 0
  if (exceedsQuota(model, { instances: 0, cores: more })) return { refused: [403] }
  if (server.state === 'error') return { accepted: [{ ...server, state: to ?? 'active' }, server] }
  return { accepted: ends(model, server, verb, to ?? server.state) }
}

const growth = ({ flavor }: Server): number => FLAVORS[otherFlavor(flavor)].vcpus - FLAVORS[flavor].vcpus

function ends(model: Model, server: Server, verb: Verb, state: State): Server[] {
  switch (verb) {
    case 'resize':
      return moved(model, server, otherFlavor(server.flavor))
    case 'migrate':
      return moved(model, server, server.flavor)
    case 'confirm':
      return [{ ...server, state: server.before!.state, before: undefined }]
    case 'revert':
      return [reverted(server)]
    case 'offload':
      return [{ ...server, state, place: undefined }]
    case 'unshelve':
      return server.place ? [{ ...server, state }] : placed(model, server, state)
    default:
      return [{ ...server, state }]
  }
}

function reverted(server: Server): Server {
  const { place, flavor, state } = server.before!
  return { ...server, place, flavor, state, before: undefined }
}

/** On another host, its old place kept; where there is no room it stays what it was. */
function moved(model: Model, server: Server, flavor: FlavorName): Server[] {
  const { vcpus } = FLAVORS[flavor]
  const before = { place: server.place!, flavor: server.flavor, state: server.state, confirmed: false }
  const hosts = hostsFor(model, vcpus).filter((host) => host !== server.place!.host)
  if (hosts.length === 0) return [server]
  return hosts.map((host) => ({ ...server, state: 'resized', flavor, place: { host, vcpus }, before }))
}

/** Where there is no room it stays what it was. */
export function placed(model: Model, server: Server, state: State): Server[] {
  const { vcpus } = FLAVORS[server.flavor]
  const hosts = hostsFor(model, vcpus)
  return hosts.length === 0 ? [server] : hosts.map((host) => ({ ...server, state, place: { host, vcpus } }))
}

const CHANGES_INTERFACES: readonly State[] = ['active', 'paused', 'stopped']

export const letsInterfacesChange = ({ state, locked }: Server): boolean =>
  CHANGES_INTERFACES.includes(state) && !locked

/** The server takes its own ports along; others are free again. */
export function forget(model: Model, server: Server): void {
  model.servers = model.servers.filter((one) => one !== server)
  for (const port of portsOf(model, server)) release(model, port)
}

/** The port leaves its server. */
export function release(model: Model, port: Port): void {
  port.server = null
  if (port.own) forgetPort(model, port)
}

export function forgetPort(model: Model, port: Port): void {
  model.ports = model.ports.filter((one) => one !== port)
  for (const floating of model.floatings) if (floating.port === port.id) floating.port = null
}
