// A router's address translation as nftables text for its own namespace, and what its devices shall look like.
import type { HostState } from '../../backend.ts'
import type { RouterPort, WiredRouter, WiredSubnet } from '../../protocol.ts'
import { METADATA_IPV4, prefixText, readPrefix } from './addresses.ts'
import { ownCidrs } from './dnsmasq-files.ts'
import type { RouteWish } from './ip-batch.ts'
import { gatewayDevice, routerDevice } from './names.ts'

const TABLE = 'inet kilonova'

export interface RouterDevice {
  port: RouterPort
  name: string
  mtu: number
  /** With prefix lengths. */
  cidrs: string[]
}

/** The subnets that a router's port has addresses in. */
function subnetsOf(port: RouterPort, state: HostState): WiredSubnet[] {
  const subnets = state.networks.get(port.networkId)?.network.subnets ?? []
  return subnets.filter(({ id }) => port.fixedIps.some(({ subnetId }) => subnetId === id))
}

export function routerDevices(router: WiredRouter, state: HostState): RouterDevice[] {
  const device = (port: RouterPort, name: string, more: string[] = []): RouterDevice => {
    const network = state.networks.get(port.networkId)!.network
    return { port, name, mtu: network.mtu, cidrs: [...ownCidrs(network, port.fixedIps), ...more] }
  }
  const floating = [...new Set(router.floatingIps.map(({ floatingIp }) => `${floatingIp}/32`))]
  const { gateway } = router
  return [
    ...router.interfaces.map((port) => device(port, routerDevice(port.portId))),
    ...(gateway ? [device(gateway, gatewayDevice(gateway.portId), floating)] : []),
  ]
}

/** The way out through each subnet of the gateway, and the router's own routes, which go before it. */
export function routerRoutes(router: WiredRouter, state: HostState): RouteWish[] {
  const { gateway } = router
  const out = gateway
    ? subnetsOf(gateway, state).flatMap(({ gatewayIp }) =>
        gatewayIp === null ? [] : [{ destination: 'default', via: gatewayIp, device: gatewayDevice(gateway.portId) }],
      )
    : []
  const extra = router.routes
    .filter(({ nexthop }) => readPrefix(nexthop))
    .flatMap(({ destination, nexthop }) => {
      const prefix = readPrefix(destination)
      return prefix ? [{ destination: prefix.length === 0 ? 'default' : prefixText(prefix), via: nexthop }] : []
    })
  const byDestination = [...out, ...extra].map(
    (route) => [`${route.via.includes(':')} ${route.destination}`, route] as const,
  )
  return [...new Map(byDestination).values()]
}

/** Floating addresses both ways, then everyone else behind the gateway's address. One transaction, in place of all. */
export function routerRules(router: WiredRouter): string {
  const { gateway } = router
  const out = gateway ? `"${gatewayDevice(gateway.portId)}"` : undefined
  const shared = gateway?.fixedIps
    .map(({ ipAddress }) => ipAddress)
    .find((address) => readPrefix(address)?.version === 4)
  const floating = router.floatingIps.filter(
    ({ floatingIp, fixedIp }) => readPrefix(floatingIp)?.version === 4 && readPrefix(fixedIp)?.version === 4,
  )
  const dnat = unique(floating.map(({ floatingIp, fixedIp }) => [floatingIp, fixedIp]))
  const snat = unique(floating.map(({ floatingIp, fixedIp }) => [fixedIp, floatingIp]))
  const toFixed = dnat === '' ? [] : [`dnat ip to ip daddr map { ${dnat} }`]
  return `${[
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `add table ${TABLE}`,
    `add chain ${TABLE} input { type filter hook input priority 0; policy accept; }`,
    // The RA process would answer DHCPv6 as well; the network's own server does that.
    `add rule ${TABLE} input udp dport 547 drop`,
    `add chain ${TABLE} prerouting { type nat hook prerouting priority -100; policy accept; }`,
    ...toFixed.map((rule) => `add rule ${TABLE} prerouting ${rule}`),
    `add chain ${TABLE} output { type nat hook output priority -100; policy accept; }`,
    ...toFixed.map((rule) => `add rule ${TABLE} output ${rule}`),
    `add chain ${TABLE} postrouting { type nat hook postrouting priority 100; policy accept; }`,
    ...postrouting({ out, snat, shared: gateway?.enableSnat ? shared : undefined, hairpin: shared }).map(
      (rule) => `add rule ${TABLE} postrouting ${rule}`,
    ),
  ].join('\n')}\n`
}

function postrouting(parts: { out?: string; snat: string; shared?: string; hairpin?: string }): string[] {
  const { out, snat, shared, hairpin } = parts
  if (out === undefined) return []
  return [
    `iifname != ${out} oifname != ${out} ct status & dnat == 0 accept`,
    ...(snat === '' ? [] : [`iifname != ${out} snat ip to ip saddr map { ${snat} }`]),
    ...(shared ? [`oifname ${out} iifname != ${out} meta nfproto ipv4 snat ip to ${shared}`] : []),
    // From inside to a floating address: the answer has to come back through here.
    ...(hairpin ? [`iifname != ${out} oifname != ${out} meta nfproto ipv4 snat ip to ${hairpin}`] : []),
  ]
}

function unique(pairs: string[][]): string {
  return [...new Map(pairs.map(([key, value]) => [key!, value!]))].map(([key, value]) => `${key} : ${value}`).join(', ')
}

function advertisedRange({ cidr, ipVersion, ipv6RaMode }: WiredSubnet): string[] {
  const prefix = readPrefix(cidr)
  if (ipVersion !== 6 || ipv6RaMode === null || prefix?.length !== 64) return []
  const mode = { slaac: 'ra-only', 'dhcpv6-stateless': 'ra-stateless', 'dhcpv6-stateful': 'static' }[ipv6RaMode]
  return [`dhcp-range=${prefix.address},${mode},64`]
}

/** The settings of dnsmasq for router advertisements; undefined when no subnet here wants them. */
export function advertisementConf(
  router: WiredRouter,
  state: HostState,
  settings: { directory: string; user: string },
): string | undefined {
  const lines = router.interfaces.flatMap((port) => {
    const ranges = subnetsOf(port, state).flatMap(advertisedRange)
    if (ranges.length === 0) return []
    const device = routerDevice(port.portId)
    const mtu = state.networks.get(port.networkId)?.network.mtu ?? 1500
    return [`interface=${device}`, ...ranges, `ra-param=${device},mtu:${mtu},high,60,1800`]
  })
  if (lines.length === 0) return undefined
  const { directory, user } = settings
  const start = [
    `user=${user}`,
    'port=0',
    'bind-dynamic',
    'except-interface=lo',
    `pid-file=${directory}/pid`,
    `dhcp-leasefile=${directory}/leases`,
    `log-facility=${directory}/log`,
    'quiet-dhcp6',
    'quiet-ra',
    'enable-ra',
  ]
  return `${[...start, ...lines].join('\n')}\n`
}

/** The address that makes the router itself the metadata service. */
export const ROUTER_METADATA_CIDR = `${METADATA_IPV4}/32`
