// Every error of network that a caller may see. `kind` is the name of Neutron's exception; empty: plain HTTP errors.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'

/** A list as Python prints it. */
const list = (words: readonly string[]): string => `[${words.map((word) => `'${word}'`).join(', ')}]`

interface Named {
  id: string
}
interface Said {
  message: string
}

const bad = (kind: string) => ({ status: 400, kind }) as const
const notFound = (kind: string) => ({ status: 404, kind }) as const
const conflict = (kind: string) => ({ status: 409, kind }) as const

const general = {
  BadRequest: { ...bad(''), say: ({ message }: Said) => message },
  /** A value that is no possible one, whatever else the request says. */
  InvalidAttribute: {
    ...bad(''),
    say: ({ name, reason }: { name: string; reason: string }) => `Invalid input for ${name}. Reason: ${reason}.`,
  },
  InvalidInput: { ...bad('InvalidInput'), say: ({ message }: Said) => `Invalid input for operation: ${message}.` },
  Forbidden: { status: 403, kind: 'PolicyNotAuthorized', say: ({ message }: Said) => message },
  OverQuota: {
    ...conflict('OverQuota'),
    say: ({ resources }: { resources: string[] }) => `Quota exceeded for resources: ${list(resources)}.`,
    mend: () => 'Remove what is not needed, or ask the operator for a larger quota.',
  },
  RevisionNumberConstraintFailed: {
    status: 412,
    kind: 'RevisionNumberConstraintFailed',
    say: ({ asked, current }: { asked: number; current: number }) =>
      `Constrained to ${asked}, but current revision is ${current}`,
  },
  TagNotFound: { ...notFound('TagNotFound'), say: ({ tag }: { tag: string }) => `Tag ${tag} could not be found.` },
  ExtensionNotFound: {
    ...notFound(''),
    say: ({ alias }: { alias: string }) => `Extension with alias ${alias} does not exist`,
  },
  AgentNotFound: { ...notFound('AgentNotFound'), say: ({ id }: Named) => `Agent ${id} could not be found.` },
} satisfies FaultTable

const networks = {
  NetworkNotFound: { ...notFound('NetworkNotFound'), say: ({ id }: Named) => `Network ${id} could not be found.` },
  NetworkInUse: {
    ...conflict('NetworkInUse'),
    say: ({ id, why }: Named & { why: string }) => `Unable to complete operation on network ${id}. ${why}`,
  },
  InvalidSharedSetting: {
    ...conflict('InvalidSharedSetting'),
    say: ({ id }: Named) => `Unable to reconfigure sharing settings for network ${id}. Multiple projects are using it.`,
  },
  ExternalNetworkInUse: {
    ...conflict('ExternalNetworkInUse'),
    say: ({ id }: Named) =>
      `External network ${id} cannot be updated to be made non-external, since it has existing gateway ports.`,
  },
  AutoAllocationFailure: {
    ...conflict('AutoAllocationFailure'),
    say: ({ why }: { why: string }) => `Deployment error: ${why}.`,
    mend: () => 'Ask the operator for an external network that every project may use.',
  },
  SubnetNotFound: { ...notFound('SubnetNotFound'), say: ({ id }: Named) => `Subnet ${id} could not be found.` },
  SubnetInUse: {
    ...conflict('SubnetInUse'),
    say: ({ id, why }: Named & { why: string }) => `Unable to complete operation on subnet ${id}: ${why}.`,
  },
  NetworkMTUSubnetConflict: {
    ...conflict('NetworkMTUSubnetConflict'),
    say: ({ id, least }: Named & { least: number }) =>
      `MTU of ${id} is not valid, subnet requires a minimum of ${least}`,
  },
  DNSNameServersExhausted: {
    ...bad('DNSNameServersExhausted'),
    say: ({ id, most }: Named & { most: number }) =>
      `Unable to complete operation for ${id}. The number of DNS nameservers exceeds the limit ${most}.`,
  },
  HostRoutesExhausted: {
    ...bad('HostRoutesExhausted'),
    say: ({ id, most }: Named & { most: number }) =>
      `Unable to complete operation for ${id}. The number of host routes exceeds the limit ${most}.`,
  },
  InvalidAllocationPool: {
    ...bad('InvalidAllocationPool'),
    say: ({ pool }: { pool: string }) => `The allocation pool ${pool} is not valid.`,
  },
  OutOfBoundsAllocationPool: {
    ...bad('OutOfBoundsAllocationPool'),
    say: ({ pool, cidr }: { pool: string; cidr: string }) =>
      `The allocation pool ${pool} spans beyond the subnet cidr ${cidr}.`,
  },
  OverlappingAllocationPools: {
    ...conflict('OverlappingAllocationPools'),
    say: ({ one, other, cidr }: { one: string; other: string; cidr: string }) =>
      `Found overlapping allocation pools: ${one} ${other} for subnet ${cidr}.`,
  },
  GatewayConflictWithAllocationPools: {
    ...conflict('GatewayConflictWithAllocationPools'),
    say: ({ address, pool }: { address: string; pool: string }) =>
      `Gateway ip ${address} conflicts with allocation pool ${pool}.`,
  },
  GatewayIpInUse: {
    ...conflict('GatewayIpInUse'),
    say: ({ address, portId }: { address: string; portId: string }) =>
      `Current gateway ip ${address} already in use by port ${portId}. Unable to update.`,
  },
} satisfies FaultTable

