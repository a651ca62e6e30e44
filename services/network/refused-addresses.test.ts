// Networks, subnets and ports that cannot be: each is refused in Neutron's words and type, and changes nothing.
import { after, before, describe, it } from 'node:test'
import { MEMBER, makeNetwork } from './testing.ts'
import type { Case, Refusals } from './testing-refusals.ts'
import { impossible, invalid, MAC, makeRefusals, NOBODY } from './testing-refusals.ts'

describe('a request refused', () => {
  let refusals: Refusals
  before(async () => {
    refusals = await makeRefusals()
  })
  after(() => refusals?.cloud.close())

  it('for a subnet', () =>
    refusals.refuses(({ net }) => {
      const subnet = (parts: object, expected: string): Case => {
        const asked = { network_id: net, ip_version: 4, cidr: '10.9.0.0/24', ...parts }
        return ['POST', 'subnets', { subnet: asked }, expected]
      }
      const six = (parts: object, expected: string) => subnet({ ip_version: 6, cidr: 'fd09::/64', ...parts }, expected)
      const pool = (start: string, end: string) => ({ start, end })
      return [
        subnet(
          { cidr: '10.0.0.128/25' },
          invalid(
            `Requested subnet with cidr: 10.0.0.128/25 for network: ${net} overlaps with another subnet 10.0.0.0/24`,
          ),
        ),
        subnet({ cidr: '10.9.0.0/33' }, impossible('cidr', "'10.9.0.0/33' is not a valid IP subnet")),
        subnet({ cidr: '10.9.0.0' }, impossible('cidr', "'10.9.0.0' is not a valid IP subnet")),
        subnet({ cidr: 'fd00::/64' }, invalid("cidr 'fd00::/64' does not match the ip_version '4'")),
        subnet({ network_id: NOBODY }, `404 NetworkNotFound: Network ${NOBODY} could not be found.`),
        subnet(
          { network_id: refusals.ids.foreignNet },
          `404 NetworkNotFound: Network ${refusals.ids.foreignNet} could not be found.`,
        ),
        subnet(
          { allocation_pools: [pool('10.9.1.2', '10.9.1.9')] },
          '400 OutOfBoundsAllocationPool: The allocation pool 10.9.1.2-10.9.1.9 spans beyond the subnet cidr 10.9.0.0/24.',
        ),
        subnet(
          { allocation_pools: [pool('10.9.0.9', '10.9.0.2')] },
          '400 InvalidAllocationPool: The allocation pool 10.9.0.9-10.9.0.2 is not valid.',
        ),
        subnet(
          { allocation_pools: [pool('10.9.0.9', 'y')] },
          impossible('allocation_pools', "'y' is not a valid IP address"),
        ),
        subnet(
          { allocation_pools: [pool('10.9.0.2', '10.9.0.9'), pool('10.9.0.9', '10.9.0.12')] },
          '409 OverlappingAllocationPools: Found overlapping allocation pools: 10.9.0.2-10.9.0.9 10.9.0.9-10.9.0.12 for subnet 10.9.0.0/24.',
        ),
        subnet(
          { gateway_ip: '10.9.0.5', allocation_pools: [pool('10.9.0.2', '10.9.0.9')] },
          '409 GatewayConflictWithAllocationPools: Gateway ip 10.9.0.5 conflicts with allocation pool 10.9.0.2-10.9.0.9.',
        ),
        subnet({ gateway_ip: '10.9.0.255' }, invalid('Gateway 10.9.0.255 is not valid on subnet 10.9.0.0/24')),
        subnet({ gateway_ip: 'gw' }, impossible('gateway_ip', "'gw' is not a valid IP address")),
        subnet({ gateway_ip: 'fd00::1' }, invalid("gateway_ip 'fd00::1' does not match the ip_version '4'")),
        subnet(
          { dns_nameservers: ['x'] },
          impossible('dns_nameservers', "'x' is not a valid nameserver. 'x' is not a valid IP address"),
        ),
        subnet(
          { dns_nameservers: ['1.1.1.1', '1.1.1.1'] },
          impossible('dns_nameservers', "Duplicate nameserver '1.1.1.1'"),
        ),
        subnet(
          { dns_nameservers: ['fd00::53'] },
          invalid("dns_nameserver 'fd00::53' does not match the ip_version '4'"),
        ),
        subnet(
          { host_routes: [{ destination: 'x', nexthop: '10.9.0.3' }] },
          impossible('host_routes', "'x' is not a valid CIDR"),
        ),
        subnet(
          { host_routes: [{ destination: '10.0.0.0/8', nexthop: 'x' }] },
          impossible('host_routes', "'x' is not a valid IP address"),
        ),
        subnet(
          { host_routes: Array(2).fill({ destination: '10.0.0.0/8', nexthop: '10.9.0.3' }) },
          impossible('host_routes', "Duplicate hostroute '10.0.0.0/8 via 10.9.0.3'"),
        ),
        subnet(
          { host_routes: [{ destination: 'fd00::/8', nexthop: '10.9.0.3' }] },
          invalid("destination 'fd00::/8' does not match the ip_version '4'"),
        ),
        subnet({ ipv6_ra_mode: 'slaac' }, invalid('ipv6_ra_mode is not valid when ip_version is 4')),
        subnet(
          { cidr: '10.9.0.0/31' },
          invalid('Subnet has a prefix length that is incompatible with DHCP service enabled'),
        ),
        subnet({ cidr: '224.0.0.0/24' }, invalid('Multicast IP subnet is not supported if enable_dhcp is True')),
        subnet(
          { cidr: '0.0.0.0/29', gateway_ip: null },
          invalid("First IP '0.0.0.0' of network is not supported if enable_dhcp is True"),
        ),
        six({ cidr: '::/64' }, invalid("IPv6 subnet '::' is not supported")),
        six(
          { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' },
          invalid(
            "ipv6_ra_mode set to 'slaac' with ipv6_address_mode set to 'dhcpv6-stateful' is not valid. If both attributes are set, they must be the same value",
          ),
        ),
        six(
          { cidr: 'fd09::/56', ipv6_address_mode: 'dhcpv6-stateless' },
          invalid(
            'Invalid CIDR fd09::/56 for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64',
          ),
        ),
        six(
          { enable_dhcp: false, ipv6_ra_mode: 'slaac' },
          invalid('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False'),
        ),
      ]
    }))

  it('for a change or the end of a network or subnet', () =>
    refusals.refuses(({ net, sub, leg, port }) => [
      [
        'PUT',
        `subnets/${sub}`,
        { subnet: { gateway_ip: '10.0.0.254' } },
        `409 GatewayIpInUse: Current gateway ip 10.0.0.1 already in use by port ${leg}. Unable to update.`,
      ],
      [
        'PUT',
        `subnets/${sub}`,
        { subnet: { allocation_pools: [{ start: '10.0.0.1', end: '10.0.0.9' }] } },
        '409 GatewayConflictWithAllocationPools: Gateway ip 10.0.0.1 conflicts with allocation pool 10.0.0.1-10.0.0.9.',
      ],
      [
        'DELETE',
        `subnets/${sub}`,
        undefined,
        `409 SubnetInUse: Unable to complete operation on subnet ${sub}: One or more ports have an IP allocation from this subnet.`,
      ],
      [
        'DELETE',
        `networks/${net}`,
        undefined,
        `409 NetworkInUse: Unable to complete operation on network ${net}. There are one or more ports still in use on the network, id for these ports is: ${[leg, port].toSorted().join(',')}.`,
      ],
      [
        'DELETE',
        `networks/${refusals.ids.foreignNet}`,
        undefined,
        `404 NetworkNotFound: Network ${refusals.ids.foreignNet} could not be found.`,
      ],
      ['POST', 'networks', { network: { mtu: 10 } }, invalid('Requested MTU is too small, minimum is 68')],
      [
        'POST',
        'networks',
        { network: { 'router:external': true } },
        '403 PolicyNotAuthorized: rule:create_network:router:external is disallowed by policy',
      ],
    ]))

  it('for an MTU below what IPv6 needs', async () => {
    const small = await makeNetwork(refusals.cloud, MEMBER, { network: { mtu: 1000 } })
    const { networkId: six } = await makeNetwork(refusals.cloud, MEMBER, { cidr: 'fd0a::/64' })
    const conflict = (id: string): string =>
      `409 NetworkMTUSubnetConflict: MTU of ${id} is not valid, subnet requires a minimum of 1280`
    const subnet = { network_id: small.networkId, ip_version: 6, cidr: 'fd0b::/64' }
    await refusals.refuses(() => [
      ['POST', 'subnets', { subnet }, conflict(small.networkId)],
      ['PUT', `networks/${six}`, { network: { mtu: 1279 } }, conflict(six)],
    ])
    await refusals.cloud.must('PUT', `/v2.0/networks/${six}`, MEMBER, { network: { mtu: 1280 } })
  })

  it('for a port', () =>
    refusals.refuses(({ net, sub, otherSub, foreignNet, address, port, group }) => {
      const asks = (parts: object, expected: string): Case => [
        'POST',
        'ports',
        { port: { network_id: net, ...parts } },
        expected,
      ]
      const at = (ip: object, expected: string): Case => asks({ fixed_ips: [ip] }, expected)
      const taken = (ip: string): string =>
        `409 IpAddressAlreadyAllocated: IP address ${ip} already allocated in subnet ${sub}`
      const nowhere = (ip: string): string =>
        `400 InvalidIpForNetwork: IP address ${ip} is not a valid IP for any of the subnets on the specified network.`
      return [
        asks({ network_id: foreignNet }, `404 NetworkNotFound: Network ${foreignNet} could not be found.`),
        asks(
          { mac_address: MAC },
          `409 MacAddressInUse: Unable to complete operation for network ${net}. The mac address ${MAC} is in use.`,
        ),
        asks(
          { mac_address: '01:00:5e:00:00:01' },
          impossible('mac_address', "'01:00:5e:00:00:01' is not a valid MAC address"),
        ),
        at({ ip_address: address }, taken(address)),
        at({ ip_address: '10.0.0.1' }, taken('10.0.0.1')),
        at({ ip_address: '10.44.0.1' }, nowhere('10.44.0.1')),
        at({ ip_address: '10.0.0.255' }, nowhere('10.0.0.255')),
        at(
          { subnet_id: sub, ip_address: '10.44.0.1' },
          '400 InvalidIpForSubnet: IP address 10.44.0.1 is not a valid IP for the specified subnet.',
        ),
        at(
          { subnet_id: otherSub },
          invalid(`Failed to create port on network ${net}, because fixed_ips included invalid subnet ${otherSub}`),
        ),
        at({ subnet_id: NOBODY }, `404 SubnetNotFound: Subnet ${NOBODY} could not be found.`),
        at({ ip_address: '300.1.1.1' }, impossible('fixed_ips', "'300.1.1.1' is not a valid IP address")),
        at({}, invalid('IP allocation requires subnet_id or ip_address')),
        asks(
          { fixed_ips: Array(6).fill({ subnet_id: sub }) },
          invalid('Exceeded maximum amount of fixed ips per port'),
        ),
        asks(
          { fixed_ips: Array(2).fill({ ip_address: '10.0.0.9' }) },
          impossible('fixed_ips', "Duplicate IP address '10.0.0.9'"),
        ),
        asks({ security_groups: [NOBODY] }, `404 SecurityGroupNotFound: Security group ${NOBODY} does not exist`),
        asks(
          { port_security_enabled: false, security_groups: [group] },
          '400 PortSecurityAndIPRequiredForSecurityGroups: Port security must be enabled and port must have an IP address in order to use security groups.',
        ),
        asks(
          { port_security_enabled: false, allowed_address_pairs: [{ ip_address: '10.0.0.9' }] },
          '409 AddressPairAndPortSecurityRequired: Port Security must be enabled in order to have allowed address pairs on a port.',
        ),
        asks(
          { allowed_address_pairs: [{ ip_address: 'x' }] },
          impossible('allowed_address_pairs', "'x' is not a valid IP address"),
        ),
        asks(
          { 'binding:host_id': 'x' },
          '403 PolicyNotAuthorized: rule:create_port:binding:host_id is disallowed by policy',
        ),
        ['PUT', `ports/${port}`, { port: { fixed_ips: [{ ip_address: '10.0.0.1' }] } }, taken('10.0.0.1')],
        [
          'DELETE',
          `ports/${refusals.ids.leg}`,
          undefined,
          `409 ServicePortInUse: Port ${refusals.ids.leg} cannot be deleted directly via the port API: has device owner network:router_interface.`,
        ],
      ]
    }))
})
