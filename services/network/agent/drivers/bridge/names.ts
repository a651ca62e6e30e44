// What things are called on the host. Device names have at most 15 characters.

/** Neutron's length: a prefix of three and this much of the id. */
const short = (id: string): string => id.slice(0, 11)

export const bridgeName = (networkId: string): string => `brq${short(networkId)}`
export const tapName = (portId: string): string => `tap${short(portId)}`
/** The far end of a port's device when it is a veth: what a namespace takes in place of a guest. */
export const guestEndName = (portId: string): string => `gst${short(portId)}`

export const dhcpNamespace = (networkId: string): string => `kn-dhcp-${networkId}`
export const routerNamespace = (routerId: string): string => `kn-router-${routerId}`

/** The DHCP server's device inside its namespace, and its end on the bridge. */
export const dhcpDevice = (dhcpPortId: string): string => `ns-${short(dhcpPortId)}`
export const dhcpBridgeEnd = (networkId: string): string => `knd${short(networkId)}`

export const routerDevice = (portId: string): string => `qr-${short(portId)}`
export const gatewayDevice = (portId: string): string => `qg-${short(portId)}`
export const routerBridgeEnd = (portId: string): string => `knr${short(portId)}`

/** The host's leg in an external network: the end that holds the gateway's address, and the one on the bridge. */
export const externalDevice = (networkId: string): string => `kng${short(networkId)}`
export const externalBridgeEnd = (networkId: string): string => `knx${short(networkId)}`

export type OwnerKind = 'network' | 'port' | 'router'

/** The label on each device: whose it is. It tells clouds on one host apart even when records are lost. */
export const deviceAlias = (cloudTag: string, kind: OwnerKind, id: string): string =>
  `kilonova:${cloudTag}:${kind}:${id}`

/** The owner that a label names, or undefined when it is not this cloud's. */
export function readAlias(cloudTag: string, alias: string): { kind: OwnerKind; id: string } | undefined {
  const [product, tag, kind, id] = alias.split(':')
  if (product !== 'kilonova' || tag !== cloudTag || !id) return undefined
  return { kind: kind as OwnerKind, id }
}

/** The nftables tables of this cloud (families bridge and inet). */
export const tableName = (cloudTag: string): string => `kn_${cloudTag}`
