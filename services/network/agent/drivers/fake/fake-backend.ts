// A host in memory, for simulations and for clouds without real guests. It has the same things under the same names.
import { join } from 'node:path'
import type {
  DoctorCheck,
  GroupChange,
  HostState,
  HostThing,
  NetworkBackend,
  NetworkRecord,
  PortRecord,
  RouterRecord,
  ThingKind,
} from '../../backend.ts'
import { fault } from '../../faults.ts'
import { hasDnsmasq } from '../bridge/dnsmasq-files.ts'
import {
  bridgeName,
  dhcpBridgeEnd,
  dhcpNamespace,
  externalBridgeEnd,
  externalDevice,
  routerBridgeEnd,
  routerNamespace,
  tapName,
} from '../bridge/names.ts'
import { egressChain, groupChain, ingressChain, senderChain } from '../bridge/nft-rules.ts'

export type FakeOperation = Exclude<keyof NetworkBackend, 'name' | 'inventory' | 'doctorChecks' | 'close'>

/** What stays when the cloud's process ends. */
export class FakeHost {
  readonly things = new Map<string, HostThing>()
  /** The addresses that each network's DHCP would give, by MAC and address. */
  readonly reservations = new Map<string, Set<string>>()

  put(kind: ThingKind, id: string, owner: string): void {
    this.things.set(`${kind} ${id}`, { kind, id, owner })
  }

  drop(owner: string, which: (thing: HostThing) => boolean = () => true): void {
    for (const [key, thing] of this.things) if (thing.owner === owner && which(thing)) this.things.delete(key)
  }
}

export interface FakeBackendOptions {
  /** As the real driver's: only for the names of lease files. */
  directory: string
  host?: FakeHost
  /** Runs before each operation; may wait, or throw to let the operation fail. */
  before?: (operation: FakeOperation, id: string) => Promise<void>
}

export class FakeBackend implements NetworkBackend {
  readonly name = 'fake'
  readonly host: FakeHost
  #directory: string
  #before: (operation: FakeOperation, id: string) => Promise<void>

  constructor({ directory, host = new FakeHost(), before = async () => undefined }: FakeBackendOptions) {
    this.host = host
    this.#directory = directory
    this.#before = before
  }

  async prepare(state: HostState): Promise<void> {
    await this.#before('prepare', '')
    for (const [key, { kind }] of this.host.things) if (kind === 'nft-chain') this.host.things.delete(key)
    for (const id of state.networks.keys()) this.host.put('nft-chain', `outside-${id}`, id)
    for (const id of state.groups.keys()) this.#groupChains(id)
    for (const { port } of state.ports.values()) if (port.bound) this.#portChains(port.id)
  }

  async ensureNetwork({ network, gatewayCidrs }: NetworkRecord, state: HostState): Promise<void> {
    const { id } = network
    await this.#before('ensureNetwork', id)
    this.host.put('nft-chain', `outside-${id}`, id)
    this.host.put('bridge', bridgeName(id), id)
    this.host.drop(id, (thing) => thing.id === externalDevice(id) || thing.id === externalBridgeEnd(id))
    if (gatewayCidrs.length > 0) {
      this.host.put('veth', externalDevice(id), id)
      this.host.put('veth', externalBridgeEnd(id), id)
    }
    if (!network.dhcp) {
      this.host.drop(id, ({ kind }) => ['namespace', 'dnsmasq', 'lease-file', 'metadata-listener'].includes(kind))
      this.host.drop(id, (thing) => thing.id === dhcpBridgeEnd(id))
      return
    }
    this.host.put('namespace', dhcpNamespace(id), id)
    this.host.put('veth', dhcpBridgeEnd(id), id)
    this.host.put('metadata-listener', dhcpNamespace(id), id)
    await this.updateReservations(id, state)
  }

  async removeNetwork({ network }: NetworkRecord): Promise<void> {
    await this.#before('removeNetwork', network.id)
    this.host.drop(network.id)
    this.host.reservations.delete(network.id)
  }

  async updateReservations(networkId: string, state: HostState): Promise<void> {
    await this.#before('updateReservations', networkId)
    const network = state.networks.get(networkId)?.network
    if (!network) return
    const directory = join(this.#directory, 'dhcp', networkId)
    const ports = [...state.ports.values()].map(({ port }) => port).filter((port) => port.networkId === networkId)
    this.host.drop(networkId, ({ kind }) => kind === 'dnsmasq' || kind === 'lease-file')
    if (hasDnsmasq(network)) {
      this.host.put('dnsmasq', directory, networkId)
      this.host.put('lease-file', join(directory, 'leases'), networkId)
    }
    const reserved = ports.flatMap(({ macAddress, fixedIps }) =>
      fixedIps.map(({ ipAddress }) => `${macAddress} ${ipAddress}`),
    )
    this.host.reservations.set(networkId, new Set(reserved))
  }

  async plug({ port }: PortRecord, _before: PortRecord | null, state: HostState): Promise<void> {
    await this.#before('plug', port.id)
    const network = state.networks.get(port.networkId)
    if (!network) throw fault('NetworkNotWired', { id: port.networkId, by: `port ${port.id}` })
    this.#portChains(port.id)
    this.host.put('tap', tapName(port.id), port.id)
    await this.updateReservations(port.networkId, state)
  }

  async unplug({ port }: PortRecord): Promise<void> {
    await this.#before('unplug', port.id)
    this.host.drop(port.id)
  }

  async updateGroups(changes: GroupChange[]): Promise<void> {
    for (const { before, after } of changes) {
      await this.#before('updateGroups', (after ?? before)!.id)
      if (after) this.#groupChains(after.id)
      else this.host.drop(before!.id)
    }
  }

  async ensureRouter({ router }: RouterRecord, state: HostState): Promise<void> {
    await this.#before('ensureRouter', router.id)
    const ports = [...router.interfaces, ...(router.gateway ? [router.gateway] : [])]
    for (const { networkId } of ports)
      if (!state.networks.has(networkId)) throw fault('NetworkNotWired', { id: networkId, by: `router ${router.id}` })
    this.host.drop(router.id, ({ kind }) => kind === 'veth')
    this.host.put('namespace', routerNamespace(router.id), router.id)
    this.host.put('metadata-listener', routerNamespace(router.id), router.id)
    for (const { portId } of ports) this.host.put('veth', routerBridgeEnd(portId), router.id)
  }

  async removeRouter({ router }: RouterRecord): Promise<void> {
    await this.#before('removeRouter', router.id)
    this.host.drop(router.id)
  }

  async inventory(): Promise<HostThing[]> {
    return [...this.host.things.values()]
  }

  async remove({ kind, id }: HostThing): Promise<void> {
    await this.#before('remove', id)
    this.host.things.delete(`${kind} ${id}`)
  }

  async doctorChecks(): Promise<DoctorCheck[]> {
    return [{ name: 'fake', ok: true, what: 'a host in memory', mend: '' }]
  }

  async tearDown(): Promise<void> {
    await this.#before('tearDown', '')
    this.host.things.clear()
  }

  /** Listeners end with their process. */
  async close(): Promise<void> {
    for (const [key, { kind }] of this.host.things) if (kind === 'metadata-listener') this.host.things.delete(key)
  }

  #portChains(portId: string): void {
    for (const chain of [senderChain, egressChain, ingressChain]) this.host.put('nft-chain', chain(portId), portId)
  }

  #groupChains(groupId: string): void {
    for (const direction of ['ingress', 'egress'] as const)
      this.host.put('nft-chain', groupChain(direction, groupId), groupId)
  }
}
