// The [network] table of the configuration. Names and defaults are Neutron's where one exists.
import type { OptionTable, Values } from '@kilonova/base/options'

const quota = (what: string, most: number) =>
  ({ type: 'integer', default: most, min: -1, help: `${what} per project; -1: any number` }) as const

export const networkOptions = {
  network_host: {
    type: 'string',
    default: '',
    help: 'host of DHCP servers and routers; empty: the host that reported first',
  },
  global_physnet_mtu: { type: 'integer', default: 1500, min: 68, max: 65535, help: 'largest MTU of a network' },
  base_mac: { type: 'string', default: 'fa:16:3e:00:00:00', help: 'first three bytes of new MAC addresses' },
  allocation_pools_enforced: {
    type: 'boolean',
    default: false,
    help: 'refuse addresses outside the allocation pools of their subnet',
  },
  auto_allocated_cidr: {
    type: 'string',
    default: '10.0.0.0/26',
    help: 'subnet of the network that a project without networks is given when a server asks for one',
  },
  default_availability_zone: { type: 'string', default: 'nova', help: 'zone of networks and routers' },
  agent_down_time: {
    type: 'integer',
    default: 75,
    min: 2,
    help: 'seconds without report after which a host is down',
  },
  report_interval: { type: 'integer', default: 30, min: 1, help: 'seconds between the reports of a host' },
  reconcile_interval: {
    type: 'integer',
    default: 60,
    min: 1,
    help: 'seconds between comparisons of a host with what it should have',
  },
  max_fixed_ips_per_port: { type: 'integer', default: 5, min: 1, help: 'addresses of a port at most' },
  max_allowed_address_pair: { type: 'integer', default: 10, min: 0, help: 'address pairs of a port at most' },
  max_dns_nameservers: { type: 'integer', default: 5, min: 0, help: 'name servers of a subnet at most' },
  max_subnet_host_routes: { type: 'integer', default: 20, min: 0, help: 'routes of a subnet at most' },
  max_routes: { type: 'integer', default: 30, min: 0, help: 'routes of a router at most' },
  quota_network: quota('networks', 100),
  quota_subnet: quota('subnets', 100),
  quota_port: quota('ports', 500),
  quota_router: quota('routers', 10),
  quota_floatingip: quota('floating addresses', 50),
  quota_security_group: quota('security groups', 10),
  quota_security_group_rule: quota('security group rules', 100),
} as const satisfies OptionTable

export type NetworkOptions = Values<typeof networkOptions>
