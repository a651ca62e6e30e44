// Rows of network's tables. Times are milliseconds since 1970; columns named *_json hold JSON text.
import type { Flag } from '@kilonova/store/store'

/** What each resource of the API has. */
export interface StandardColumns {
  id: string
  project_id: string
  description: string
  revision_number: number
  created_at: number
  updated_at: number
}

export interface NetworkRow extends StandardColumns {
  name: string
  admin_state_up: Flag
  /** Every project may use it. */
  shared: Flag
  /** Every project may see it and take floating addresses from it. */
  is_external: Flag
  mtu: number
  /** What ports get that say nothing. */
  port_security_enabled: Flag
}

/** Lets one more project use a network, as `access_as_shared` does. */
export interface NetworkGrantRow {
  network_id: string
  project_id: string
}

export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'

export interface SubnetRow extends StandardColumns {
  network_id: string
  name: string
  ip_version: number
  cidr: string
  gateway_ip: string | null
  enable_dhcp: Flag
  /** `{ start, end }[]` */
  allocation_pools_json: string
  dns_nameservers_json: string
  /** `{ destination, nexthop }[]` */
  host_routes_json: string
  ipv6_address_mode: Ipv6Mode | null
  ipv6_ra_mode: Ipv6Mode | null
}

export interface PortRow extends StandardColumns {
  network_id: string
  name: string
  mac_address: string
  admin_state_up: Flag
  status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR'
  /** Why the host could not make it. */
  status_reason: string | null
  device_id: string
  device_owner: string
  host: string | null
  /** `unbound`, `bridge` or `binding_failed`. */
  vif_type: string
  vnic_type: string
  profile_json: string
  /** What DHCP hands out. */
  hostname: string | null
  port_security_enabled: Flag
  /** `{ ip_address, mac_address? }[]` */
  allowed_address_pairs_json: string
  /** `{ opt_name, opt_value, ip_version }[]` */
  extra_dhcp_opts_json: string
}

/** An address in use; the key is what keeps it with one port. */
export interface IpAllocationRow {
  subnet_id: string
  /** As `formatAddress` writes it. */
  ip_address: string
  port_id: string
  network_id: string
  /** The order in the port's fixed_ips. */
  position: number
}

export interface PortSecurityGroupRow {
  port_id: string
  security_group_id: string
}

export interface RouterRow extends StandardColumns {
  name: string
  admin_state_up: Flag
  gateway_network_id: string | null
  gateway_port_id: string | null
  enable_snat: Flag
  /** `{ destination, nexthop }[]` */
  routes_json: string
}

export interface FloatingIpRow extends StandardColumns {
  floating_network_id: string
  floating_ip_address: string
  /** The port that holds the address on the external network. */
  floating_port_id: string
  /** The port that it leads to. */
  fixed_port_id: string | null
  fixed_ip_address: string | null
  router_id: string | null
  status: 'ACTIVE' | 'DOWN' | 'ERROR'
}

export interface SecurityGroupRow extends StandardColumns {
  name: string
  stateful: Flag
  /** The project whose `default` group this is. */
  default_of: string | null
}

export interface SecurityGroupRuleRow extends StandardColumns {
  security_group_id: string
  direction: 'ingress' | 'egress'
  ethertype: 'IPv4' | 'IPv6'
  protocol: string | null
  port_range_min: number | null
  port_range_max: number | null
  remote_ip_prefix: string | null
  remote_group_id: string | null
  /** What it matches, as text: two rules of a group that match the same are one too many. */
  matches: string
}

export interface TagRow {
  resource_id: string
  tag: string
}

export interface QuotaRow {
  project_id: string
  resource: string
  quota_limit: number
}

export interface AgentRow {
  id: string
  host: string
  admin_state_up: Flag
  description: string | null
  backend: string
  created_at: number
  started_at: number
  heartbeat_at: number
}

export interface CounterRow {
  name: string
  value: number
}

export interface BootstrappedRow {
  name: string
}

/** What a project was given that had no network. */
export interface AutoAllocatedTopologyRow {
  project_id: string
  network_id: string
  /** Null once it was removed. */
  router_id: string | null
}

export interface NetworkTables {
  network_networks: NetworkRow
  network_grants: NetworkGrantRow
  network_subnets: SubnetRow
  network_ports: PortRow
  network_ip_allocations: IpAllocationRow
  network_port_security_groups: PortSecurityGroupRow
  network_routers: RouterRow
  network_floating_ips: FloatingIpRow
  network_security_groups: SecurityGroupRow
  network_security_group_rules: SecurityGroupRuleRow
  network_tags: TagRow
  network_quotas: QuotaRow
  network_agents: AgentRow
  network_counters: CounterRow
  network_bootstrapped: BootstrappedRow
  network_auto_allocated_topologies: AutoAllocatedTopologyRow
}
