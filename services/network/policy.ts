// Every rule of network and who passes it: Neutron's default rules. A target says the owner of the thing touched.
import type { Policy } from '@kilonova/api/policy'
import { admin, any, either, member, reader, service, serviceOnly } from '@kilonova/api/policy'

const write = either(member, service)
const read = either(reader, service)

export const policy = {
  get_network: read,
  'get_network:provider': admin,
  create_network: write,
  'create_network:shared': admin,
  'create_network:router:external': admin,
  'create_network:provider': admin,
  update_network: write,
  'update_network:shared': admin,
  'update_network:router:external': admin,
  'update_network:provider': admin,
  delete_network: write,

  get_subnet: read,
  create_subnet: write,
  update_subnet: write,
  delete_subnet: write,

  get_port: read,
  'get_port:binding': service,
  create_port: write,
  'create_port:device_owner': service,
  /** On a network of another project that is not shared. */
  'create_port:foreign_network': service,
  'create_port:mac_address': service,
  'create_port:fixed_ips:ip_address': service,
  'create_port:port_security_enabled': service,
  'create_port:allowed_address_pairs': service,
  'create_port:binding:host_id': service,
  'create_port:binding:profile': serviceOnly,
  update_port: write,
  'update_port:device_owner': service,
  'update_port:mac_address': service,
  'update_port:fixed_ips:ip_address': service,
  'update_port:port_security_enabled': service,
  'update_port:allowed_address_pairs': service,
  'update_port:binding:host_id': service,
  'update_port:binding:profile': serviceOnly,
  delete_port: write,

  get_router: read,
  create_router: write,
  'create_router:external_gateway_info:enable_snat': admin,
  'create_router:external_gateway_info:external_fixed_ips': admin,
  update_router: write,
  'update_router:external_gateway_info:enable_snat': admin,
  'update_router:external_gateway_info:external_fixed_ips': admin,
  delete_router: write,
  add_router_interface: write,
  remove_router_interface: write,
  add_extraroutes: write,
  remove_extraroutes: write,

  get_floatingip: read,
  create_floatingip: write,
  'create_floatingip:floating_ip_address': admin,
  update_floatingip: write,
  delete_floatingip: write,

  get_security_group: read,
  create_security_group: write,
  update_security_group: write,
  delete_security_group: write,
  get_security_group_rule: read,
  create_security_group_rule: write,
  delete_security_group_rule: write,

  get_auto_allocated_topology: read,
  delete_auto_allocated_topology: write,

  get_tags: read,
  update_tags: write,

  get_quota: reader,
  update_quota: admin,
  delete_quota: admin,

  get_agent: admin,
  update_agent: admin,
  delete_agent: admin,
  get_availability_zone: any,
  get_extension: any,
} satisfies Policy
