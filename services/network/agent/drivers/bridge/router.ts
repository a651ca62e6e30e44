// Routers: a namespace each, with legs into the networks' bridges.
import type { HostState, RouterRecord } from '../../backend.ts'
import { fault } from '../../faults.ts'
import type { BridgeHost } from './bridge-host.ts'
import { ensureDnsmasq, removeDnsmasq } from './dnsmasq.ts'
import { addressLines, ipBatch, ipBatchEach, routeLines, vethLines } from './ip-batch.ts'
import { readLink } from './links.ts'
import { bridgeName, deviceAlias, routerBridgeEnd, routerNamespace } from './names.ts'
import { type DeviceSeen, devicesIn, ensureNamespace, removeNamespace, routesIn } from './namespaces.ts'
import { nft } from './nft-runner.ts'
import { endStaleFlows } from './router-flows.ts'
import {
  advertisementConf,
  ROUTER_METADATA_CIDR,
  type RouterDevice,
  routerDevices,
  routerRoutes,
  routerRules,
} from './router-rules.ts'

const SYSCTLS = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.send_redirects': '0',
  // An address that is set or moved is announced to the neighbours.
  'net.ipv4.conf.default.arp_notify': '1',
  'net.ipv4.conf.default.send_redirects': '0',
  'net.ipv6.conf.all.forwarding': '1',
  'net.ipv6.conf.default.accept_ra': '0',
  'net.ipv6.conf.default.accept_dad': '0',
}

export async function ensureRouter(host: BridgeHost, record: RouterRecord, state: HostState): Promise<void> {
  const { router } = record
  const namespace = routerNamespace(router.id)
  for (const { networkId } of [...router.interfaces, ...(router.gateway ? [router.gateway] : [])])
    if (!state.networks.has(networkId)) throw fault('NetworkNotWired', { id: networkId, by: `router ${router.id}` })
  const alias = deviceAlias(host.cloudTag, 'router', router.id)
  await ensureNamespace(namespace, alias, SYSCTLS)
  // Before the first packet can leave with an inner address.
  await nft(routerRules(router), namespace)
  const wanted = routerDevices(router, state)
  const seen = await devicesIn(namespace)
  await removeSurplus(wanted, seen, namespace)
  for (const device of wanted) await ensureLeg(host, router.id, device, seen.has(device.name))
  await ipBatch(insideLines(wanted, await devicesIn(namespace)), namespace)
  await ipBatchEach(routeLines(routerRoutes(router, state), await routesIn(namespace)), namespace)
  await endStaleFlows(router)
  await host.listeners.ensure({
    namespace,
    listen: [{ address: ROUTER_METADATA_CIDR.split('/')[0]!, port: 80 }],
    dhcpDevice: null,
    onConnection: host.metadataFor({ routerId: router.id }),
  })
  await ensureAdvertisements(host, record, state)
}

async function ensureLeg(host: BridgeHost, routerId: string, device: RouterDevice, there: boolean): Promise<void> {
  const { port, name, mtu } = device
  const end = routerBridgeEnd(port.portId)
  const wish = {
    name: end,
    mtu,
    alias: deviceAlias(host.cloudTag, 'router', routerId),
    up: true,
    master: bridgeName(port.networkId),
    peer: { name, namespace: routerNamespace(routerId), mac: port.macAddress },
  }
  const seen = await readLink(end)
  host.refuseForeign(seen)
  await ipBatch(vethLines(wish, seen, there))
}

function insideLines(wanted: RouterDevice[], seen: Map<string, DeviceSeen>): string[] {
  const lo = seen.get('lo')
  const lines = [
    ...(lo?.addresses.some(({ cidr }) => cidr === ROUTER_METADATA_CIDR)
      ? []
      : [`address add ${ROUTER_METADATA_CIDR} dev lo`]),
  ]
  for (const { name, mtu, cidrs, port } of wanted) {
    const device = seen.get(name)
    const addresses = addressLines(name, cidrs, device?.addresses ?? [])
    const announced = addresses.some((line) => line.startsWith('address add'))
    lines.push(
      ...(device?.mtu === mtu ? [] : [`link set dev ${name} mtu ${mtu}`]),
      ...addresses,
      // Setting the MAC, even to what it is, makes the kernel announce all addresses (arp_notify).
      ...(device?.up && (announced || device.mac !== port.macAddress)
        ? [`link set dev ${name} address ${port.macAddress}`]
        : []),
      ...(device?.up ? [] : [`link set dev ${name} up`]),
    )
  }
  return lines
}

async function removeSurplus(wanted: RouterDevice[], seen: Map<string, DeviceSeen>, namespace: string): Promise<void> {
  const names = new Set(wanted.map(({ name }) => name))
  const surplus = [...seen.keys()].filter((name) => /^q[rg]-/.test(name) && !names.has(name))
  await ipBatch(
    surplus.map((name) => `link del dev ${name}`),
    namespace,
  )
}

async function ensureAdvertisements(host: BridgeHost, { router }: RouterRecord, state: HostState): Promise<void> {
  const directory = host.raDirectory(router.id)
  const conf = advertisementConf(router, state, { directory, user: host.dnsmasqUser })
  if (conf === undefined) return removeDnsmasq(directory, host.clock)
  const files = { conf, hosts: '', opts: '', addnHosts: '' }
  const namespace = routerNamespace(router.id)
  await ensureDnsmasq({ directory, namespace, files, pruneLeases: (leases) => leases }, host.clock)
}

export async function removeRouter(host: BridgeHost, routerId: string, portIds: string[]): Promise<void> {
  const namespace = routerNamespace(routerId)
  await removeDnsmasq(host.raDirectory(routerId), host.clock)
  host.listeners.remove(namespace)
  await removeNamespace(namespace)
  // The kernel removes them with the namespace, but later.
  for (const portId of portIds) await host.removeLink(routerBridgeEnd(portId))
}
