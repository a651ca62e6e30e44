// What hosts and the network service tell the conductor: topics and methods.
import type { HostInventory } from '../agent/protocol.ts'

export const CONDUCTOR_TOPIC = 'compute.conductor'
export const EVENTS_TOPIC = 'compute.events'

export interface HostReport {
  host: string
  /** Absent in a mere sign of life. */
  inventory?: HostInventory
}

export interface ConductorMethods {
  /** Told every `report_interval`; with the inventory every `update_resources_interval`. */
  reportHost(report: HostReport): Promise<null>
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
