// Subnets, routers, floating IPs and security groups: what goes, what does not, and in which shape.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Body, Caller, Reply, TestCloud } from './testing.ts'
import { ADMIN, MEMBER, makeNetwork, makeRouter, OTHER, testCloud } from './testing.ts'

const said = ({ status, body }: Reply): string => `${status} ${body?.NeutronError?.type ?? ''}`.trim()

describe('network', () => {
  let cloud: TestCloud
  beforeEach(async () => {
    cloud = await testCloud()
  })
  afterEach(() => cloud.close())

  const post = (collection: string, body: object, caller: Caller = MEMBER) =>
    cloud.ask('POST', `/v2.0/${collection}`, caller, body)
  const subnetOn = async (network_id: string, subnet: object) =>
    post('subnets', { subnet: { network_id, ip_version: 4, ...subnet } })
  const bareNetwork = async (): Promise<string> => (await post('networks', { network: {} })).body.network.id
  const portOn = async (network_id: string, port: object = {}): Promise<Body> =>
    (await cloud.must('POST', '/v2.0/ports', MEMBER, { port: { network_id, ...port } })).port

  it('answers with the attributes that Neutron has', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const { routerId, externalId } = await makeRouter(cloud, MEMBER, subnetId)
    const port = await portOn(networkId)
    const floating = { floating_network_id: externalId, port_id: port.id }
    const { floatingip } = (await post('floatingips', { floatingip: floating })).body
    const [group] = (await cloud.must('GET', '/v2.0/security-groups', MEMBER)).security_groups
    const standard = ['id', 'project_id', 'tenant_id', 'description', 'revision_number', 'created_at', 'updated_at']
    const has = (thing: Body, names: string): void => {
      for (const name of [...standard, ...names.split(' ')])
        assert.ok(name in thing, `${name} in ${Object.keys(thing)}`)
      assert.match(thing.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.equal(thing.project_id, thing.tenant_id)
    }
    const show = async (collection: string, id: string, name: string) =>
      (await cloud.must('GET', `/v2.0/${collection}/${id}`, MEMBER))[name]
    const network = await show('networks', networkId, 'network')
    has(
      network,
      'name admin_state_up status shared router:external mtu port_security_enabled subnets tags l2_adjacency',
    )
    has(network, 'availability_zones availability_zone_hints')
    assert.ok(!('provider:network_type' in network))
    const subnet = await show('subnets', subnetId, 'subnet')
    has(subnet, 'name network_id ip_version cidr gateway_ip enable_dhcp allocation_pools dns_nameservers host_routes')
    has(subnet, 'ipv6_address_mode ipv6_ra_mode subnetpool_id tags')
    has(port, 'name network_id mac_address fixed_ips device_id device_owner admin_state_up status security_groups')
    has(port, 'port_security_enabled allowed_address_pairs extra_dhcp_opts binding:vnic_type ip_allocation tags')
    has(await show('routers', routerId, 'router'), 'name admin_state_up status external_gateway_info routes tags')
    has(
      floatingip,
      'floating_network_id floating_ip_address fixed_ip_address port_id router_id status port_details tags',
    )
    has(group, 'name stateful shared security_group_rules tags')
    const [rule] = group.security_group_rules
    has(rule, 'security_group_id direction ethertype protocol port_range_min port_range_max remote_ip_prefix')
    has(rule, 'remote_group_id normalized_cidr belongs_to_default_sg')
  })

  it('checks subnets', async () => {
    const id = await bareNetwork()
    const cases: [object, string][] = [
      [{ cidr: '10.0.0.0/24', ip_version: 6 }, '400 InvalidInput'],
      [{ cidr: '10.0.0.5/24' }, '400 HTTPBadRequest'],
      [{ cidr: '10.0.0.0' }, '400 HTTPBadRequest'],
      [{ cidr: '10.0.0.0/31' }, '400 InvalidInput'],
      [{ cidr: '224.0.0.0/24' }, '400 InvalidInput'],
      [{ cidr: '127.0.0.0/24' }, '400 InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: '10.0.0.255' }, '400 InvalidInput'],
      [{ cidr: '10.0.0.0/24', gateway_ip: '10.1.0.1' }, '400 InvalidInput'],
      [{ cidr: '10.0.0.0/24', dns_nameservers: ['x'] }, '400 HTTPBadRequest'],
      [{ cidr: '10.0.0.0/24', dns_nameservers: ['1.1.1.1', '1.1.1.1'] }, '400 HTTPBadRequest'],
      [
        { cidr: '10.0.0.0/24', dns_nameservers: ['1.1.1.1', '2.1.1.1', '3.1.1.1', '4.1.1.1', '5.1.1.1', '6.1.1.1'] },
        '400 DNSNameServersExhausted',
      ],
      [{ cidr: '10.0.0.0/24', host_routes: [{ destination: '10.2.0.0/16', nexthop: 'x' }] }, '400 HTTPBadRequest'],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.5' }] },
        '400 InvalidAllocationPool',
      ],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.1.5' }] },
        '400 OutOfBoundsAllocationPool',
      ],
      [
        { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.1', end: '10.0.0.5' }] },
        '409 GatewayConflictWithAllocationPools',
      ],
      [
        {
          cidr: '10.0.0.0/24',
          allocation_pools: [
            { start: '10.0.0.9', end: '10.0.0.20' },
            { start: '10.0.0.20', end: '10.0.0.30' },
          ],
        },
        '409 OverlappingAllocationPools',
      ],
      [{ cidr: '10.0.0.0/24', ipv6_ra_mode: 'slaac' }, '400 InvalidInput'],
      [{ cidr: 'fd00::/80', ip_version: 6, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' }, '400 InvalidInput'],
      [
        { cidr: 'fd00::/64', ip_version: 6, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' },
        '400 InvalidInput',
      ],
    ]
    for (const [subnet, expected] of cases)
      assert.equal(said(await subnetOn(id, subnet)), expected, JSON.stringify(subnet))
    const made = await subnetOn(id, {
      cidr: '10.0.0.0/24',
      gateway_ip: '10.0.0.7',
      host_routes: [{ destination: '10.2.0.0/16', nexthop: '10.0.0.9' }],
    })
    assert.deepEqual(made.body.subnet.allocation_pools, [
      { start: '10.0.0.1', end: '10.0.0.6' },
      { start: '10.0.0.8', end: '10.0.0.254' },
    ])
    assert.equal(said(await subnetOn(id, { cidr: '10.0.0.128/25' })), '400 InvalidInput', 'overlaps')
    const small = await subnetOn(await bareNetwork(), { cidr: '10.0.0.0/31', enable_dhcp: false, gateway_ip: null })
    assert.deepEqual(small.body.subnet.allocation_pools, [{ start: '10.0.0.0', end: '10.0.0.1' }])
    const put = (subnet: object) => cloud.ask('PUT', `/v2.0/subnets/${made.body.subnet.id}`, MEMBER, { subnet })
    assert.equal(said(await put({ cidr: '10.3.0.0/24' })), '400 HTTPBadRequest')
    assert.equal((await put({ dns_nameservers: ['9.9.9.9'], gateway_ip: null })).body.subnet.gateway_ip, null)
  })

  it('keeps a network and a subnet that are in use', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const port = await portOn(networkId)
    assert.equal(said(await cloud.ask('DELETE', `/v2.0/subnets/${subnetId}`, MEMBER)), '409 SubnetInUse')
    const refused = await cloud.ask('DELETE', `/v2.0/networks/${networkId}`, MEMBER)
    assert.equal(said(refused), '409 NetworkInUse')
    assert.match(refused.body.NeutronError.message, new RegExp(port.id))
    await cloud.must('DELETE', `/v2.0/ports/${port.id}`, MEMBER)
    assert.equal((await cloud.ask('DELETE', `/v2.0/networks/${networkId}`, MEMBER)).status, 204)
    assert.equal(said(await cloud.ask('GET', `/v2.0/subnets/${subnetId}`, MEMBER)), '404 SubnetNotFound')
    assert.deepEqual((await cloud.must('GET', '/v2.0/ports', ADMIN)).ports, [])
  })

  it('holds port security, groups and pairs together', async () => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const [group] = (await cloud.must('GET', '/v2.0/security-groups', MEMBER)).security_groups
    const security_groups = [group.id]
    const pairs = [{ ip_address: '10.0.0.0/28' }]
    const make = async (port: object) => said(await post('ports', { port: { network_id: networkId, ...port } }))
    assert.equal(
      await make({ port_security_enabled: false, security_groups }),
      '400 PortSecurityAndIPRequiredForSecurityGroups',
    )
    assert.equal(await make({ fixed_ips: [], security_groups }), '400 PortSecurityAndIPRequiredForSecurityGroups')
    assert.equal(
      await make({ port_security_enabled: false, allowed_address_pairs: pairs }),
      '409 AddressPairAndPortSecurityRequired',
    )
    assert.equal(await make({ allowed_address_pairs: [...pairs, ...pairs] }), '400 DuplicateAddressPairInRequest')
    const port = await portOn(networkId, { allowed_address_pairs: pairs })
    assert.deepEqual(port.allowed_address_pairs, [{ mac_address: port.mac_address, ip_address: '10.0.0.0/28' }])
    const put = async (change: object) =>
      said(await cloud.ask('PUT', `/v2.0/ports/${port.id}`, MEMBER, { port: change }))
    assert.equal(await put({ port_security_enabled: false }), '409 PortSecurityPortHasSecurityGroup')
    assert.equal(
      await put({ port_security_enabled: false, security_groups: [] }),
      '409 AddressPairAndPortSecurityRequired',
    )
    assert.equal(await put({ port_security_enabled: false, security_groups: [], allowed_address_pairs: [] }), '200')
    assert.deepEqual((await portOn(networkId, { port_security_enabled: false })).security_groups, [])
  })

  it('connects routers', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const { routerId, externalId } = await makeRouter(cloud, MEMBER, subnetId)
    const act = async (action: string, body: object) =>
      cloud.ask('PUT', `/v2.0/routers/${routerId}/${action}`, MEMBER, body)
    assert.equal(said(await act('add_router_interface', { subnet_id: subnetId })), '400 BadRequest', 'is there')
    assert.equal(said(await act('add_router_interface', {})), '400 BadRequest')
    const twin = await makeNetwork(cloud, MEMBER)
    assert.equal(said(await act('add_router_interface', { subnet_id: twin.subnetId })), '400 BadRequest', 'overlaps')
    const other = await makeNetwork(cloud, MEMBER, { cidr: '10.8.0.0/24' })
    const port = await portOn(other.networkId)
    const added = await act('add_router_interface', { port_id: port.id })
    assert.deepEqual(
      { ...added.body, tags: [] },
      {
        id: routerId,
        project_id: 'demo',
        tenant_id: 'demo',
        port_id: port.id,
        network_id: other.networkId,
        subnet_id: other.subnetId,
        subnet_ids: [other.subnetId],
        tags: [],
      },
    )
    const legs = (
      await cloud.must('GET', `/v2.0/ports?device_id=${routerId}&device_owner=network:router_interface`, MEMBER)
    ).ports
    assert.equal(legs.length, 2)
    assert.equal(said(await cloud.ask('DELETE', `/v2.0/ports/${port.id}`, MEMBER)), '409 ServicePortInUse')
    assert.equal(
      said(await cloud.ask('PUT', `/v2.0/subnets/${subnetId}`, MEMBER, { subnet: { gateway_ip: '10.0.0.2' } })),
      '409 GatewayIpInUse',
    )
    assert.equal(
      said(await cloud.ask('PUT', `/v2.0/subnets/${subnetId}`, MEMBER, { subnet: { gateway_ip: null } })),
      '409 GatewayIpInUse',
    )

    const route = { destination: '10.99.0.0/16', nexthop: '10.0.0.50' }
    assert.equal((await act('add_extraroutes', { router: { routes: [route] } })).body.router.routes.length, 1)
    assert.equal((await act('add_extraroutes', { router: { routes: [route] } })).body.router.routes.length, 1)
    const far = { destination: '10.98.0.0/16', nexthop: '192.168.7.7' }
    assert.equal(said(await act('add_extraroutes', { router: { routes: [far] } })), '400 InvalidRoutes')
    assert.equal(said(await act('remove_router_interface', { subnet_id: subnetId })), '409 RouterInterfaceInUseByRoute')
    assert.deepEqual((await act('remove_extraroutes', { router: { routes: [route] } })).body.router.routes, [])

    const guest = await portOn(networkId)
    const floating = { floating_network_id: externalId, port_id: guest.id }
    const { floatingip } = (await post('floatingips', { floatingip: floating })).body
    assert.equal(
      said(await act('remove_router_interface', { subnet_id: subnetId })),
      '409 RouterInterfaceInUseByFloatingIP',
    )
    const clear = { router: { external_gateway_info: {} } }
    assert.equal(
      said(await cloud.ask('PUT', `/v2.0/routers/${routerId}`, MEMBER, clear)),
      '409 RouterExternalGatewayInUseByFloatingIp',
    )
    await cloud.must('DELETE', `/v2.0/floatingips/${floatingip.id}`, MEMBER)
    assert.equal(
      (await cloud.must('PUT', `/v2.0/routers/${routerId}`, MEMBER, clear)).router.external_gateway_info,
      null,
    )
    assert.equal((await act('remove_router_interface', { port_id: port.id })).status, 200)
    assert.equal(said(await act('remove_router_interface', { port_id: port.id })), '404 RouterInterfaceNotFound')
    assert.equal((await act('remove_router_interface', { subnet_id: subnetId })).status, 200)
    assert.equal((await cloud.ask('DELETE', `/v2.0/routers/${routerId}`, MEMBER)).status, 204)
    const inside = { router: { external_gateway_info: { network_id: networkId } } }
    assert.equal(said(await post('routers', inside)), '400 BadRequest')
  })

  it('leads floating IPs', async () => {
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const lonely = await makeNetwork(cloud, MEMBER, { cidr: '10.20.0.0/24' })
    const { externalId } = await makeRouter(cloud, MEMBER, subnetId)
    const make = (floatingip: object) =>
      post('floatingips', { floatingip: { floating_network_id: externalId, ...floatingip } })
    assert.equal(
      said(await make({ port_id: (await portOn(lonely.networkId)).id })),
      '404 ExternalGatewayForFloatingIPNotFound',
    )
    assert.equal(said(await make({ floating_network_id: networkId })), '400 BadRequest')
    assert.equal(said(await make({ floating_ip_address: '172.24.4.99' })), '403 PolicyNotAuthorized')
    const port = await portOn(networkId)
    const first = (await make({ port_id: port.id })).body.floatingip
    assert.equal(first.fixed_ip_address, port.fixed_ips[0].ip_address)
    assert.equal(said(await make({ port_id: port.id })), '409 FloatingIPPortAlreadyAssociated')
    assert.equal(said(await make({ port_id: port.id, fixed_ip_address: '10.9.9.9' })), '400 BadRequest')
    const put = (floatingip: object) => cloud.ask('PUT', `/v2.0/floatingips/${first.id}`, MEMBER, { floatingip })
    assert.equal((await put({ description: 'x' })).body.floatingip.port_id, port.id, 'what is not named stays')
    const loose = (await put({ port_id: null })).body.floatingip
    assert.deepEqual([loose.port_id, loose.router_id, loose.fixed_ip_address, loose.status], [null, null, null, 'DOWN'])
    assert.equal((await make({ port_id: port.id })).status, 201)
    assert.equal(said(await put({ port_id: port.id })), '409 FloatingIPPortAlreadyAssociated')
    const admins = await post(
      'floatingips',
      { floatingip: { floating_network_id: externalId, floating_ip_address: '172.24.4.99', project_id: 'demo' } },
      ADMIN,
    )
    assert.equal(admins.body.floatingip.floating_ip_address, '172.24.4.99')
    const again = { floatingip: { floating_network_id: externalId, floating_ip_address: '172.24.4.99' } }
    assert.equal(said(await post('floatingips', again, ADMIN)), '409 IpAddressAlreadyAllocated')
    const hidden = (await cloud.must('GET', '/v2.0/ports?device_owner=network:floatingip', MEMBER)).ports
    assert.deepEqual(hidden, [])
  })

  it('has one default security group for each project', async () => {
    const lists = await Promise.all(Array.from({ length: 5 }, () => cloud.must('GET', '/v2.0/security-groups', OTHER)))
    assert.equal(new Set(lists.map(({ security_groups }) => security_groups[0].id)).size, 1)
    const [group] = lists[0]!.security_groups
    assert.equal(group.security_group_rules.length, 4)
    assert.equal(
      said(await post('security-groups', { security_group: { name: 'default' } })),
      '409 SecurityGroupDefaultAlreadyExists',
    )
    const path = `/v2.0/security-groups/${group.id}`
    assert.equal(
      said(await cloud.ask('PUT', path, OTHER, { security_group: { name: 'mine' } })),
      '409 SecurityGroupCannotUpdateDefault',
    )
    assert.equal(said(await cloud.ask('DELETE', path, OTHER)), '409 SecurityGroupCannotRemoveDefault')
  })

  it('checks security group rules', async () => {
    const { security_group: group } = (await post('security-groups', { security_group: { name: 'web' } })).body
    assert.equal(group.security_group_rules.length, 2)
    const make = async (rule: object) =>
      said(
        await post('security-group-rules', {
          security_group_rule: { security_group_id: group.id, direction: 'ingress', ...rule },
        }),
      )
    const cases: [object, string][] = [
      [{ protocol: 'tcp', port_range_min: 22, port_range_max: 22 }, '201'],
      [{ protocol: 'TCP', port_range_min: 22, port_range_max: 22 }, '409 SecurityGroupRuleExists'],
      [{ protocol: '6', port_range_min: 22, port_range_max: 22 }, '409 SecurityGroupRuleExists'],
      [{ protocol: 6, port_range_min: 23, port_range_max: 23 }, '201'],
      [{ protocol: 'tcp', port_range_min: 30, port_range_max: 20 }, '400 SecurityGroupInvalidPortRange'],
      [{ protocol: 'tcp', port_range_min: 30 }, '400 SecurityGroupInvalidPortRange'],
      [{ protocol: 'tcp', port_range_min: 0, port_range_max: 70000 }, '400 SecurityGroupInvalidPortValue'],
      [{ port_range_min: 1, port_range_max: 2 }, '400 SecurityGroupProtocolRequiredWithPorts'],
      [{ protocol: 'ah', port_range_min: 1, port_range_max: 2 }, '400 SecurityGroupInvalidProtocolForPort'],
      [{ protocol: 'nonsense' }, '400 SecurityGroupRuleInvalidProtocol'],
      [{ protocol: 256 }, '400 SecurityGroupRuleInvalidProtocol'],
      [{ protocol: 'icmp', port_range_min: 8, port_range_max: 0 }, '201'],
      [{ protocol: 'icmp', port_range_min: 300 }, '400 SecurityGroupInvalidIcmpValue'],
      [{ protocol: 'icmp', port_range_max: 0 }, '400 SecurityGroupMissingIcmpType'],
      [{ protocol: 'hopopt', remote_ip_prefix: '10.7.0.0/24' }, '201'],
      [{ remote_ip_prefix: '10.7.0.0/24' }, '409 SecurityGroupRuleExists'],
      [{ protocol: 'icmpv6' }, '400 SecurityGroupEthertypeConflictWithProtocol'],
      [{ protocol: 'icmpv6', ethertype: 'IPv6' }, '201'],
      [{ remote_ip_prefix: 'fd00::/8' }, '400 SecurityGroupRuleParameterConflict'],
      [{ remote_ip_prefix: 'x' }, '400 InvalidCIDR'],
      [{ remote_ip_prefix: '10.0.0.5/24' }, '201'],
      [{ remote_ip_prefix: '10.0.0.0/24' }, '409 SecurityGroupRuleExists'],
      [{ remote_ip_prefix: '10.0.0.0/24', remote_group_id: group.id }, '400 SecurityGroupMultipleRemoteEntites'],
      [{ remote_group_id: group.id }, '201'],
      [{ remote_group_id: '11111111-2222-4333-8444-555555555555' }, '404 SecurityGroupNotFound'],
      [{ direction: 'sideways' }, '400 HTTPBadRequest'],
    ]
    for (const [rule, expected] of cases) assert.equal(await make(rule), expected, JSON.stringify(rule))
    const { security_group_rules: rules } = await cloud.must(
      'GET',
      `/v2.0/security-group-rules?security_group_id=${group.id}&remote_ip_prefix=10.0.0.5/24`,
      MEMBER,
    )
    assert.equal(rules[0].normalized_cidr, '10.0.0.0/24')
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const port = await portOn(networkId, { security_groups: [group.id] })
    assert.equal(said(await cloud.ask('DELETE', `/v2.0/security-groups/${group.id}`, MEMBER)), '409 SecurityGroupInUse')
    assert.equal(
      said(
        await cloud.ask('PUT', `/v2.0/security-groups/${group.id}`, MEMBER, { security_group: { stateful: false } }),
      ),
      '409 SecurityGroupInUse',
    )
    await cloud.must('DELETE', `/v2.0/ports/${port.id}`, MEMBER)
    assert.equal((await cloud.ask('DELETE', `/v2.0/security-groups/${group.id}`, MEMBER)).status, 204)
    assert.equal(
      (await cloud.must('GET', `/v2.0/security-group-rules?security_group_id=${group.id}`, MEMBER)).security_group_rules
        .length,
      0,
    )
  })
})
