// What the network service tells a host's agent, and what the agent answers. Types and names only.

/** The names under which the agent is called over the bus. */
export const networkAgentTopics = {
  /** WantedState → ReconcileResult */
  reconcile: 'network.agent.reconcile',
  /** NetworkChange → void */
  apply: 'network.agent.apply',
  /** PortReport, sent by the agent. */
  report: 'network.agent.report',
  /** void → HostThing[] */
  inventory: 'network.agent.inventory',
} as const

export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'

export interface FixedIp {
  subnetId: string
  ipAddress: string
}

export interface HostRoute {
  /** A prefix, such as `10.1.0.0/16`. */
  destination: string
  nexthop: string
}

export interface WiredSubnet {
  id: string
  cidr: string
  ipVersion: 4 | 6
  gatewayIp: string | null
  enableDhcp: boolean
  dnsNameservers: string[]
  hostRoutes: HostRoute[]
  ipv6AddressMode: Ipv6Mode | null
  ipv6RaMode: Ipv6Mode | null
}

/** A port of the cloud itself: the DHCP server's, or one end of a router. */
export interface OwnPort {
  portId: string
  macAddress: string
  fixedIps: FixedIp[]
}

/** A network that this host needs: for a port, for DHCP, or for a router's interface or gateway. */
export interface WiredNetwork {
  id: string
  projectId: string
  mtu: number
  subnets: WiredSubnet[]
  /** Null when no subnet has DHCP: then there is no metadata on the network itself either. */
  dhcp: OwnPort | null
}

export interface AllowedAddressPair {
  /** An address or a prefix. */
  ipAddress: string
  /** Null means the port's own. */
  macAddress: string | null
}

export interface ExtraDhcpOpt {
  optName: string
  optValue: string
  ipVersion: 4 | 6
}

export interface WiredPort {
  id: string
  networkId: string
  /** True when the port is bound to this host and so has a device here; else only DHCP and metadata know it. */
  bound: boolean
  deviceId: string
  deviceOwner: string
  macAddress: string
  fixedIps: FixedIp[]
  hostname: string | null
  portSecurity: boolean
  allowedAddressPairs: AllowedAddressPair[]
  securityGroupIds: string[]
  adminStateUp: boolean
  extraDhcpOpts: ExtraDhcpOpt[]
}

export interface WiredSecurityGroupRule {
  id: string
  direction: 'ingress' | 'egress'
  ethertype: 'IPv4' | 'IPv6'
  /** A name of the API's list or a number; null is any. */
  protocol: string | null
  /** For ICMP the type. */
  portRangeMin: number | null
  /** For ICMP the code. */
  portRangeMax: number | null
  remoteIpPrefix: string | null
  remoteGroupId: string | null
}

/** A security group of a port here, or one that such a group's rules name as remote. */
export interface WiredSecurityGroup {
  id: string
  stateful: boolean
  rules: WiredSecurityGroupRule[]
  /** Fixed addresses and allowed address pairs of all ports in the group, on any host. */
  memberAddresses: string[]
}

export interface RouterPort extends OwnPort {
  networkId: string
}

export interface WiredFloatingIp {
  id: string
  floatingIp: string
  fixedIp: string
}

/** A router; the networks of its interfaces and of its gateway must be wired as well. */
export interface WiredRouter {
  id: string
  projectId: string
  interfaces: RouterPort[]
  gateway: (RouterPort & { enableSnat: boolean }) | null
  routes: HostRoute[]
  floatingIps: WiredFloatingIp[]
}

/** An external network whose gateway is this host: it holds the addresses and masquerades what leaves by IPv4. */
export interface ExternalNetwork {
  /** The network's id. */
  id: string
  /** Such as `172.24.4.1/24`; at most one of each IP version. */
  gatewayCidrs: string[]
}

/** All that a host shall have. */
export interface WantedState {
  /** Grows with every change; read no later than the rest. A thing told with a later generation outlives this state. */
  generation: number
  networks: WiredNetwork[]
  ports: WiredPort[]
  securityGroups: WiredSecurityGroup[]
  routers: WiredRouter[]
  external: ExternalNetwork[]
}

/** One change, the fast path beside the whole state. What it needs comes before it or with it. */
export type NetworkChange = { generation: number } & (
  | { kind: 'network'; network: WiredNetwork; external?: ExternalNetwork | null }
  | { kind: 'network-gone'; id: string }
  | { kind: 'port'; port: WiredPort; network?: WiredNetwork; securityGroups?: WiredSecurityGroup[] }
  | { kind: 'port-gone'; id: string }
  | { kind: 'security-groups'; securityGroups: WiredSecurityGroup[] }
  | { kind: 'security-group-gone'; id: string }
  | { kind: 'router'; router: WiredRouter; networks?: WiredNetwork[] }
  | { kind: 'router-gone'; id: string }
)

export interface PortReport {
  portId: string
  status: 'ACTIVE' | 'DOWN'
  /** Why it is down though it is wanted up. */
  reason?: string
}

/** What a reconcile could not do; the rest is done. */
export interface ReconcileResult {
  generation: number
  failures: { kind: 'network' | 'port' | 'security-group' | 'router' | 'leftover'; id: string; reason: string }[]
}

/** Where a metadata connection comes from. The source address is the one the anti-spoofing rules let through. */
export interface MetadataSource {
  networkId: string | null
  /** Set when it came through a router. */
  routerId: string | null
  address: string
  /** The port that holds the address; null is a stranger and gets 404. */
  port: WiredPort | null
}
