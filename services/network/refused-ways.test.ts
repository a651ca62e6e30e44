// Ways in and out that cannot be (routers, floating addresses, rules): refused in Neutron's words, and nothing changes.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Caller } from './testing.ts'
import { ADMIN, MEMBER } from './testing.ts'
import type { Case, Refusals } from './testing-refusals.ts'
import { impossible, makeRefusals, NOBODY } from './testing-refusals.ts'

describe('a request refused', () => {
  let refusals: Refusals
  before(async () => {
    refusals = await makeRefusals()
  })
  after(() => refusals?.cloud.close())

  it('for a router', () =>
    refusals.refuses(({ router, bareRouter, sub, otherSub, foreignSub, port, leg, external, otherNet }) => {
      const adds = (id: string, body: object, expected: string): Case => [
        'PUT',
        `routers/${id}/add_router_interface`,
        body,
        expected,
      ]
      const removes = (id: string, body: object, expected: string): Case => [
        'PUT',
        `routers/${id}/remove_router_interface`,
        body,
        expected,
      ]
      const sets = (id: string, body: object, expected: string, by?: Caller): Case => [
        'PUT',
        `routers/${id}`,
        { router: body },
        expected,
        by,
      ]
      const wrong = (message: string): string => `400 BadRequest: Bad router request: ${message}.`
      const gateway = (info: object | null) => ({ external_gateway_info: info })
      const routes = (destination: string, nexthop: string) => ({ routes: [{ destination, nexthop }] })
      const text = (destination: string, nexthop: string) => JSON.stringify([{ destination, nexthop }])
      return [
        adds(router, { subnet_id: sub }, wrong(`Router already has a port on subnet ${sub}`)),
        adds(router, {}, wrong('Either subnet_id or port_id must be specified')),
        adds(router, { subnet_id: sub, port_id: port }, wrong('Cannot specify both subnet-id and port-id')),
        adds(router, { subnet_id: foreignSub }, `404 SubnetNotFound: Subnet ${foreignSub} could not be found.`),
        adds(router, { port_id: NOBODY }, `404 PortNotFound: Port ${NOBODY} could not be found.`),
        adds(
          bareRouter,
          { subnet_id: sub },
          `409 IpAddressAlreadyAllocated: IP address 10.0.0.1 already allocated in subnet ${sub}`,
        ),
        removes(
          bareRouter,
          { subnet_id: otherSub },
          `404 RouterInterfaceNotFoundForSubnet: Router ${bareRouter} has no interface on subnet ${otherSub}`,
        ),
        removes(
          bareRouter,
          { port_id: port },
          `404 RouterInterfaceNotFound: Router ${bareRouter} does not have an interface with id ${port}`,
        ),
        removes(
          router,
          { subnet_id: otherSub, port_id: leg },
          `400 SubnetMismatchForPort: Subnet on port ${leg} does not match the requested subnet ${otherSub}.`,
        ),
        removes(
          router,
          { subnet_id: sub },
          `409 RouterInterfaceInUseByFloatingIP: Router interface for subnet ${sub} on router ${router} cannot be deleted, as it is required by one or more floating IPs.`,
        ),
        ['DELETE', `routers/${router}`, undefined, `409 RouterInUse: Router ${router} still has ports`],
        sets(
          router,
          gateway(null),
          `409 RouterExternalGatewayInUseByFloatingIp: Gateway cannot be updated for router ${router}, since a gateway to external network ${external} is required by one or more floating IPs.`,
        ),
        sets(bareRouter, gateway({ network_id: otherNet }), wrong(`Network ${otherNet} is not an external network`)),
        sets(bareRouter, gateway({ network_id: NOBODY }), `404 NetworkNotFound: Network ${NOBODY} could not be found.`),
        sets(
          router,
          gateway({ enable_snat: false }),
          impossible('external_gateway_info', 'It names no network_id'),
          ADMIN,
        ),
        sets(
          bareRouter,
          gateway({ network_id: external, enable_snat: false }),
          '403 PolicyNotAuthorized: rule:update_router:external_gateway_info:enable_snat is disallowed by policy',
        ),
        sets(
          router,
          routes('10.5.0.0/24', '10.99.0.1'),
          `400 InvalidRoutes: Invalid format for routes: ${text('10.5.0.0/24', '10.99.0.1')}, the nexthop is not connected with router`,
        ),
        sets(
          router,
          routes('10.5.0.0/24', '10.0.0.1'),
          `400 InvalidRoutes: Invalid format for routes: ${text('10.5.0.0/24', '10.0.0.1')}, the nexthop is used by router`,
        ),
        sets(router, routes('x', '10.0.0.9'), impossible('routes', "'x' is not a valid CIDR")),
        sets(router, routes('10.5.0.0/24', 'x'), impossible('routes', "'x' is not a valid IP address")),
      ]
    }))

  it('for a floating address', () =>
    refusals.refuses(({ external, net, port, otherPort, foreignPort, otherSub, address, floating }) => {
      const asks = (parts: object, expected: string, by?: Caller): Case => [
        'POST',
        'floatingips',
        { floatingip: { floating_network_id: external, ...parts } },
        expected,
        by,
      ]
      const wrong = (message: string): string => `400 BadRequest: Bad floatingip request: ${message}.`
      return [
        asks({ floating_network_id: net }, wrong(`Network ${net} is not a valid external network`)),
        asks({ floating_network_id: NOBODY }, `404 NetworkNotFound: Network ${NOBODY} could not be found.`),
        asks({ port_id: foreignPort }, `404 PortNotFound: Port ${foreignPort} could not be found.`),
        asks(
          { port_id: otherPort },
          `404 ExternalGatewayForFloatingIPNotFound: External network ${external} is not reachable from subnet ${otherSub}.  Therefore, cannot associate Port ${otherPort} with a Floating IP.`,
        ),
        asks({ fixed_ip_address: '10.0.0.9' }, wrong('fixed_ip_address cannot be specified without a port_id')),
        asks({ port_id: port, fixed_ip_address: '10.0.0.99' }, wrong(`Port ${port} does not have fixed ip 10.0.0.99`)),
        asks(
          { floating_ip_address: '172.24.4.150' },
          '403 PolicyNotAuthorized: rule:create_floatingip:floating_ip_address is disallowed by policy',
        ),
        asks(
          { floating_ip_address: '10.55.0.1' },
          '400 InvalidIpForNetwork: IP address 10.55.0.1 is not a valid IP for any of the subnets on the specified network.',
          ADMIN,
        ),
        [
          'DELETE',
          `floatingips/${NOBODY}`,
          undefined,
          `404 FloatingIPNotFound: Floating IP ${NOBODY} could not be found`,
        ],
        [
          'PUT',
          `floatingips/${floating}`,
          { floatingip: { port_id: otherPort } },
          `404 ExternalGatewayForFloatingIPNotFound: External network ${external} is not reachable from subnet ${otherSub}.  Therefore, cannot associate Port ${otherPort} with a Floating IP.`,
        ],
        [
          'PUT',
          `floatingips/${floating}`,
          { floatingip: { port_id: port, fixed_ip_address: `${address}1` } },
          wrong(`Port ${port} does not have fixed ip ${address}1`),
        ],
      ]
    }))

  it('names the floating address that would be the second', async () => {
    const body = { floatingip: { floating_network_id: refusals.ids.external, port_id: refusals.ids.port } }
    const reply = await refusals.cloud.ask('POST', '/v2.0/floatingips', MEMBER, body)
    assert.equal(reply.status, 409)
    const { type, message } = reply.body.NeutronError
    assert.equal(type, 'FloatingIPPortAlreadyAssociated')
    const end = `with port ${refusals.ids.port} using fixed IP ${refusals.ids.address}, as that fixed IP already has a floating IP on external network ${refusals.ids.external}.`
    assert.match(message, /^Cannot associate floating IP 172\.24\.4\.\d+ \([0-9a-f-]{36}\) with port /)
    assert.ok(message.endsWith(end), message)
  })

  it('for a security group or a rule', () =>
    refusals.refuses(({ group }) => {
      const rule = (parts: object, expected: string): Case => {
        const asked = { security_group_id: group, direction: 'ingress', ...parts }
        return ['POST', 'security-group-rules', { security_group_rule: asked }, expected]
      }
      const range = (protocol: string, port_range_min?: number, port_range_max?: number) => ({
        protocol,
        ...(port_range_min === undefined ? {} : { port_range_min }),
        ...(port_range_max === undefined ? {} : { port_range_max }),
      })
      const backwards =
        '400 SecurityGroupInvalidPortRange: For TCP/UDP protocols, port_range_min must be <= port_range_max'
      return [
        rule(
          { port_range_min: 1, port_range_max: 2 },
          '400 SecurityGroupProtocolRequiredWithPorts: Must also specify protocol if port range is given.',
        ),
        rule(range('tcp', 9, 2), backwards),
        rule(range('tcp', 9), backwards),
        rule(range('tcp', 0, 5), '400 SecurityGroupInvalidPortValue: Invalid value for port 0'),
        rule(
          range('icmp', 300),
          '400 SecurityGroupInvalidIcmpValue: Invalid value for ICMP type (port_range_min) 300. It must be 0 to 255.',
        ),
        rule(
          range('icmp', undefined, 3),
          '400 SecurityGroupMissingIcmpType: ICMP code (port-range-max) 3 is provided but ICMP type (port-range-min) is missing.',
        ),
        rule(
          range('vrrp', 1, 2),
          '400 SecurityGroupInvalidProtocolForPort: Ports cannot be specified for protocol vrrp. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.',
        ),
        rule(
          { remote_group_id: group, remote_ip_prefix: '10.0.0.0/8' },
          '400 SecurityGroupMultipleRemoteEntites: Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
        ),
        rule(
          { remote_ip_prefix: 'fd00::/64' },
          '400 SecurityGroupRuleParameterConflict: Conflicting value ethertype IPv4 for CIDR fd00::/64',
        ),
        rule({ remote_ip_prefix: 'x' }, '400 InvalidCIDR: Invalid CIDR x given as IP prefix.'),
        rule(
          { protocol: 'icmpv6' },
          '400 SecurityGroupEthertypeConflictWithProtocol: Invalid ethertype IPv4 for protocol icmpv6.',
        ),
        rule({ security_group_id: NOBODY }, `404 SecurityGroupNotFound: Security group ${NOBODY} does not exist`),
        [
          'POST',
          'security-groups',
          { security_group: { name: 'default' } },
          '409 SecurityGroupDefaultAlreadyExists: Default security group already exists.',
        ],
        [
          'DELETE',
          `security-groups/${group}`,
          undefined,
          '409 SecurityGroupCannotRemoveDefault: Insufficient rights for removing default security group.',
        ],
        [
          'DELETE',
          `security-groups/${group}`,
          undefined,
          `409 SecurityGroupInUse: Security Group ${group} in use.`,
          ADMIN,
        ],
      ]
    }))
})
