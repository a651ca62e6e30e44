// What hosts and the network service say to each other on the bus: topics and methods.
import type { HostThing } from './agent/backend.ts'
import type {
  NetworkChange,
  PortReport,
  ReconcileResult,
  WantedState,
  WiredNetwork,
  WiredPort,
  WiredSecurityGroup,
} from './agent/protocol.ts'

export const NETWORK_TOPIC = 'network'

/** The topic that the network agent of a host listens on. */
export function networkTopic(host: string): string {
  return `network.${host}`
}

/** What the compute agent asks of the network agent on the same host. Both may be repeated. */
export interface PlugMethods {
  /** The port's device is there, filtered and connected, and the port is reported to be so. */
  plug(port: { portId: string }): Promise<null>
  /** The device and all that was made for it are gone. */
  unplug(port: { portId: string }): Promise<null>
}

export interface HostMethods extends PlugMethods {
  /** Done in this order; one that fails is left to the next comparison. */
  apply(told: { changes: NetworkChange[] }): Promise<null>
  /** Compares the host with what it should have, now. */
  reconcile(nothing: undefined): Promise<ReconcileResult>
  inventory(nothing: undefined): Promise<HostThing[]>
  /** What is on the host though nothing asks for it. */
  leftovers(nothing: undefined): Promise<HostThing[]>
}

/** All that a host needs to plug one port. */
export interface PortDetails {
  generation: number
  port: WiredPort
  network: WiredNetwork
  securityGroups: WiredSecurityGroup[]
}

export interface AgentReport {
  host: string
  /** Such as `bridge`. */
  backend: string
  /** True for the first report of a process. */
  isStart: boolean
}

/** What a host has made as it was told. */
export interface ReadyReport {
  host: string
  /** Networks whose DHCP server, if they have one, answers. */
  networks: string[]
  routers: { id: string; floatingIps: string[] }[]
}

/** What hosts ask and tell, on NETWORK_TOPIC. A host hears and changes nothing but what is its own. */
export interface NetworkMethods {
  /** Throws PortNotFound for a port that is not bound to the host. */
  portDetails(asked: { portId: string; host: string }): Promise<PortDetails>
  wantedState(asked: { host: string }): Promise<WantedState>
  /** The number of the last change. */
  generation(nothing: undefined): Promise<number>
  portReport(told: { host: string; reports: PortReport[] }): Promise<null>
  readyReport(told: ReadyReport): Promise<null>
  /** A sign of life. */
  agentReport(told: AgentReport): Promise<null>
}
