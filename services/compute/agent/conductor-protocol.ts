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
}

/** A guest went over into a power state, whoever did it. */
export interface GuestPowerEvent {
  host: string
  id: string
  powerState: PowerState
}

export interface ConductorMethods {
  /** Told every `report_interval`; with the inventory every `update_resources_interval`. */
  reportHost(report: HostReport): Promise<null>
  /** Of these guests of the host, those whose servers were deleted and are not being worked on. */
  goneServers(asked: { host: string; ids: string[] }): Promise<GuestSpec[]>
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
  name: 'network-vif-plugged' | 'network-changed' | 'network-vif-deleted'
  serverId: string
  portId: string
  status: 'completed' | 'failed'
}

export interface EventMethods {
  networkEvent(event: NetworkEvent): Promise<null>
}
