// The namespace of a network that has DHCP: dnsmasq and the metadata address in it, one leg in the bridge.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { log } from '@kilonova/base/log'
import ipaddr from 'ipaddr.js'
import type { HostState } from '../../backend.ts'
import { Coalescer } from '../../keyed-lock.ts'
import type { WiredNetwork, WiredPort } from '../../protocol.ts'
import { METADATA_IPV4, METADATA_IPV6 } from './addresses.ts'
import type { BridgeHost } from './bridge-host.ts'
import { type Lease, readLeases, releaseMessage, releaseMessage6 } from './dhcp-release.ts'
import { ensureDnsmasq, removeDnsmasq } from './dnsmasq.ts'
import { dnsmasqFiles, ownCidrs, prunedLeases } from './dnsmasq-files.ts'
import { addressLines, ipBatch, ipBatchEach, routeLines, vethLines } from './ip-batch.ts'
import { readLink } from './links.ts'
import { bridgeName, deviceAlias, dhcpBridgeEnd, dhcpDevice, dhcpNamespace } from './names.ts'
import { devicesIn, ensureNamespace, removeNamespace, routesIn } from './namespaces.ts'

const SYSCTLS = {
  'net.ipv4.ip_forward': '0',
  'net.ipv4.conf.default.arp_notify': '1',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.default.accept_dad': '0',
}

const METADATA_CIDRS = [`${METADATA_IPV4}/32`, `${METADATA_IPV6}/64`]

export async function ensureDhcp(host: BridgeHost, network: WiredNetwork, state: HostState): Promise<void> {
  if (!network.dhcp) return removeDhcp(host, network.id)
  const namespace = dhcpNamespace(network.id)
  const device = dhcpDevice(network.dhcp.portId)
  const alias = deviceAlias(host.cloudTag, 'network', network.id)
  await ensureNamespace(namespace, alias, SYSCTLS)
  const end = dhcpBridgeEnd(network.id)
  const seen = await readLink(end)
  host.refuseForeign(seen)
  const peer = { name: device, namespace, mac: network.dhcp.macAddress }
  const wish = { name: end, alias, mtu: network.mtu, up: true, master: bridgeName(network.id), peer }
  await ipBatch(vethLines(wish, seen, (await devicesIn(namespace)).has(device)))
  await ensureInside(network, namespace, device)
  await Promise.all([
    updateReservations(host, network.id, state),
    host.listeners.ensure({
      namespace,
      listen: [
        { address: METADATA_IPV4, port: 80 },
        { address: `${METADATA_IPV6}%${device}`, port: 80 },
      ],
      dhcpDevice: device,
      onConnection: host.metadataFor({ networkId: network.id }),
    }),
  ])
}

async function ensureInside(network: WiredNetwork, namespace: string, device: string): Promise<void> {
  const { macAddress, fixedIps } = network.dhcp!
  const seen = (await devicesIn(namespace)).get(device)
  const wanted = [...ownCidrs(network, fixedIps), ...METADATA_CIDRS]
  const there = new Set(seen?.addresses.map(({ cidr }) => cidr))
  const metadataIpv6 = METADATA_CIDRS[1]!
  await ipBatch(
    [
      ...(seen?.mac === macAddress ? [] : [`link set dev ${device} address ${macAddress}`]),
      ...(seen?.mtu === network.mtu ? [] : [`link set dev ${device} mtu ${network.mtu}`]),
      ...addressLines(
        device,
        wanted.filter((cidr) => cidr !== metadataIpv6 || !there.has(cidr)),
        seen?.addresses ?? [],
      ),
      ...(seen?.up ? [] : [`link set dev ${device} up`]),
    ],
    namespace,
  )
  // For dnsmasq's own questions to the name servers it was given.
  const routes = network.subnets
    .filter((subnet) => subnet.gatewayIp !== null && fixedIps.some(({ subnetId }) => subnetId === subnet.id))
    .filter(({ gatewayIp }) => !fixedIps.some(({ ipAddress }) => ipAddress === gatewayIp))
    .map(({ gatewayIp }) => ({ destination: 'default', via: gatewayIp!, device }))
  const oneEach = routes.filter(
    ({ via }, index) => routes.findIndex((other) => other.via.includes(':') === via.includes(':')) === index,
  )
  await ipBatchEach(routeLines(oneEach, await routesIn(namespace)), namespace)
}

/** Writes the network's reservations, lets dnsmasq read them, and ends the leases that no port holds any more. */
export async function updateReservations(host: BridgeHost, networkId: string, state: HostState): Promise<void> {
  const existing = host.reservations.get(networkId)
  const coalescer = existing ?? new Coalescer(() => writeReservations(host, networkId, state))
  if (!existing) host.reservations.set(networkId, coalescer)
  await coalescer.request()
}

async function writeReservations(host: BridgeHost, networkId: string, state: HostState): Promise<void> {
  const network = state.networks.get(networkId)?.network
  if (!network) return
  const directory = host.dhcpDirectory(networkId)
  const ports = [...state.ports.values()].map(({ port }) => port).filter((port) => port.networkId === networkId)
  const { dnsDomain, dnsServers } = host.options
  const files = dnsmasqFiles(network, ports, { directory, user: host.dnsmasqUser, dnsDomain, dnsServers })
  if (!files) return removeDnsmasq(directory, host.clock)
  const pruneLeases = (leases: string) => prunedLeases(leases, ports)
  await ensureDnsmasq({ directory, namespace: dhcpNamespace(networkId), files, pruneLeases }, host.clock)
  await releaseStale(host, network, ports)
}

async function releaseStale(host: BridgeHost, network: WiredNetwork, ports: readonly WiredPort[]): Promise<void> {
  const content = await readFile(join(host.dhcpDirectory(network.id), 'leases'), 'utf8').catch(() => '')
  const kept = new Set(prunedLeases(content, ports).split('\n'))
  const stale = readLeases(
    content
      .split('\n')
      .filter((line) => line.startsWith('duid ') || !kept.has(line))
      .join('\n'),
  )
  for (const lease of stale.leases) await release(host, network, lease, stale.serverId)
}

/** A lost message is sent again at the next change; a restart of dnsmasq forgets the lease in any case. */
async function release(host: BridgeHost, network: WiredNetwork, lease: Lease, serverId?: string): Promise<void> {
  const version = lease.address.includes(':') ? 6 : 4
  const socket = host.listeners.datagram(dhcpNamespace(network.id), version)
  const server = network.dhcp?.fixedIps.find(({ ipAddress }) => !ipAddress.includes(':'))?.ipAddress
  const transaction = host.options.random.bytes(4)
  const message =
    version === 6
      ? serverId &&
        releaseMessage6(lease, serverId, Buffer.from(ipaddr.parse(lease.address).toByteArray()), transaction)
      : server && releaseMessage(lease, server, transaction)
  if (!socket || !message) return
  const [port, address] = version === 6 ? [547, 'ff02::1:2'] : [67, server!]
  await new Promise<void>((resolve) => {
    socket.send(message, port, address, (error) => {
      if (error) log('network.agent').warn({ error, lease }, 'a lease could not be released')
      resolve()
    })
  })
}

export async function removeDhcp(host: BridgeHost, networkId: string): Promise<void> {
  const namespace = dhcpNamespace(networkId)
  host.reservations.delete(networkId)
  await removeDnsmasq(host.dhcpDirectory(networkId), host.clock)
  host.listeners.remove(namespace)
  await removeNamespace(namespace)
  // The kernel removes it with the namespace, but later.
  await host.removeLink(dhcpBridgeEnd(networkId))
}
