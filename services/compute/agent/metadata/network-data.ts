// network_data.json: links, networks and DNS services of a guest's ports.
import type { GuestSubnet, GuestVif } from '../guest-spec.ts'
import { netmask, networkAddress } from './addresses.ts'

export interface NetworkData {
  links: {
    id: string
    vif_id: string
    type: string
    mtu: number | null
    ethernet_mac_address: string
  }[]
  networks: NetworkDataNetwork[]
  services: DnsService[]
}

interface DnsService {
  type: 'dns'
  address: string
}

interface NetworkDataNetwork {
  id: string
  type: string
  link: string
  network_id: string
  ip_address?: string
  netmask?: string
  routes?: { network: string; netmask: string; gateway: string }[]
  services?: DnsService[]
}

/** vif_types that are shown as they are; all others are `phy`. */
const SHOWN_TYPES = ['bridge', 'dvs', 'hw_veb', 'hyperv', 'ovs', 'tap', 'vhostuser', 'vif']

/** `{}` for a guest without ports. Of each port only the first IPv4 and the first IPv6 subnet are told. */
export function networkData(vifs: readonly GuestVif[]): NetworkData | Record<string, never> {
  if (vifs.length === 0) return {}
  const data: NetworkData = { links: [], networks: [], services: [] }
  for (const vif of vifs.filter((candidate) => candidate.network.subnets.length > 0)) {
    const link = vif.tap || `interface${data.links.length}`
    data.links.push({
      id: link,
      vif_id: vif.portId,
      type: SHOWN_TYPES.includes(vif.type) ? vif.type : 'phy',
      mtu: vif.network.subnets.some((subnet) => subnet.dhcpServer) ? null : vif.mtu,
      ethernet_mac_address: vif.mac,
    })
    for (const version of [4, 6] as const) {
      const subnet = vif.network.subnets.find((candidate) => candidate.version === version)
      if (!subnet || subnet.ips.length === 0) continue
      data.networks.push({ ...oneNetwork(subnet, data.networks.length, link), network_id: vif.network.id })
      const known = new Set(data.services.map(({ address }) => address))
      data.services.push(...dnsServices(subnet).filter(({ address }) => !known.has(address)))
    }
  }
  return data
}

function oneNetwork(subnet: GuestSubnet, index: number, link: string): Omit<NetworkDataNetwork, 'network_id'> {
  const { version, ipv6AddressMode } = subnet
  const id = `network${index}`
  if (ipv6AddressMode === null && subnet.dhcpServer) return { id, type: `ipv${version}_dhcp`, link }
  return {
    id,
    type: ipv6AddressMode === null ? `ipv${version}` : `ipv6_${ipv6AddressMode}`,
    link,
    ip_address: subnet.ips[0]!.address,
    netmask: netmask(subnet.cidr, version),
    routes: [...defaultRoute(subnet), ...hostRoutes(subnet)],
    services: dnsServices(subnet),
  }
}

function defaultRoute({ version, gateway }: GuestSubnet): NonNullable<NetworkDataNetwork['routes']> {
  if (!gateway) return []
  const any = version === 4 ? '0.0.0.0' : '::'
  return [{ network: any, netmask: any, gateway }]
}

function hostRoutes({ version, routes }: GuestSubnet): NonNullable<NetworkDataNetwork['routes']> {
  return routes.map(({ cidr, gateway }) => ({
    network: networkAddress(cidr, version),
    netmask: netmask(cidr, version),
    gateway,
  }))
}

function dnsServices({ dns }: GuestSubnet): DnsService[] {
  return dns.map((address) => ({ type: 'dns', address }))
}
