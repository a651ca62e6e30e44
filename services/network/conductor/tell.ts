// After a commit: what changed, told to the hosts that it concerns. Whatever is lost on the way, hosts find by themselves.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { NetworkChange, WiredNetwork, WiredRouter, WiredSecurityGroup } from '../agent/protocol.ts'
import type { Touched } from '../changes.ts'
import type { HostMethods } from '../host-protocol.ts'
import { networkTopic } from '../host-protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { networkHostOf } from '../ports/binding.ts'
import { portsById } from '../ports/rows.ts'
import type { PortRow } from '../schema/tables.ts'
import { chunks } from '../tags.ts'
import { externalOf, networksOfRouter } from './wanted.ts'
import { wiredNetworks, wiredRouters } from './wired-networks.ts'
import { groupsOnHost, isWired, wiredGroups, wiredPorts } from './wired-ports.ts'

/** Tells all that was committed while it told what was before, so that hosts hear of it together and in order. */
export class Teller {
  readonly #network: Network
  #telling: Promise<void> | undefined

  constructor(network: Network) {
    this.#network = network
  }

  /** Something was committed. */
  wake(): void {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined
    })
  }

  /** Resolves when everything until now was sent. */
  async settled(): Promise<void> {
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    await Promise.resolve() // the commits of one moment are told together
    while (this.#network.changes.isWaiting) {
      await this.#tell().catch((error) => {
        log('network').warn({ error }, `hosts were not told, they will find out: ${errorChain(error)}`)
      })
    }
  }

  /**
   * What was committed while the changes were put together is told with them: else a host would be told to drop
   * what a port that has just gone, which it does not know yet, still needs.
   */
  async #tell(): Promise<void> {
    const { changes } = this.#network
    let touched = changes.take()
    let told = await this.#changes(touched)
    for (let turn = 0; turn < MOST_TURNS && changes.isWaiting; turn++) {
      touched = changes.take(touched)
      told = await this.#changes(touched)
    }
    await Promise.all(told.map(({ host, changes }) => this.#cast(host, changes)))
  }

  async #changes(touched: Touched): Promise<{ host: string; changes: NetworkChange[] }[]> {
    const hosts = await hostsFor(this.#network, touched)
    return Promise.all(hosts.map(async (host) => ({ host, changes: await changesFor(this.#network, host, touched) })))
  }

  async #cast(host: string, changes: NetworkChange[]): Promise<void> {
    if (changes.length === 0) return
    await this.#network.bus.cast<HostMethods, 'apply'>(networkTopic(host), 'apply', { changes })
  }
}

/** Under steady load something is always waiting; hosts shall hear of the rest meanwhile. */
const MOST_TURNS = 5

/** Hosts that have or had something of what changed. */
async function hostsFor(network: Network, touched: Touched): Promise<string[]> {
  const hosts = new Set<string>()
  const networkHost = await networkHostOf(network)
  if (networkHost !== null) hosts.add(networkHost)
  for (const { host } of touched.left) if (host !== null) hosts.add(host)
  const add = async (where: (ids: string[]) => ReturnType<typeof sql<SqlBool>>, ids: Iterable<string>) => {
    for (const some of chunks([...ids])) {
      const query = tables(network).selectFrom('network_ports').select('host').distinct().where('host', 'is not', null)
      for (const { host } of await query.where(where(some)).execute()) hosts.add(host!)
    }
  }
  await add((ids) => sql`id in (${sql.join(ids)})`, touched.ports)
  await add((ids) => sql`network_id in (${sql.join(ids)})`, touched.networks)
  await add(
    (ids) => sql`id in (select m.port_id from network_port_security_groups m
      where m.security_group_id in (${sql.join(ids)}) or m.security_group_id in (
        select r.security_group_id from network_security_group_rules r where r.remote_group_id in (${sql.join(ids)})))`,
    touched.securityGroups,
  )
  return [...hosts]
}

/** What of the changes this host shall make, in the order in which it can. */
export async function changesFor(network: Network, host: string, touched: Touched): Promise<NetworkChange[]> {
  const generation = await network.changes.generation()
  const isNetworkHost = (await networkHostOf(network)) === host
  const left = touched.left.filter((one) => one.host === host)
  const routers = isNetworkHost ? await wiredRouters(network, [...touched.routers]) : []
  const ports = await portChanges(network, host, { touched, isNetworkHost, isLeft: left.length > 0 })
  const groups = await groupChanges(network, host, {
    touched: [...touched.securityGroups, ...ports.groups],
    left: left.flatMap(({ securityGroupIds }) => securityGroupIds),
  })
  const networks = await networkChanges(network, host, {
    needed: [...ports.networks, ...routers.flatMap(networksOfRouter)],
    touched: [...touched.networks],
    left: left.map(({ networkId }) => networkId),
    isNetworkHost,
  })
  const known = new Set(routers.map(({ id }) => id))
  const goneRouters = isNetworkHost ? [...touched.routers].filter((id) => !known.has(id)) : []
  const changes = [
    ...networks.made,
    ...(groups.made.length > 0 ? [{ kind: 'security-groups' as const, securityGroups: groups.made }] : []),
    ...ports.made.map((port) => ({ kind: 'port' as const, port })),
    ...routers.map((router: WiredRouter) => ({ kind: 'router' as const, router })),
    ...goneRouters.map((id) => ({ kind: 'router-gone' as const, id })),
    ...ports.gone.map((id) => ({ kind: 'port-gone' as const, id })),
    ...groups.gone.map((id) => ({ kind: 'security-group-gone' as const, id })),
    ...networks.gone.map((id) => ({ kind: 'network-gone' as const, id })),
  ]
  return changes.map((change) => ({ generation, ...change }))
}

interface PortsAsked {
  touched: Touched
  isNetworkHost: boolean
  /** Something went away from here. */
  isLeft: boolean
}

async function portChanges(network: Network, host: string, { touched, isNetworkHost, isLeft }: PortsAsked) {
  const rows = (await portsById(network, [...touched.ports])).filter(isWired)
  const served = isNetworkHost ? await servedNetworks(network, rows) : new Set<string>()
  const here = rows.filter((row) => row.host === host || served.has(row.network_id))
  const known = new Set(here.map(({ id }) => id))
  const made = await wiredPorts(network, host, here)
  const gone = isLeft || isNetworkHost ? [...touched.ports].filter((id) => !known.has(id)) : []
  return {
    made,
    gone,
    networks: here.map(({ network_id }) => network_id),
    groups: made.filter(({ bound }) => bound).flatMap(({ securityGroupIds }) => securityGroupIds),
  }
}

/** Of the ports' networks those with a DHCP server. */
async function servedNetworks(network: Network, rows: readonly PortRow[]): Promise<Set<string>> {
  const served = new Set<string>()
  for (const some of chunks(rows.map(({ network_id }) => network_id))) {
    const query = tables(network).selectFrom('network_ports').select('network_id')
    const found = await query.where('network_id', 'in', some).where('device_owner', '=', 'network:dhcp').execute()
    for (const { network_id } of found) served.add(network_id)
  }
  return served
}

async function groupChanges(
  network: Network,
  host: string,
  { touched, left }: { touched: readonly string[]; left: readonly string[] },
): Promise<{ made: WiredSecurityGroup[]; gone: string[] }> {
  const all = [...new Set([...touched, ...left])]
  const { own, remote } = await groupsOnHost(network, host, all)
  const wired = await wiredGroups(
    network,
    all.filter((id) => touched.includes(id) && own.has(id)),
  )
  const known = new Set(wired.map(({ id }) => id))
  const members = await wiredGroups(
    network,
    all.filter((id) => touched.includes(id) && remote.has(id) && !known.has(id)),
  )
  // A group that is here by its name only has members, but no rules of its own.
  const named = members.filter(({ id }) => remote.has(id) && !known.has(id)).map((group) => ({ ...group, rules: [] }))
  const made = [...wired, ...named]
  const has = new Set(made.map(({ id }) => id))
  return { made, gone: all.filter((id) => !own.has(id) && !remote.has(id) && !has.has(id)) }
}

interface NetworksAsked {
  /** Told in any case. */
  needed: readonly string[]
  /** Told if the host has a use for them, else taken away. */
  touched: readonly string[]
  /** Taken away if the host has no more use for them. */
  left: readonly string[]
  isNetworkHost: boolean
}

async function networkChanges(network: Network, host: string, asked: NetworksAsked) {
  const { needed, touched, left, isNetworkHost } = asked
  const maybe = [...new Set([...touched, ...left])]
  const used = await usedNetworks(network, { host, ids: maybe, isNetworkHost })
  const wired = await wiredNetworks(network, [...needed, ...touched.filter((id) => used.has(id))])
  const external = isNetworkHost ? await externalHere(network, wired) : []
  const made = wired.map((one) => ({
    kind: 'network' as const,
    network: one,
    external: external.find(({ id }) => id === one.id) ?? null,
  }))
  return { made, gone: maybe.filter((id) => !used.has(id) && !needed.includes(id)) }
}

/** Networks of which a port is bound here, or whose DHCP server or router is here. */
async function usedNetworks(
  network: Network,
  { host, ids, isNetworkHost }: { host: string; ids: readonly string[]; isNetworkHost: boolean },
): Promise<Set<string>> {
  const used = new Set<string>()
  const own = sql<SqlBool>`device_owner in ('network:dhcp', 'network:router_interface', 'network:router_gateway')`
  const bound = sql<SqlBool>`(host = ${host} and device_owner not like 'network:%')`
  for (const some of chunks(ids)) {
    const query = tables(network).selectFrom('network_ports').select('network_id').distinct()
    const where = isNetworkHost ? sql<SqlBool>`(${bound} or ${own})` : bound
    const rows = await query.where('network_id', 'in', some).where(where).execute()
    for (const { network_id } of rows) used.add(network_id)
  }
  return used
}

async function externalHere(network: Network, wired: readonly WiredNetwork[]) {
  const ids = wired.map(({ id }) => id)
  if (ids.length === 0) return []
  const query = tables(network).selectFrom('network_routers').select('id').where('gateway_network_id', 'in', ids)
  const rows = await query.execute()
  const routers = await wiredRouters(
    network,
    rows.map(({ id }) => id),
  )
  return externalOf(wired, routers)
}
