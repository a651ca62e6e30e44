// The network service's hand on one host: makes the host as it is told, and again whenever it is not so.
// Later generations win; what a crash interrupted is finished by the next start or reconcile.
import { isDeepStrictEqual } from 'node:util'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type {
  DoctorCheck,
  GroupChange,
  HostThing,
  NetworkBackend,
  NetworkRecord,
  PortRecord,
  RouterRecord,
} from './backend.ts'
import { fault } from './faults.ts'
import { KeyedLock } from './keyed-lock.ts'
import type {
  ExternalNetwork,
  NetworkChange,
  PortReport,
  ReconcileResult,
  WantedState,
  WiredNetwork,
  WiredPort,
  WiredRouter,
  WiredSecurityGroup,
} from './protocol.ts'
import { Records } from './records.ts'
import { checkGroup, checkNetwork, checkPort, checkRouter } from './wired-checks.ts'

export interface NetworkAgentOptions {
  /** Where records lie: `<state-dir>/network`. */
  directory: string
  backend: NetworkBackend
  /** Told of every port that was made ready, or could not be. */
  report: (report: PortReport) => void
}

export interface PlugRequest {
  generation: number
  port: WiredPort
  /** When given, made ready first; else it must be known already. */
  network?: WiredNetwork
  securityGroups?: WiredSecurityGroup[]
}

type Failure = ReconcileResult['failures'][number]

/** How many networks or ports are worked on at once: each is a few short-lived programs. */
const AT_ONCE = 4

export class NetworkAgent {
  #records: Records
  #backend: NetworkBackend
  #report: (report: PortReport) => void
  #locks = new KeyedLock()
  /** Networks that this process has made and that have not changed since. */
  #made = new Set<string>()
  /** Ports on the way, by id: whoever asks for one as it is being made waits with the others. */
  #plugging = new Map<string, { port: WiredPort; generation: number; done: Promise<void> }>()
  #generation = -1

  private constructor({ directory, backend, report }: NetworkAgentOptions) {
    this.#records = new Records(directory)
    this.#backend = backend
    this.#report = report
  }

  /** Takes up what an earlier process left, without removing anything: guests keep DHCP and metadata. */
  static async start(options: NetworkAgentOptions): Promise<NetworkAgent> {
    const agent = new NetworkAgent(options)
    await agent.#records.load()
    await agent.#backend.prepare(agent.#records)
    for (const { kind, id, reason } of await agent.#heal())
      log('network.agent').error({ kind, id, reason }, 'could not be made ready at start')
    return agent
  }

  /** One change, the fast path. Throws when it could not be done; the next reconcile tries again. */
  async apply(change: NetworkChange): Promise<void> {
    const { generation } = change
    switch (change.kind) {
      case 'network':
        return this.ensureNetwork(change)
      case 'network-gone':
        return this.removeNetwork(change.id, generation)
      case 'port':
        return this.plug(change)
      case 'port-gone':
        return this.unplug(change.id, generation)
      case 'security-groups':
        return this.updateGroups(change.securityGroups, generation)
      case 'security-group-gone':
        return this.#removeGroups([change.id], generation)
      case 'router':
        return this.ensureRouter(change)
      case 'router-gone':
        return this.removeRouter(change.id, generation)
    }
  }

  /** Bridge, DHCP, metadata. `external` undefined leaves the host's gateway addresses as they are; null removes them. */
  async ensureNetwork(wish: {
    generation: number
    network: WiredNetwork
    external?: ExternalNetwork | null
  }): Promise<void> {
    const { generation, network, external } = wish
    checkNetwork(network, external)
    await this.#locks.run(`network ${network.id}`, async () => {
      const before = this.#records.networks.get(network.id)
      if (this.#records.isStale(network.id, before, generation)) return
      const gatewayCidrs = external === undefined ? (before?.gatewayCidrs ?? []) : (external?.gatewayCidrs ?? [])
      const same =
        before !== undefined && isDeepStrictEqual([before.network, before.gatewayCidrs], [network, gatewayCidrs])
      if (same && this.#made.has(network.id)) {
        before.generation = generation
        return
      }
      this.#made.delete(network.id)
      const zone = before?.zone ?? this.#records.freeZone(network.id)
      const record: NetworkRecord = { generation, network, gatewayCidrs, zone }
      await this.#records.put('networks', network.id, record)
      await this.#backend.ensureNetwork(record, this.#records)
      this.#made.add(network.id)
      if (!same) await this.#rewireRouters(network.id)
    })
  }

