// What all parts of the bridge driver share on one host: names, places, sockets and whose things are whose.
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { log } from '@kilonova/base/log'
import type { Random } from '@kilonova/base/random'
import type { HostState } from '../../backend.ts'
import { fault } from '../../faults.ts'
import type { Coalescer } from '../../keyed-lock.ts'
import type { MetadataSource, WiredPort } from '../../protocol.ts'
import { canonicalAddress, linkLocalOf, readMac } from './addresses.ts'
import { type LinkSeen, readLink } from './links.ts'
import { MetadataListeners } from './metadata-listener.ts'
import { readAlias } from './names.ts'
import { type NftTables, nftTables } from './nft-rules.ts'
import { NftRunner } from './nft-runner.ts'

/** Serves one connection to the metadata address. Identity is `where`, never anything in the request. */
export type MetadataServer = (socket: Socket, where: MetadataSource) => void

export interface BridgeHostOptions {
  /** The agent's directory; DHCP files lie below it. */
  directory: string
  cloudTag: string
  metadataServer: MetadataServer
  clock: Clock
  random: Random
  /** `veth`: a port's device is a veth whose far end a namespace can take in place of a guest. */
  device: 'tap' | 'veth'
  dnsDomain: string
  dnsServers: readonly string[]
}

export class BridgeHost {
  readonly options: BridgeHostOptions
  readonly cloudTag: string
  readonly clock: Clock
  readonly tables: NftTables
  readonly listeners: MetadataListeners
  /** Joins the writes of each network's reservations. */
  readonly reservations = new Map<string, Coalescer>()
  /** `nobody` where the state directory can be read by others. */
  dnsmasqUser = 'root'
  state: HostState = { networks: new Map(), ports: new Map(), groups: new Map(), routers: new Map() }
  #nft = new NftRunner()

  constructor(options: BridgeHostOptions) {
    this.options = options
    this.cloudTag = options.cloudTag
    this.clock = options.clock
    this.tables = nftTables(options.cloudTag)
    this.listeners = new MetadataListeners(options.clock)
  }

  get dhcpRoot(): string {
    return join(this.options.directory, 'dhcp')
  }

  get raRoot(): string {
    return join(this.options.directory, 'ra')
  }

  dhcpDirectory(networkId: string): string {
    return join(this.dhcpRoot, networkId)
  }

  raDirectory(routerId: string): string {
    return join(this.raRoot, routerId)
  }

  /** One small transaction; where it does not fit what is there, all filters are made anew from `state`. */
  async filter(text: string, state: HostState): Promise<void> {
    try {
      await this.#nft.apply(text)
    } catch (error) {
      log('network.agent').warn({ error }, 'the filters were not as they should be and are made anew')
      await this.filterAll(state)
    }
  }

  async filterAll(state: HostState): Promise<void> {
    await this.#nft.apply(this.tables.whole(state))
  }

  /** Removes both tables with everything in them. */
  async unfilter(): Promise<void> {
    await this.#nft.apply(this.tables.gone())
  }

  refuseForeign(seen: LinkSeen | undefined): void {
    if (!seen || seen.alias === '' || readAlias(this.cloudTag, seen.alias)) return
    throw fault('DeviceNameTaken', { device: seen.name, owner: seen.alias })
  }

  /** Gone; no error when it already was, or when it is somebody else's. */
  async removeLink(name: string): Promise<void> {
    const seen = await readLink(name)
    if (!seen || (seen.alias !== '' && !readAlias(this.cloudTag, seen.alias))) return
    const { code, stderr } = await run('ip', ['link', 'del', 'dev', name], { accept: [0, 1, 2] })
    if (code !== 0 && (await readLink(name))) throw new Error(`ip link del dev ${name}: ${stderr}`)
  }

  /** The callback for a namespace's listener. */
  metadataFor(where: { networkId: string } | { routerId: string }): (socket: Socket) => void {
    return (socket) => {
      const source = this.#source(where, canonicalAddress(socket.remoteAddress ?? ''))
      this.options.metadataServer(socket, source)
    }
  }

  #source(where: { networkId: string } | { routerId: string }, address: string): MetadataSource {
    const routerId = 'routerId' in where ? where.routerId : null
    const interfaces = routerId === null ? [] : (this.state.routers.get(routerId)?.router.interfaces ?? [])
    const networks = 'networkId' in where ? [where.networkId] : interfaces.map(({ networkId }) => networkId)
    const port = this.#portAt(networks, address)
    return { networkId: port?.networkId ?? ('networkId' in where ? where.networkId : null), routerId, address, port }
  }

  #portAt(networks: readonly string[], address: string): WiredPort | null {
    for (const { port } of this.state.ports.values()) {
      if (!networks.includes(port.networkId)) continue
      const mac = readMac(port.macAddress)
      const held = port.fixedIps.some(({ ipAddress }) => canonicalAddress(ipAddress) === address)
      if (held || (mac && linkLocalOf(mac) === address)) return port
    }
    return null
  }
}
