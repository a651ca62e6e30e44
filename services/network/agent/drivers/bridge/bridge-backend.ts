// The default backend: Linux bridges, veth pairs, namespaces, dnsmasq and nftables, driven by ip and nft.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { type Random, systemRandom } from '@kilonova/base/random'
import type {
  DoctorCheck,
  GroupChange,
  HostState,
  HostThing,
  NetworkBackend,
  NetworkRecord,
  PortRecord,
  RouterRecord,
} from '../../backend.ts'
import { fault } from '../../faults.ts'
import { BridgeHost, type BridgeHostOptions, type MetadataServer } from './bridge-host.ts'
import { endFlows, flowsOfGroupChange } from './conntrack.ts'
import { updateReservations } from './dhcp.ts'
import { isReachableByOthers } from './dnsmasq.ts'
import { doctorChecks } from './doctor.ts'
import { inventory, removeThing } from './inventory.ts'
import { ensureNetwork, removeNetwork } from './networks.ts'
import { plugPort, unplugPort } from './ports.ts'
import { ensureRouter, removeRouter } from './router.ts'

export interface BridgeBackendOptions {
  /** The agent's directory, `<state-dir>/network`. */
  directory: string
  /** Eight hexadecimal digits that no other cloud on this host has. */
  cloudTag: string
  metadataServer: MetadataServer
  clock?: Clock
  random?: Random
  /** Default `tap`. */
  device?: 'tap' | 'veth'
  /** Default `openstacklocal`. */
  dnsDomain?: string
  /** Name servers that guests' questions are passed on to. Default none. */
  dnsServers?: readonly string[]
}

const BRIDGE_SYSCTLS = ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables']

export class BridgeBackend implements NetworkBackend {
  readonly name = 'bridge'
  #host: BridgeHost

  constructor(options: BridgeBackendOptions) {
    if (!/^[0-9a-f]{8}$/.test(options.cloudTag))
      throw new Error(`cloudTag must be eight hexadecimal digits: ${options.cloudTag}`)
    const defaults: Omit<BridgeHostOptions, 'directory' | 'cloudTag' | 'metadataServer'> = {
      clock: systemClock,
      random: systemRandom,
      device: 'tap',
      dnsDomain: 'openstacklocal',
      dnsServers: [],
    }
    this.#host = new BridgeHost({ ...defaults, ...options })
  }

  async prepare(state: HostState): Promise<void> {
    this.#host.state = state
    await requireBridgeFilter()
    for (const directory of [this.#host.dhcpRoot, this.#host.raRoot]) await mkdir(directory, { recursive: true })
    this.#host.dnsmasqUser = (await isReachableByOthers(this.#host.dhcpRoot)) ? 'nobody' : 'root'
    await this.#host.filterAll(state)
  }

  async ensureNetwork(record: NetworkRecord, state: HostState): Promise<void> {
    await ensureNetwork(this.#host, record, state)
  }

  async removeNetwork(record: NetworkRecord, state: HostState): Promise<void> {
    await removeNetwork(this.#host, record, state)
  }

  async updateReservations(networkId: string, state: HostState): Promise<void> {
    await updateReservations(this.#host, networkId, state)
  }

  async plug(record: PortRecord, before: PortRecord | null, state: HostState): Promise<void> {
    await Promise.all([
      plugPort(this.#host, record, before, state),
      this.updateReservations(record.port.networkId, state),
    ])
  }

  async unplug(record: PortRecord, state: HostState): Promise<void> {
    await unplugPort(this.#host, record, state)
  }

  async updateGroups(changes: GroupChange[], state: HostState): Promise<void> {
    const { tables } = this.#host
    if (changes.some(({ after }) => after === null)) await this.#host.filterAll(state)
    else {
      const turned = new Set(
        changes.filter(({ before, after }) => before?.stateful !== after!.stateful).map(({ after }) => after!.id),
      )
      const ports = [...state.ports.values()].filter(
        ({ port }) => port.bound && port.securityGroupIds.some((id) => turned.has(id)),
      )
      const texts = [
        ...changes.map(({ after }) => tables.group(after!)),
        ...ports.map((record) => tables.port(record, state.groups)),
      ]
      await this.#host.filter(texts.join(''), state)
    }
    await endFlows(changes.flatMap((change) => flowsOfGroupChange(change, state)))
  }

  async ensureRouter(record: RouterRecord, state: HostState): Promise<void> {
    await ensureRouter(this.#host, record, state)
  }

  async removeRouter({ router }: RouterRecord): Promise<void> {
    const ports = [...router.interfaces, ...(router.gateway ? [router.gateway] : [])]
    await removeRouter(
      this.#host,
      router.id,
      ports.map(({ portId }) => portId),
    )
  }

  inventory(state: HostState): Promise<HostThing[]> {
    return inventory(this.#host, state)
  }

  async remove(thing: HostThing): Promise<void> {
    await removeThing(this.#host, thing)
  }

  doctorChecks(): Promise<DoctorCheck[]> {
    return doctorChecks(this.#host.cloudTag)
  }

  async tearDown(): Promise<void> {
    this.#host.listeners.close()
    await this.#host.unfilter()
  }

  async close(): Promise<void> {
    this.#host.listeners.close()
  }
}

/** Without it security groups would not see bridged packets, so nothing is plugged. */
async function requireBridgeFilter(): Promise<void> {
  const path = (name: string): string => `/proc/sys/net/bridge/${name}`
  const read = (name: string) => readFile(path(name), 'utf8').catch(() => undefined)
  if ((await read(BRIDGE_SYSCTLS[0]!)) === undefined)
    await run('modprobe', ['br_netfilter']).catch((error: unknown) => {
      throw fault(
        'NetworkHostNotReady',
        { what: 'its kernel has no br_netfilter', mend: 'Load the module: modprobe br_netfilter' },
        error,
      )
    })
  for (const name of BRIDGE_SYSCTLS) if ((await read(name))?.trim() === '0') await writeFile(path(name), '1')
}