  /** Gone with its ports here; no error when it already was. */
  async removeNetwork(id: string, generation: number): Promise<void> {
    const record = this.#records.networks.get(id)
    if (this.#records.isStale(id, record, generation)) return
    for (const { port } of [...this.#records.ports.values()])
      if (port.networkId === id) await this.unplug(port.id, generation)
    await this.#locks.run(`network ${id}`, async () => {
      const now = this.#records.networks.get(id)
      this.#records.noteGone(id, generation)
      if (!now) return
      this.#made.delete(id)
      await this.#backend.removeNetwork(now, this.#records)
      await this.#records.delete('networks', id)
    })
  }

  /** Device, filters and DHCP reservation of a port; a port that is bound elsewhere gets only the last. */
  async plug(request: PlugRequest): Promise<void> {
    const { generation, port, network, securityGroups } = request
    checkPort(port)
    if (network) await this.ensureNetwork({ generation, network })
    if (securityGroups) await this.updateGroups(securityGroups, generation)
    const running = this.#plugging.get(port.id)
    if (running && running.generation >= generation && isDeepStrictEqual(running.port, port)) return running.done
    const done = this.#locks.run(`port ${port.id}`, () => this.#plug(port, generation))
    const mine = { port, generation, done }
    this.#plugging.set(port.id, mine)
    try {
      await done
    } finally {
      if (this.#plugging.get(port.id) === mine) this.#plugging.delete(port.id)
    }
  }

  /** Gone, its established flows too; no error when it already was. */
  async unplug(portId: string, generation: number): Promise<void> {
    this.#plugging.delete(portId)
    await this.#locks.run(`port ${portId}`, async () => {
      const record = this.#records.ports.get(portId)
      if (this.#records.isStale(portId, record, generation)) return
      this.#records.noteGone(portId, generation)
      if (!record) return
      if (record.port.bound) await this.#backend.unplug(record, this.#records)
      await this.#records.delete('ports', portId)
      await this.#backend.updateReservations(record.port.networkId, this.#records)
      if (record.port.bound) this.#report({ portId, status: 'DOWN' })
    })
  }

  /** Rules and members of groups, for all ports here at once; flows that lost their rule end. */
  async updateGroups(groups: WiredSecurityGroup[], generation: number): Promise<void> {
    for (const group of groups) checkGroup(group)
    await this.#locks.run('groups', async () => {
      const changes: GroupChange[] = []
      for (const after of groups) {
        const before = this.#records.groups.get(after.id)
        if (this.#records.isStale(after.id, before, generation)) continue
        if (before && isDeepStrictEqual(before.group, after)) before.generation = generation
        else changes.push({ before: before?.group ?? null, after })
      }
      await this.#changeGroups(changes, generation)
    })
  }

