// What the agent asks of a host's network. Every call may be repeated, after any crash; none reads the database.
import type { WiredNetwork, WiredPort, WiredRouter, WiredSecurityGroup } from './protocol.ts'

/** Each record also lies on disk: written before its thing is made, removed after the thing is gone. */
export interface NetworkRecord {
  generation: number
  network: WiredNetwork
  /** The host's addresses on an external network, such as `172.24.4.1/24`. */
  gatewayCidrs: string[]
  /** The connection tracking zone, 1 to 65535, unlike that of any other network of this cloud. */
  zone: number
}

export interface PortRecord {
  generation: number
  port: WiredPort
  /** A small number from 1 on, unlike that of any other port here. */
  mark: number
}

export interface GroupRecord {
  generation: number
  group: WiredSecurityGroup
}

export interface RouterRecord {
  generation: number
  router: WiredRouter
}

/** All records; it changes under the reader's hands only between two awaits. */
export interface HostState {
  readonly networks: ReadonlyMap<string, NetworkRecord>
  readonly ports: ReadonlyMap<string, PortRecord>
  readonly groups: ReadonlyMap<string, GroupRecord>
  readonly routers: ReadonlyMap<string, RouterRecord>
}

export type ThingKind =
  | 'tap'
  | 'bridge'
  | 'namespace'
  | 'dnsmasq'
  | 'nft-chain'
  | 'veth'
  | 'lease-file'
  | 'metadata-listener'

/** Something that exists on the host and is this cloud's. */
export interface HostThing {
  kind: ThingKind
  /** Its name on the host. */
  id: string
  /** The network, port, security group or router it belongs to. */
  owner: string
}

export interface DoctorCheck {
  name: string
  ok: boolean
  /** What was found. */
  what: string
  /** What to do about it. Empty when ok. */
  mend: string
}

export interface GroupChange {
  before: WiredSecurityGroup | null
  after: WiredSecurityGroup | null
}

export interface NetworkBackend {
  readonly name: 'bridge' | 'fake'

  /** Readies the host itself: kernel settings, and the filters of everything in `state`, whole. */
  prepare(state: HostState): Promise<void>
  /** Bridge, DHCP, metadata and external gateway as the record says. */
  ensureNetwork(record: NetworkRecord, state: HostState): Promise<void>
  /** Gone; no error when it already was. Its ports are gone before. */
  removeNetwork(record: NetworkRecord, state: HostState): Promise<void>
  /** Lets DHCP know the network's ports as they are in `state`. */
  updateReservations(networkId: string, state: HostState): Promise<void>
  /**
   * The port's device on its bridge, filters first. `before` is what stood there, if anything did: the record itself
   * when only the device may be missing, because `prepare` has just set the filters.
   */
  plug(record: PortRecord, before: PortRecord | null, state: HostState): Promise<void>
  unplug(record: PortRecord, state: HostState): Promise<void>
  updateGroups(changes: GroupChange[], state: HostState): Promise<void>
  ensureRouter(record: RouterRecord, state: HostState): Promise<void>
  removeRouter(record: RouterRecord): Promise<void>
  /** Everything on the host that carries this cloud's tag, wanted or not. */
  inventory(state: HostState): Promise<HostThing[]>
  /** Removes a thing of the inventory. */
  remove(thing: HostThing): Promise<void>
  doctorChecks(): Promise<DoctorCheck[]>
  /** Removes what belongs to no network or port; the last act of a cloud that leaves the host. */
  tearDown(): Promise<void>
  /** Lets go of sockets; the guests' network stays as it is. */
  close(): Promise<void>
}
