// All that a host shall have, and what it needs to plug one port.
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { ExternalNetwork, WantedState, WiredNetwork, WiredRouter } from '../agent/protocol.ts'
import { fault } from '../faults.ts'
import type { PortDetails } from '../host-protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { networkHostOf } from '../ports/binding.ts'
import { findPort, groupsOf, portsWhere } from '../ports/rows.ts'
import type { PortRow } from '../schema/tables.ts'
import { gatewayCidrsOf, wiredNetworks, wiredRouters } from './wired-networks.ts'
import { isWired, wiredGroups, wiredPorts } from './wired-ports.ts'

/** The generation is read first: what is read after it is no older. */
export async function wantedState(network: Network, host: string): Promise<WantedState> {
  const generation = await network.changes.generation()
  const isNetworkHost = (await networkHostOf(network)) === host
  const routers = isNetworkHost ? await allRouters(network) : []
  const ports = await portsFor(network, host, isNetworkHost)
  const bound = ports.filter((port) => port.host === host)
  const withDhcp = isNetworkHost ? await networksWithDhcp(network) : []
  const needed = [...bound.map(({ network_id }) => network_id), ...withDhcp, ...routers.flatMap(networksOfRouter)]
  const networks = await wiredNetworks(network, needed)
  const groups = await groupsOf(
    network,
    bound.map(({ id }) => id),
  )
  return {
    generation,
    networks,
    ports: await wiredPorts(network, host, ports),
    securityGroups: await wiredGroups(network, [...new Set([...groups.values()].flat())]),
    routers,
    external: externalOf(networks, routers),
  }
}

async function allRouters(network: Network): Promise<WiredRouter[]> {
  const rows = await tables(network).selectFrom('network_routers').select('id').execute()
  return wiredRouters(
    network,
    rows.map(({ id }) => id),
  )
}

async function networksWithDhcp(network: Network): Promise<string[]> {
  const query = tables(network).selectFrom('network_ports').select('network_id').distinct()
  const rows = await query.where('device_owner', '=', 'network:dhcp').execute()
  return rows.map(({ network_id }) => network_id)
}

/** Those bound to the host; on the host of DHCP also those whose addresses it hands out. */
async function portsFor(network: Network, host: string, isNetworkHost: boolean): Promise<PortRow[]> {
  const served = sql<SqlBool>`network_id in (
    select d.network_id from network_ports d where d.device_owner = 'network:dhcp')`
  const here = sql<SqlBool>`host = ${host}`
  const rows = await portsWhere(network, isNetworkHost ? sql<SqlBool>`(${here} or ${served})` : here)
  return rows.filter(isWired)
}

export function networksOfRouter({ interfaces, gateway }: WiredRouter): string[] {
  return [...interfaces, ...(gateway ? [gateway] : [])].map(({ networkId }) => networkId)
}

/** External networks on which a router has its gateway: this host is the next hop there. */
export function externalOf(networks: readonly WiredNetwork[], routers: readonly WiredRouter[]): ExternalNetwork[] {
  const used = new Set(routers.flatMap(({ gateway }) => gateway?.networkId ?? []))
  return networks.flatMap((wired) => {
    const gatewayCidrs = used.has(wired.id) ? gatewayCidrsOf(wired) : []
    return gatewayCidrs.length === 0 ? [] : [{ id: wired.id, gatewayCidrs }]
  })
}

/** Throws PortNotFound for a port that is not bound to the host. */
export async function portDetails(
  network: Network,
  { portId, host }: { portId: string; host: string },
): Promise<PortDetails> {
  const generation = await network.changes.generation()
  const row = await findPort(network, portId)
  if (!row || row.host !== host || !isWired(row)) throw fault('PortNotFound', { id: portId })
  const [port] = await wiredPorts(network, host, [row])
  const [wired] = await wiredNetworks(network, [row.network_id])
  return {
    generation,
    port: port!,
    network: wired!,
    securityGroups: await wiredGroups(network, port!.securityGroupIds),
  }
}