  async ensureRouter(wish: { generation: number; router: WiredRouter; networks?: WiredNetwork[] }): Promise<void> {
    const { generation, router, networks = [] } = wish
    checkRouter(router)
    for (const network of networks) await this.ensureNetwork({ generation, network })
    await this.#locks.run(`router ${router.id}`, async () => {
      if (this.#records.isStale(router.id, this.#records.routers.get(router.id), generation)) return
      const record: RouterRecord = { generation, router }
      await this.#records.put('routers', router.id, record)
      await this.#backend.ensureRouter(record, this.#records)
    })
  }

  async removeRouter(id: string, generation: number): Promise<void> {
    await this.#locks.run(`router ${id}`, async () => {
      const record = this.#records.routers.get(id)
      if (this.#records.isStale(id, record, generation)) return
      this.#records.noteGone(id, generation)
      if (!record) return
      await this.#backend.removeRouter(record)
      await this.#records.delete('routers', id)
    })
  }

  /** Makes the host as wanted: what is missing is made, what is ours and unwanted goes. Reports every port. */
  async reconcile(wanted: WantedState): Promise<ReconcileResult> {
    return this.#locks.run('reconcile', async () => {
      const { generation } = wanted
      if (generation < this.#generation) return { generation, failures: [] }
      this.#generation = generation
      const failures: Failure[] = []
      await this.#backend.prepare(this.#records)
      this.#made.clear()
      await this.#reconcileThings(wanted, failures)
      await this.#removeUnwanted(wanted, failures)
      await this.#removeLeftovers(failures)
      this.#records.forgetGone(generation)
      return { generation, failures }
    })
  }

  /** What is on the host under this cloud's label. */
  inventory(): Promise<HostThing[]> {
    return this.#backend.inventory(this.#records)
  }

  /** What is on the host though `wanted`, by default everything the agent was told of, does not ask for it. */
  async leftovers(wanted?: WantedState): Promise<HostThing[]> {
    const owners = wanted && ownersIn(wanted)
    const things = await this.inventory()
    return things.filter(({ owner }) => (owners ? !owners.has(owner) : !this.#records.knows(owner)))
  }

  doctorChecks(): Promise<DoctorCheck[]> {
    return this.#backend.doctorChecks()
  }

  /** Removes everything of this cloud from the host. */
  async tearDown(): Promise<void> {
    const empty = { networks: [], ports: [], securityGroups: [], routers: [], external: [] }
    const { failures } = await this.reconcile({ generation: Number.MAX_SAFE_INTEGER, ...empty })
    if (failures.length > 0) throw new Error(`not everything could be removed: ${failures[0]!.reason}`)
    await this.#backend.tearDown()
  }

  /** Lets go of sockets; the guests' network stays. */
  async close(): Promise<void> {
    await this.#backend.close()
  }

  async #plug(port: WiredPort, generation: number): Promise<void> {
    const before = this.#records.ports.get(port.id) ?? null
    if (this.#records.isStale(port.id, before, generation)) return
    if (!this.#records.networks.has(port.networkId))
      throw fault('NetworkNotWired', { id: port.networkId, by: `port ${port.id}` })
    const mark = before?.mark || (port.bound ? this.#records.freeMark() : 0)
    const record: PortRecord = { generation, port, mark }
    if (!port.bound) return this.#reserve(record, before)
    const known = before?.port.bound ? before : null
    try {
      await this.#change('ports', record, before, () => this.#backend.plug(record, known, this.#records))
    } catch (error) {
      this.#report({ portId: port.id, status: 'DOWN', reason: errorChain(error) })
      throw error
    }
    this.#report({ portId: port.id, status: port.adminStateUp ? 'ACTIVE' : 'DOWN' })
  }

  async #reserve(record: PortRecord, before: PortRecord | null): Promise<void> {
    if (before?.port.bound) await this.#backend.unplug(before, this.#records)
    await this.#records.put('ports', record.port.id, record)
    await this.#backend.updateReservations(record.port.networkId, this.#records)
  }

  /**
   * A new thing is on disk before it is made. A changed one is on disk after: until then a repetition still sees what
   * the change took away, and so ends the flows that lived on it.
   */
  async #change(kind: 'ports', record: PortRecord, before: PortRecord | null, effect: () => Promise<void>) {
    const { id } = record.port
    if (!before) {
      await this.#records.put(kind, id, record)
      return effect()
    }
    this.#records.ports.set(id, record)
    try {
      await effect()
    } catch (error) {
      this.#records.ports.set(id, before)
      throw error
    }
    if (!isDeepStrictEqual(before, record)) await this.#records.put(kind, id, record)
  }

  async #changeGroups(changes: GroupChange[], generation: number): Promise<void> {
    if (changes.length === 0) return
    const { groups } = this.#records
    const idOf = ({ before, after }: GroupChange): string => (after ?? before)!.id
    const earlier = changes.map((change) => groups.get(idOf(change)))
    for (const { before, after } of changes) {
      if (after) groups.set(after.id, { generation, group: after })
      else groups.delete(before!.id)
    }
    try {
      await this.#backend.updateGroups(changes, this.#records)
    } catch (error) {
      for (const record of earlier) if (record) groups.set(record.group.id, record)
      throw error
    }
    for (const { before, after } of changes) {
      if (after) await this.#records.put('groups', after.id, { generation, group: after })
      else await this.#records.delete('groups', before!.id)
    }
  }

  async #removeGroups(ids: string[], generation: number): Promise<void> {
    await this.#locks.run('groups', async () => {
      const records = ids.flatMap((id) => this.#records.groups.get(id) ?? [])
      const going = records.filter((record) => !this.#records.isStale(record.group.id, record, generation))
      for (const id of ids) this.#records.noteGone(id, generation)
      await this.#changeGroups(
        going.map(({ group }) => ({ before: group, after: null })),
        generation,
      )
    })
  }

  async #rewireRouters(networkId: string): Promise<void> {
    for (const { router } of [...this.#records.routers.values()]) {
      const ports = [...router.interfaces, ...(router.gateway ? [router.gateway] : [])]
      if (!ports.some((port) => port.networkId === networkId)) continue
      await this.#locks.run(`router ${router.id}`, async () => {
        const record = this.#records.routers.get(router.id)
        if (record) await this.#backend.ensureRouter(record, this.#records)
      })
    }
  }

  /** Everything that is recorded, made again where it is missing. */
  async #heal(): Promise<Failure[]> {
    const failures: Failure[] = []
    const { networks, ports, routers } = this.#records
    await each([...networks.values()], async (record) => {
      await attempt(failures, 'network', record.network.id, async () => {
        await this.#backend.ensureNetwork(record, this.#records)
        this.#made.add(record.network.id)
      })
    })
    const bound = [...ports.values()].filter(({ port }) => port.bound)
    await each(bound, (record) =>
      attempt(failures, 'port', record.port.id, () => this.#backend.plug(record, record, this.#records)),
    )
    await each([...routers.values()], (record) =>
      attempt(failures, 'router', record.router.id, () => this.#backend.ensureRouter(record, this.#records)),
    )
    return failures
  }

  async #reconcileThings(wanted: WantedState, failures: Failure[]): Promise<void> {
    const { generation, networks, ports, securityGroups, routers, external } = wanted
    await each(networks, (network) => {
      const leg = external.find(({ id }) => id === network.id) ?? null
      return attempt(failures, 'network', network.id, () => this.ensureNetwork({ generation, network, external: leg }))
    })
    const sane: WiredSecurityGroup[] = []
    for (const group of securityGroups)
      if (await attempt(failures, 'security-group', group.id, async () => checkGroup(group))) sane.push(group)
    await attempt(failures, 'security-group', 'all', () => this.updateGroups(sane, generation))
    await each(ports, (port) =>
      attempt(failures, 'port', port.id, async () => {
        checkPort(port)
        await this.#locks.run(`port ${port.id}`, () => this.#reconcilePort(port, generation))
      }),
    )
    await each(routers, (router) =>
      attempt(failures, 'router', router.id, () => this.ensureRouter({ generation, router })),
    )
  }

  /** An unchanged port has its filters and its reservation already; only its device may be missing. */
  async #reconcilePort(port: WiredPort, generation: number): Promise<void> {
    const record = this.#records.ports.get(port.id)
    const same = record !== undefined && isDeepStrictEqual(record.port, port)
    if (!same || this.#records.isStale(port.id, record, generation)) return this.#plug(port, generation)
    record.generation = generation
    if (!port.bound) return
    try {
      await this.#backend.plug(record, record, this.#records)
    } catch (error) {
      this.#report({ portId: port.id, status: 'DOWN', reason: errorChain(error) })
      throw error
    }
    this.#report({ portId: port.id, status: port.adminStateUp ? 'ACTIVE' : 'DOWN' })
  }

  async #removeUnwanted(wanted: WantedState, failures: Failure[]): Promise<void> {
    const { generation } = wanted
    const owners = ownersIn(wanted)
    const unwanted = (ids: Iterable<string>): string[] => [...ids].filter((id) => !owners.has(id))
    const { routers, ports, networks, groups } = this.#records
    for (const id of unwanted(routers.keys()))
      await attempt(failures, 'router', id, () => this.removeRouter(id, generation))
    await each(unwanted(ports.keys()), (id) => attempt(failures, 'port', id, () => this.unplug(id, generation)))
    for (const id of unwanted(networks.keys()))
      await attempt(failures, 'network', id, () => this.removeNetwork(id, generation))
    const gone = unwanted(groups.keys())
    if (gone.length > 0) await attempt(failures, 'security-group', gone[0]!, () => this.#removeGroups(gone, generation))
  }

  /** A record is written before its thing and removed after it, so what has none is nobody's. */
  async #removeLeftovers(failures: Failure[]): Promise<void> {
    for (const thing of await this.leftovers())
      await attempt(failures, 'leftover', thing.id, async () => {
        if (this.#records.knows(thing.owner)) return
        log('network.agent').warn(thing, 'nobody wants this: removed')
        await this.#backend.remove(thing)
      })
  }
}

function ownersIn({ networks, ports, securityGroups, routers }: WantedState): Set<string> {
  return new Set([...networks, ...ports, ...securityGroups, ...routers].map(({ id }) => id))
}

async function attempt(
  failures: Failure[],
  kind: Failure['kind'],
  id: string,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    log('network.agent').error({ error, kind, id }, 'could not be reconciled')
    failures.push({ kind, id, reason: errorChain(error) })
    return false
  }
}

/** Some at once, the rest after them; `work` does not throw. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
}
