// How other services ask network, in process.
import type { RequestContext } from '@kilonova/base/context'
import { provideTopology } from './auto-allocated-topology/topology.ts'
import { allPorts, portStatuses, portsOfDevice, vifsOf } from './conductor/network-info.ts'
import { groupIds, nicOn, planNics } from './conductor/plan-nics.ts'
import {
  addServerGroup,
  removeServerGroup,
  securityGroups,
  serverGroupNames,
  serverGroups,
} from './conductor/server-groups.ts'
import {
  bindServerPort,
  createServerPort,
  deleteServerPort,
  takeOffHost,
  unbindServerPort,
} from './conductor/server-ports.ts'
import type { Network } from './network.ts'

/** One NIC as a create request names it. */
export interface RequestedNetwork {
  networkId?: string
  portId?: string
  fixedIp?: string
  subnetId?: string
  tag?: string
}

/** One NIC as it will be made. */
export interface PlannedNic {
  networkId: string
  /** The port that the request gave; null: one is to be made. */
  portId: string | null
  fixedIp: string | null
  subnetId: string | null
  tag: string | null
}

/** `N/A`: bound to no host. `missing`: there is no such port. */
export type PortStatus = 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR' | 'N/A' | 'missing'

/** The thing that a port is for, and where it runs. */
export interface PortDevice {
  deviceId: string
  /** Such as `compute:nova`. */
  deviceOwner: string
  host: string
  /** Without domain; null: DHCP hands out none. */
  hostname: string | null
}

export interface NewPort extends PortDevice {
  /** Chosen by the caller, so that repeating is harmless. */
  id: string
  networkId: string
  fixedIp: string | null
  subnetId: string | null
  /** Empty: the default group of the caller's project. */
  securityGroupIds: readonly string[]
}

/** One port as network_info has it. */
export interface Vif {
  portId: string
  mac: string
  /** The tap's name: `tap` + the first 11 characters of the port's id. */
  tap: string
  mtu: number | null
  /** binding:vif_type: `bridge`, `unbound` … */
  type: string
  /** binding:vnic_type: `normal` … */
  vnicType: string
  /** True when the port is ACTIVE. */
  active: boolean
  network: { id: string; label: string; subnets: VifSubnet[] }
}

export interface VifSubnet {
  id: string
  cidr: string
  version: 4 | 6
  gateway: string | null
  dns: string[]
  routes: { cidr: string; gateway: string }[]
  /** The port's addresses in this subnet. */
  ips: { address: string; floatingIps: string[] }[]
  /** The address DHCP answers from; null when the subnet has no DHCP. */
  dhcpServer: string | null
  /** `slaac`, `dhcpv6-stateful`, `dhcpv6-stateless`, or null. */
  ipv6AddressMode: string | null
}

/** A security group to put on a server's ports, or to take off them. */
export interface ServerGroupChange {
  serverId: string
  /** Whose groups are meant. */
  projectId: string
  nameOrId: string
}

/** A security group as compute shows it. */
export interface SecurityGroup {
  id: string
  name: string
  description: string
  projectId: string
  /** Those that let something in, oldest first. */
  rules: SecurityGroupRule[]
}

export interface SecurityGroupRule {
  id: string
  /** A protocol's name or number; null: all of them. */
  protocol: string | null
  portMin: number | null
  portMax: number | null
  /** From where; null: from everywhere, or from the members of a group. */
  cidr: string | null
  remoteGroup: { name: string; projectId: string } | null
}

/** A port for the leak audit. */
export interface AuditedPort {
  id: string
  deviceId: string
  deviceOwner: string
  host: string | null
}