const ports = {
  PortNotFound: { ...notFound('PortNotFound'), say: ({ id }: Named) => `Port ${id} could not be found.` },
  InvalidIpForNetwork: {
    ...bad('InvalidIpForNetwork'),
    say: ({ address }: { address: string }) =>
      `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
  },
  InvalidIpForSubnet: {
    ...bad('InvalidIpForSubnet'),
    say: ({ address }: { address: string }) => `IP address ${address} is not a valid IP for the specified subnet.`,
  },
  AllocationOnAutoAddressSubnet: {
    ...bad('AllocationOnAutoAddressSubnet'),
    say: ({ address, subnetId }: { address: string; subnetId: string }) =>
      `IPv6 address ${address} cannot be directly assigned to a port on subnet ${subnetId} as the subnet is configured for automatic addresses`,
  },
  InvalidIpForAllocationPools: {
    ...bad('InvalidIpForAllocationPools'),
    say: ({ address, subnetId, pools }: { address: string; subnetId: string; pools: string[] }) =>
      `IP address ${address} is outside the allocation pools ${pools.join(', ')} of subnet ${subnetId}.`,
    mend: () => 'Choose an address inside a pool, leave the choice to the cloud, or widen the pools of the subnet.',
  },
  IpAddressAlreadyAllocated: {
    ...conflict('IpAddressAlreadyAllocated'),
    say: ({ address, subnetId }: { address: string; subnetId: string }) =>
      `IP address ${address} already allocated in subnet ${subnetId}`,
  },
  IpAddressGenerationFailure: {
    ...conflict('IpAddressGenerationFailure'),
    say: ({ id }: Named) => `No more IP addresses available on network ${id}.`,
    mend: () => 'Remove ports that are not needed, or widen the allocation pools of the subnet.',
  },
  MacAddressInUse: {
    ...conflict('MacAddressInUse'),
    say: ({ id, mac }: Named & { mac: string }) =>
      `Unable to complete operation for network ${id}. The mac address ${mac} is in use.`,
  },
  MacAddressGenerationFailure: {
    status: 503,
    kind: 'NetworkMacAddressGenerationFailure',
    say: ({ id }: Named) => `Unable to generate unique mac on network ${id}.`,
  },
  PortBound: {
    ...conflict('PortBound'),
    say: ({ id, vifType, before, after }: Named & Record<'vifType' | 'before' | 'after', string>) =>
      `Unable to complete operation on port ${id}, port is already bound, port type: ${vifType}, old_mac ${before}, new_mac ${after}.`,
  },
  PortInUse: {
    ...conflict('PortInUse'),
    say: ({ id, networkId, deviceId }: Named & Record<'networkId' | 'deviceId', string>) =>
      `Unable to complete operation on port ${id} for network ${networkId}. Port already has an attached device ${deviceId}.`,
  },
  ServicePortInUse: {
    ...conflict('ServicePortInUse'),
    say: ({ id, owner }: Named & { owner: string }) =>
      `Port ${id} cannot be deleted directly via the port API: has device owner ${owner}.`,
  },
  PortBindingFailed: {
    status: 503,
    kind: 'PortBindingFailed',
    say: ({ id, host }: Named & { host: string }) =>
      `Port ${id} cannot be bound to host ${host}: no network agent has reported from there.`,
    mend: ({ host }: { host: string }) => `Start the network agent on ${host}; then try again.`,
  },
  PortSecurityPortHasSecurityGroup: {
    ...conflict('PortSecurityPortHasSecurityGroup'),
    say: () =>
      'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
  },
  PortSecurityAndIPRequiredForSecurityGroups: {
    ...bad('PortSecurityAndIPRequiredForSecurityGroups'),
    say: () => 'Port security must be enabled and port must have an IP address in order to use security groups.',
  },
  AddressPairAndPortSecurityRequired: {
    ...conflict('AddressPairAndPortSecurityRequired'),
    say: () => 'Port Security must be enabled in order to have allowed address pairs on a port.',
  },
  DuplicateAddressPairInRequest: {
    ...bad('DuplicateAddressPairInRequest'),
    say: ({ address, mac }: { address: string; mac: string }) =>
      `Request contains duplicate address pair: mac_address ${mac} ip_address ${address}.`,
  },
  AllowedAddressPairExhausted: {
    ...bad('AllowedAddressPairExhausted'),
    say: ({ most }: { most: number }) => `The number of allowed address pair exceeds the maximum ${most}.`,
  },
} satisfies FaultTable

const routers = {
  RouterNotFound: { ...notFound('RouterNotFound'), say: ({ id }: Named) => `Router ${id} could not be found` },
  RouterInUse: { ...conflict('RouterInUse'), say: ({ id }: Named) => `Router ${id} still has ports` },
  BadRouterRequest: { ...bad('BadRequest'), say: ({ message }: Said) => `Bad router request: ${message}.` },
  RouterInterfaceNotFound: {
    ...notFound('RouterInterfaceNotFound'),
    say: ({ id, portId }: Named & { portId: string }) => `Router ${id} does not have an interface with id ${portId}`,
  },
  RouterInterfaceNotFoundForSubnet: {
    ...notFound('RouterInterfaceNotFoundForSubnet'),
    say: ({ id, subnetId }: Named & { subnetId: string }) => `Router ${id} has no interface on subnet ${subnetId}`,
  },
  SubnetMismatchForPort: {
    ...bad('SubnetMismatchForPort'),
    say: ({ portId, subnetId }: Record<'portId' | 'subnetId', string>) =>
      `Subnet on port ${portId} does not match the requested subnet ${subnetId}.`,
  },
  RouterInterfaceInUseByFloatingIP: {
    ...conflict('RouterInterfaceInUseByFloatingIP'),
    say: ({ id, subnetId }: Named & { subnetId: string }) =>
      `Router interface for subnet ${subnetId} on router ${id} cannot be deleted, as it is required by one or more floating IPs.`,
  },
  RouterInterfaceInUseByRoute: {
    ...conflict('RouterInterfaceInUseByRoute'),
    say: ({ id, subnetId }: Named & { subnetId: string }) =>
      `Router interface for subnet ${subnetId} on router ${id} cannot be deleted, as it is required by one or more routes.`,
  },
  RouterExternalGatewayInUseByFloatingIp: {
    ...conflict('RouterExternalGatewayInUseByFloatingIp'),
    say: ({ id, networkId }: Named & { networkId: string }) =>
      `Gateway cannot be updated for router ${id}, since a gateway to external network ${networkId} is required by one or more floating IPs.`,
  },
  InvalidRoutes: {
    ...bad('InvalidRoutes'),
    say: ({ routes, why }: { routes: string; why: string }) => `Invalid format for routes: ${routes}, ${why}`,
  },
  RoutesExhausted: {
    ...bad('RoutesExhausted'),
    say: ({ id, most }: Named & { most: number }) =>
      `Unable to complete operation for ${id}. The number of routes exceeds the maximum ${most}.`,
  },
  FloatingIPNotFound: {
    ...notFound('FloatingIPNotFound'),
    say: ({ id }: Named) => `Floating IP ${id} could not be found`,
  },
  BadFloatingIpRequest: { ...bad('BadRequest'), say: ({ message }: Said) => `Bad floatingip request: ${message}.` },
  ExternalGatewayForFloatingIPNotFound: {
    ...notFound('ExternalGatewayForFloatingIPNotFound'),
    say: ({ networkId, subnetId, portId }: { networkId: string; subnetId: string; portId: string }) =>
      `External network ${networkId} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${portId} with a Floating IP.`,
    mend: () => 'Connect the subnet to a router that has its gateway on the external network.',
  },
  FloatingIPPortAlreadyAssociated: {
    ...conflict('FloatingIPPortAlreadyAssociated'),
    say: ({
      id,
      address,
      portId,
      fixedIp,
      networkId,
    }: Named & Record<'address' | 'portId' | 'fixedIp' | 'networkId', string>) =>
      `Cannot associate floating IP ${address} (${id}) with port ${portId} using fixed IP ${fixedIp}, as that fixed IP already has a floating IP on external network ${networkId}.`,
  },
} satisfies FaultTable

const securityGroups = {
  SecurityGroupNotFound: {
    ...notFound('SecurityGroupNotFound'),
    say: ({ id }: Named) => `Security group ${id} does not exist`,
  },
  SecurityGroupInUse: { ...conflict('SecurityGroupInUse'), say: ({ id }: Named) => `Security Group ${id} in use.` },
  SecurityGroupDefaultAlreadyExists: {
    ...conflict('SecurityGroupDefaultAlreadyExists'),
    say: () => 'Default security group already exists.',
  },
  SecurityGroupCannotRemoveDefault: {
    ...conflict('SecurityGroupCannotRemoveDefault'),
    say: () => 'Insufficient rights for removing default security group.',
  },
  SecurityGroupCannotUpdateDefault: {
    ...conflict('SecurityGroupCannotUpdateDefault'),
    say: () => 'Updating default security group not allowed.',
  },
  SecurityGroupRuleNotFound: {
    ...notFound('SecurityGroupRuleNotFound'),
    say: ({ id }: Named) => `Security group rule ${id} does not exist`,
  },
  SecurityGroupRuleExists: {
    ...conflict('SecurityGroupRuleExists'),
    say: ({ id }: Named) => `Security group rule already exists. Rule id is ${id}.`,
  },
  SecurityGroupInvalidPortRange: {
    ...bad('SecurityGroupInvalidPortRange'),
    say: () => 'For TCP/UDP protocols, port_range_min must be <= port_range_max',
  },
  SecurityGroupInvalidPortValue: {
    ...bad('SecurityGroupInvalidPortValue'),
    say: ({ port }: { port: number }) => `Invalid value for port ${port}`,
  },
  SecurityGroupInvalidIcmpValue: {
    ...bad('SecurityGroupInvalidIcmpValue'),
    say: ({ field, attr, value }: { field: string; attr: string; value: number }) =>
      `Invalid value for ICMP ${field} (${attr}) ${value}. It must be 0 to 255.`,
  },
  SecurityGroupMissingIcmpType: {
    ...bad('SecurityGroupMissingIcmpType'),
    say: ({ value }: { value: number }) =>
      `ICMP code (port-range-max) ${value} is provided but ICMP type (port-range-min) is missing.`,
  },
  SecurityGroupProtocolRequiredWithPorts: {
    ...bad('SecurityGroupProtocolRequiredWithPorts'),
    say: () => 'Must also specify protocol if port range is given.',
  },
  SecurityGroupMultipleRemoteEntites: {
    ...bad('SecurityGroupMultipleRemoteEntites'),
    say: () => 'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
  },
  SecurityGroupInvalidProtocolForPort: {
    ...bad('SecurityGroupInvalidProtocolForPort'),
    say: ({ protocol }: { protocol: string }) =>
      `Ports cannot be specified for protocol ${protocol}. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.`,
  },
  InvalidCIDR: {
    ...bad('InvalidCIDR'),
    say: ({ text }: { text: string }) => `Invalid CIDR ${text} given as IP prefix.`,
  },
  SecurityGroupRuleInvalidProtocol: {
    ...bad('SecurityGroupRuleInvalidProtocol'),
    say: ({ protocol, known }: { protocol: string; known: string[] }) =>
      `Security group rule protocol ${protocol} not supported. Only protocol values ${list(known)} and integer representations [0 to 255] are supported.`,
  },
  SecurityGroupRuleParameterConflict: {
    ...bad('SecurityGroupRuleParameterConflict'),
    say: ({ ethertype, cidr }: { ethertype: string; cidr: string }) =>
      `Conflicting value ethertype ${ethertype} for CIDR ${cidr}`,
  },
  SecurityGroupEthertypeConflictWithProtocol: {
    ...bad('SecurityGroupEthertypeConflictWithProtocol'),
    say: ({ ethertype, protocol }: { ethertype: string; protocol: string }) =>
      `Invalid ethertype ${ethertype} for protocol ${protocol}.`,
  },
} satisfies FaultTable

export const networkFaults = {
  ...general,
  ...networks,
  ...ports,
  ...routers,
  ...securityGroups,
} satisfies FaultTable

export const fault = faultsOf(networkFaults)
