// What hosts and the network service tell the conductor: topics and methods.
import type { GuestSpec } from './guest-spec.ts'
import type { PowerState } from './power-state.ts'
import type { HostInventory } from './protocol.ts'

export const CONDUCTOR_TOPIC = 'compute.conductor'
export const EVENTS_TOPIC = 'compute.events'

export interface HostReport {
  host: string
  /** Absent in a mere sign of life. */
  inventory?: HostInventory
  /** Of servers that went elsewhere: it has just seen to it that their guests do not run any more. */
  stopped?: string[]
}

/** A guest went over into a power state, whoever did it. */
export interface GuestPowerEvent {
  host: string
  id: string
  powerState: PowerState
}

/** A host's agent has started and serves nobody yet. */
export interface HostStart {
  host: string
  /** The compute node's uuid. */
  node: string
  /** The host has booted since its agent last ran: no guest runs but those that somebody has started since. */
  booted: boolean
}

export interface ConductorMethods {
  /**
   * Lets the host in; after a boot, begins to start what ran before. Throws NodeRefused for a host that is not the one
   * that the records mean. May be repeated. With `keepsGuests` it is first to remove what `leftGuests` names.
   */
  hostStarts(start: HostStart): Promise<{ keepsGuests: boolean }>
  /**
   * Told every `report_interval`; with the inventory every `update_resources_interval`. Throws NodeRefused. With
   * `keepsGuests` it does not count: the host was down, and must first stop what `leftGuests` names.
   */
  reportHost(report: HostReport): Promise<{ keepsGuests: boolean }>
  /** Of these guests of the host, those whose servers were deleted at least so many seconds ago. */
  goneServers(asked: { host: string; ids: string[]; deletedFor: number }): Promise<GuestSpec[]>
  /**
   * Of these, all that the host has, the guests of servers that went elsewhere while it was down. It removes them; when
   * it does not name them any more, they may come again.
   */
  leftGuests(asked: { host: string; ids: string[] }): Promise<string[]>
  /** Of these guests of the host, those whose servers nobody has paused, or is about to. */
  runningGuests(asked: { host: string; ids: string[] }): Promise<string[]>
  /** What the metadata service tells a guest; null for a server that is not there. */
  metadataOf(asked: { serverId: string }): Promise<{ spec: GuestSpec; password: string } | null>
  /** Keeps the encrypted password that the guest posted; a second one is refused by the metadata service. */
  keepPassword(asked: { serverId: string; password: string }): Promise<null>
  /** The server is brought in step with its guest if the state still holds. */
  guestEvent(event: GuestPowerEvent): Promise<null>
  /** Begins to bring all servers of the host in step with its guests: it has just started, or events were missed. */
  syncPowerStates(asked: { host: string }): Promise<null>
}

export interface NetworkEvent {
  name: 'network-vif-plugged' | 'network-vif-unplugged' | 'network-changed' | 'network-vif-deleted'
  serverId: string
  /** Empty: none in particular. */
  portId: string
  status: 'completed' | 'failed' | 'in-progress'
}

export interface EventMethods {
  networkEvent(event: NetworkEvent): Promise<null>
}