export interface NetworkClient {
  /**
   * Checks what a create request names and answers, NIC by NIC, what will be used. Null and `auto` take the one network
   * that the project has: none → no NIC, several → 409 NetworkAmbiguous. With `auto` and no network, one can be had from
   * `autoAllocatedNic`. `count` is the number of servers.
   */
  validateRequested(
    context: RequestContext,
    requested: readonly RequestedNetwork[] | 'auto' | 'none' | null,
    options: { count: number },
  ): Promise<PlannedNic[]>
  /** The network that the project is given because it has none: made if it is not there. */
  autoAllocatedNic(context: RequestContext): Promise<PlannedNic>
  /** The ids of the caller's groups. Unknown: 400. Several of one name: 409. */
  validateSecurityGroups(context: RequestContext, namesOrIds: readonly string[]): Promise<string[]>
  /** Makes the port under the caller's project, or finds it and binds it to the host. */
  createPort(context: RequestContext, port: NewPort): Promise<void>
  /** Binds a port to a device and a host. May be repeated; another device's port: 409 PortInUse. */
  bindPort(context: RequestContext, port: PortDevice & { portId: string }): Promise<void>
  /** A given port goes back to its owner. No error when it is gone. */
  unbindPort(context: RequestContext, port: { portId: string }): Promise<void>
  /** A port stays its device's, and is bound to no host. No error when it is gone. */
  takeOffHost(context: RequestContext, port: { portId: string }): Promise<void>
  /** No error when it is gone. */
  deletePort(context: RequestContext, port: { portId: string }): Promise<void>
  /** By port id. */
  portStatuses(portIds: readonly string[]): Promise<Record<string, PortStatus>>
  /** In the order asked for; ports that are gone are left out. */
  vifs(portIds: readonly string[]): Promise<Vif[]>
  portsOfDevice(deviceId: string): Promise<{ id: string; status: string; host: string | null }[]>
  /**
   * Puts a group on all ports of a server: unknown, or no port → 404; several of one name → 409; a port without port
   * security or without an address → 400. All or nothing, and fine where it is there already.
   */
  addServerGroup(change: ServerGroupChange): Promise<void>
  /** Takes a group off all ports of a server: unknown, no port, or on none of them → 404; several of one name → 409. */
  removeServerGroup(change: ServerGroupChange): Promise<void>
  /** The names of the groups that the caller may see, by server and port by port. */
  serverGroupNames(context: RequestContext, serverIds: readonly string[]): Promise<Map<string, string[]>>
  /** The same groups of one server, with their rules. */
  serverGroups(context: RequestContext, serverId: string): Promise<SecurityGroup[]>
  /** The groups that the caller may see: of a project, which then has its default one, or the one of an id. */
  securityGroups(context: RequestContext, of: { projectId?: string; id?: string }): Promise<SecurityGroup[]>
  /** Every port there is, for the leak audit. */
  allPorts(): Promise<AuditedPort[]>
}

/** Told to compute on the topic `compute.events`, method `networkEvent`, after a port's change is committed. */
export interface NetworkEvent {
  name: 'network-vif-plugged' | 'network-vif-deleted' | 'network-changed'
  serverId: string
  portId: string
  status: 'completed' | 'failed'
}

export function networkClient(network: Network): NetworkClient {
  return {
    validateRequested: (context, requested, { count }) => planNics(network, context, requested, count),
    autoAllocatedNic: async (context) => nicOn(await provideTopology(network, context.projectId ?? '')),
    validateSecurityGroups: (context, namesOrIds) => groupIds(network, context, namesOrIds),
    createPort: (context, port) => createServerPort(network, context, port),
    bindPort: (_, port) => bindServerPort(network, port),
    unbindPort: (_, { portId }) => unbindServerPort(network, portId),
    takeOffHost: (_, { portId }) => takeOffHost(network, portId),
    deletePort: (_, { portId }) => deleteServerPort(network, portId),
    portStatuses: (portIds) => portStatuses(network, portIds),
    vifs: (portIds) => vifsOf(network, portIds),
    portsOfDevice: (deviceId) => portsOfDevice(network, deviceId),
    addServerGroup: (change) => addServerGroup(network, change),
    removeServerGroup: (change) => removeServerGroup(network, change),
    serverGroupNames: (context, serverIds) => serverGroupNames(network, context, serverIds),
    serverGroups: (context, serverId) => serverGroups(network, context, serverId),
    securityGroups: (context, of) => securityGroups(network, context, of),
    allPorts: () => allPorts(network),
  }
}
