// Networks: a bridge each, the DHCP namespace beside it, and the host's own leg where the network is external.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import type { HostState, NetworkRecord } from '../../backend.ts'
import type { BridgeHost } from './bridge-host.ts'
import { ensureDhcp, removeDhcp } from './dhcp.ts'
import { addressLines, bridgeLines, ipBatch, vethLines } from './ip-batch.ts'
import { readLink } from './links.ts'
import { bridgeName, deviceAlias, externalBridgeEnd, externalDevice } from './names.ts'
import { devicesIn } from './namespaces.ts'

export async function ensureNetwork(host: BridgeHost, record: NetworkRecord, state: HostState): Promise<void> {
  // Zone and guards first: they name the bridge, it need not exist yet.
  await host.filter(host.tables.network(record), state)
  await ensureBridge(host, record)
  await ensureExternal(host, record)
  await ensureDhcp(host, record.network, state)
}

export async function ensureBridge(host: BridgeHost, { network }: NetworkRecord): Promise<void> {
  const name = bridgeName(network.id)
  const seen = await readLink(name)
  host.refuseForeign(seen)
  const alias = deviceAlias(host.cloudTag, 'network', network.id)
  await ipBatch(bridgeLines({ name, alias, mtu: network.mtu, up: true }, seen))
}

/**
 * The gateway address is not on the bridge but on a veth into it: so what the host routes enters by a port like any
 * other packet and passes the security groups.
 */
async function ensureExternal(host: BridgeHost, { network, gatewayCidrs }: NetworkRecord): Promise<void> {
  const near = externalDevice(network.id)
  const far = externalBridgeEnd(network.id)
  if (gatewayCidrs.length === 0) {
    await host.removeLink(near)
    return
  }
  const alias = deviceAlias(host.cloudTag, 'network', network.id)
  const seen = await readLink(far)
  host.refuseForeign(seen)
  const wish = { name: far, alias, mtu: network.mtu, up: true, master: bridgeName(network.id), peer: { name: near } }
  await ipBatch(vethLines(wish, seen, (await readLink(near)) !== undefined))
  const device = (await devicesIn()).get(near)
  await ipBatch([
    ...((await readLink(near))?.alias === alias ? [] : [`link set dev ${near} alias ${alias}`]),
    ...(device?.mtu === network.mtu ? [] : [`link set dev ${near} mtu ${network.mtu}`]),
    ...addressLines(near, gatewayCidrs, device?.addresses ?? []),
    ...(device?.up ? [] : [`link set dev ${near} up`]),
  ])
  if (gatewayCidrs.some((cidr) => !cidr.includes(':'))) await writeFile('/proc/sys/net/ipv4/ip_forward', '1')
  if (gatewayCidrs.some((cidr) => cidr.includes(':'))) await forwardIpv6()
}

const IPV6 = '/proc/sys/net/ipv6/conf'

/** A host that forwards no longer listens to router advertisements, unless told to (2): its own way out shall stay. */
async function forwardIpv6(): Promise<void> {
  if ((await readFile(`${IPV6}/all/forwarding`, 'utf8')).trim() === '1') return
  for (const device of await readdir(IPV6)) {
    const path = `${IPV6}/${device}/accept_ra`
    const listens = (await readFile(path, 'utf8').catch(() => '')).trim() === '1'
    if (listens) await writeFile(path, '2')
  }
  await writeFile(`${IPV6}/all/forwarding`, '1')
}

export async function removeNetwork(host: BridgeHost, record: NetworkRecord, state: HostState): Promise<void> {
  const { id } = record.network
  await removeDhcp(host, id)
  await host.removeLink(externalDevice(id))
  await host.removeLink(externalBridgeEnd(id))
  await host.removeLink(bridgeName(id))
  const networks = new Map([...state.networks].filter(([other]) => other !== id))
  await host.filter(host.tables.networkGone(record), { ...copyOf(state), networks })
}

/** A state that can be changed without the agent's being changed. */
export function copyOf(state: HostState): HostState {
  const { networks, ports, groups, routers } = state
  return { networks, ports, groups, routers }
}
