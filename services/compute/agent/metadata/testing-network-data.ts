// What guests expect of network_data.json, as a schema: the facts of OpenStack's own that concern ports.

const text = { type: 'string' }
const oneOf = (...values: string[]) => ({ enum: values })
const withKeys = (required: string[], properties: object) => ({ type: 'object', required, properties })

const BYTE = '(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
const ipv4 = { type: 'string', pattern: `^(${BYTE}\\.){3}${BYTE}$` }
/** Hexadecimal groups with at most one gap; a prefix length may follow. */
const ipv6 = { type: 'string', pattern: '^(?!.*::.*::)[0-9a-fA-F:]*:[0-9a-fA-F:]*(/[0-9]{1,3})?$' }
const mac = { type: 'string', pattern: '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$' }

const link = withKeys(['ethernet_mac_address', 'id', 'type'], {
  id: text,
  vif_id: text,
  ethernet_mac_address: mac,
  mtu: { anyOf: [{ type: 'number', minimum: 1, maximum: 65_535 }, { type: 'null' }] },
  type: oneOf('bridge', 'dvs', 'hw_veb', 'hyperv', 'ovs', 'tap', 'vhostuser', 'vif', 'phy'),
})

const service = (address: object) => withKeys(['type', 'address'], { type: oneOf('dns'), address })

function l3(address: object, types: string[]) {
  const route = withKeys(['gateway', 'netmask', 'network'], { network: address, netmask: address, gateway: address })
  return withKeys(['id', 'link', 'network_id', 'type'], {
    id: text,
    link: text,
    network_id: text,
    type: oneOf(...types),
    ip_address: address,
    netmask: address,
    routes: { type: 'array', items: route },
    services: { type: 'array', items: service(address) },
  })
}

/** OpenStack's own does not list the two stateful kinds of IPv6 that its code writes. */
const IPV6_TYPES = ['ipv6', 'ipv6_dhcp', 'ipv6_slaac', 'ipv6_dhcpv6-stateful', 'ipv6_dhcpv6-stateless']

export const networkDataSchema = withKeys(['links', 'networks', 'services'], {
  links: { type: 'array', items: link },
  networks: { type: 'array', items: { oneOf: [l3(ipv4, ['ipv4', 'ipv4_dhcp']), l3(ipv6, IPV6_TYPES)] } },
  services: { type: 'array', items: { anyOf: [service(ipv4), service(ipv6)] } },
})
