// Discovery: versions, resources, and the extensions that work here.
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import { chosenFields } from '../listing.ts'
import { route } from '../route.ts'

const UPDATED = '2024-01-01T00:00:00-00:00'

/** Alias, name, description. Clients send and expect what these stand for: each one is fully there. */
const EXTENSIONS: readonly (readonly [alias: string, name: string, description: string])[] = [
  ['agent', 'agent', 'The agent management extension.'],
  ['allowed-address-pairs', 'Allowed Address Pairs', 'Provides allowed address pairs.'],
  ['auto-allocated-topology', 'Auto Allocated Topology Services', 'Auto Allocated Topology Services.'],
  ['availability_zone', 'Availability Zone', 'The availability zone extension.'],
  ['binding', 'Port Binding', 'Expose port bindings of a virtual port to external application.'],
  [
    'empty-string-filtering',
    'Empty String Filtering Extension',
    'Allow filtering by attributes with empty string value.',
  ],
  [
    'ext-gw-mode',
    'Neutron L3 Configurable external gateway mode',
    'Extension of the router abstraction for specifying whether SNAT should occur on the external gateway.',
  ],
  ['external-net', 'Neutron external network', 'Adds external network attribute to network resource.'],
  [
    'extra_dhcp_opt',
    'Neutron Extra DHCP options',
    'Extra options configuration for DHCP. For example PXE boot options to DHCP clients can be specified (e.g. tftp-server, server-ip-address, bootfile-name).',
  ],
  ['extraroute', 'Neutron Extra Route', 'Extra routes configuration for L3 router.'],
  [
    'extraroute-atomic',
    'Atomically add/remove extra routes',
    'Edit extra routes of a router on server side by atomically adding/removing extra routes.',
  ],
  ['filter-validation', 'Filter parameters validation', 'Provides validation on filter parameters.'],
  ['fip-port-details', 'Floating IP Port Details Extension', 'Add port_details attribute to Floating IP resource.'],
  [
    'ip-substring-filtering',
    'IP address substring filtering',
    'Provides IP address substring filtering when listing ports.',
  ],
  ['ip_allocation', 'IP Allocation', 'IP allocation extension.'],
  ['net-mtu', 'Network MTU', 'Provides MTU attribute for a network resource.'],
  ['net-mtu-writable', 'Network MTU (writable)', 'Provides a writable MTU attribute for a network resource.'],
  ['network_availability_zone', 'Network Availability Zone', 'Availability zone support for network.'],
  ['pagination', 'Pagination support', 'Extension that indicates that pagination is enabled.'],
  ['port-security', 'Port Security', 'Provides port security.'],
  ['project-id', 'project_id field enabled', 'Extension that indicates that project_id field is enabled.'],
  ['provider', 'Provider Network', 'Expose mapping of virtual networks to physical networks.'],
  ['quota_details', 'Quota details management support', 'Expose functions for quotas usage statistics per project.'],
  ['quotas', 'Quota management support', 'Expose functions for quotas management per project.'],
  [
    'revision-if-match',
    'If-Match constraints based on revision_number',
    'Extension indicating that If-Match based on revision_number is supported.',
  ],
  [
    'router',
    'Neutron L3 Router',
    'Router abstraction for basic L3 forwarding between L2 Neutron networks and access to external networks via a NAT gateway.',
  ],
  ['router_availability_zone', 'Router Availability Zone', 'Availability zone support for router.'],
  ['security-group', 'security-group', 'The security groups extension.'],
  [
    'security-groups-normalized-cidr',
    'Normalized CIDR field for security group rules',
    'Add new field with normalized remote_ip_prefix cidr in SG rule.',
  ],
  [
    'security-groups-rules-belongs-to-default-sg',
    'Security group rules belongs to default security group',
    'Flag to determine if the security group rule belongs to the default security group.',
  ],
  [
    'security-groups-shared-filtering',
    'Security group filtering on the shared field',
    'Support filtering security groups on the shared field.',
  ],
  ['sorting', 'Sorting support', 'Extension that indicates that sorting is enabled.'],
  ['standard-attr-description', 'standard-attr-description', 'Extension to add descriptions to standard attributes.'],
  [
    'standard-attr-revisions',
    'Resource revision numbers',
    'This extension will display the revision number of neutron resources.',
  ],
  [
    'standard-attr-tag',
    'Tag support for resources with standard attribute: network, subnet, port, router, floatingip, security_group',
    'Enables to set tag on resources with standard attribute.',
  ],
  [
    'standard-attr-timestamp',
    'Resource timestamps',
    'Adds created_at and updated_at fields to all Neutron resources that have Neutron standard attributes.',
  ],
  ['stateful-security-group', 'Stateful security group', 'Indicates if the security group is stateful or not.'],
]

const COLLECTIONS: Record<string, string> = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floatingips',
  security_group: 'security-groups',
  security_group_rule: 'security-group-rules',
  agent: 'agents',
  availability_zone: 'availability_zones',
  extension: 'extensions',
  quota: 'quotas',
}

function extensionView([alias, name, description]: (typeof EXTENSIONS)[number]): object {
  return { alias, name, description, updated: UPDATED, links: [] }
}

async function versions(_: unknown, { url }: Call): Promise<object> {
  const links = [{ rel: 'self', href: `${url.service}/v2.0/` }]
  return { versions: [{ id: 'v2.0', status: 'CURRENT', links }] }
}

export const extensionRoutes = [
  route({ method: 'GET', path: '/', policy: 'public', success: 200, handler: versions }),
  route({
    method: 'GET',
    path: '/v2.0',
    policy: 'public',
    success: 200,
    handler: async (_, { url }) => ({
      resources: Object.entries(COLLECTIONS).map(([name, path]) => ({
        name,
        collection: path.replaceAll('-', '_'),
        links: [{ rel: 'self', href: `${url.service}/v2.0/${path}` }],
      })),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/extensions',
    policy: 'get_extension',
    success: 200,
    handler: async (_, call) => ({ extensions: EXTENSIONS.map((one) => chosenFields(call, extensionView(one))) }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/extensions/:alias',
    policy: 'get_extension',
    success: 200,
    handler: async (_, { params }) => {
      const alias = params['alias']!
      const found = EXTENSIONS.find(([known]) => known === alias)
      if (!found) throw fault('ExtensionNotFound', { alias })
      return { extension: extensionView(found) }
    },
  }),
]
