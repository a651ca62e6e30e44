// What a transaction changed, gathered until it is committed: then hosts and compute are told.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Bus } from '@kilonova/bus/bus'
import type { Store } from '@kilonova/store/store'
import type { NetworkEvent } from './client.ts'
import type { NetworkTables, PortRow } from './schema/tables.ts'

/** Ids of things that were made, changed or removed. */
export interface Touch {
  networks?: readonly string[]
  ports?: readonly string[]
  securityGroups?: readonly string[]
  routers?: readonly string[]
  /** Hosts from which something went away, and what they may no longer need. */
  left?: readonly Left[]
}

export interface Left {
  host: string | null
  networkId: string
  securityGroupIds: readonly string[]
}

export interface Touched {
  networks: Set<string>
  ports: Set<string>
  securityGroups: Set<string>
  routers: Set<string>
  left: Left[]
}

interface EventMethods {
  networkEvent(event: NetworkEvent): Promise<null>
}

const EVENTS_TOPIC = 'compute.events'
const COUNTER = 'generation'

const nothing = (): Touched => ({
  networks: new Set(),
  ports: new Set(),
  securityGroups: new Set(),
  routers: new Set(),
  left: [],
})

function joined(one: Touched, other: Touched): Touched {
  return {
    networks: one.networks.union(other.networks),
    ports: one.ports.union(other.ports),
    securityGroups: one.securityGroups.union(other.securityGroups),
    routers: one.routers.union(other.routers),
    left: [...one.left, ...other.left],
  }
}

export class Changes {
  readonly #store: Store
  readonly #bus: Bus
  #pending: Touched | undefined
  #listener: () => void = () => undefined

  constructor(store: Store, bus: Bus) {
    this.#store = store
    this.#bus = bus
  }

  /** Calls `listener` after each commit that changed something. */
  listen(listener: () => void): void {
    this.#listener = listener
  }

  /** True when something was committed since the last `take`. */
  get isWaiting(): boolean {
    return this.#pending !== undefined
  }

  /** What was committed since the last call, added to what is given. */
  take(earlier: Touched = nothing()): Touched {
    const touched = this.#pending
    this.#pending = undefined
    return touched ? joined(earlier, touched) : earlier
  }

  /**
   * Says what the running transaction changed. It counts the generation up, which other changes wait for: call it last.
   */
  async touch(touch: Touch): Promise<void> {
    await this.#store
      .as<NetworkTables>()
      .insertInto('network_counters')
      .values({ name: COUNTER, value: 1 })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet((eb) => ({ value: eb('network_counters.value', '+', 1) })),
      )
      .execute()
    this.#store.afterCommit(() => this.#add(touch))
  }

  /** The number of the last committed change. What is read after it holds at least that change. */
  async generation(): Promise<number> {
    const row = await this.#store
      .as<NetworkTables>()
      .selectFrom('network_counters')
      .select('value')
      .where('name', '=', COUNTER)
      .executeTakeFirst()
    return row?.value ?? 0
  }

  /** Tells compute of a server's port, once the running transaction is committed. */
  tellCompute(name: NetworkEvent['name'], { id, device_id, device_owner }: PortRow): void {
    if (!device_owner.startsWith('compute:') || device_id === '') return
    const event: NetworkEvent = { name, serverId: device_id, portId: id, status: 'completed' }
    this.#store.afterCommit(() => {
      this.#bus
        .cast<EventMethods, 'networkEvent'>(EVENTS_TOPIC, 'networkEvent', event)
        .catch((error) => log('network').warn({ event }, `compute was not told: ${errorChain(error)}`))
    })
  }

  #add({ networks = [], ports = [], securityGroups = [], routers = [], left = [] }: Touch): void {
    this.#pending ??= nothing()
    for (const id of networks) this.#pending.networks.add(id)
    for (const id of ports) this.#pending.ports.add(id)
    for (const id of securityGroups) this.#pending.securityGroups.add(id)
    for (const id of routers) this.#pending.routers.add(id)
    this.#pending.left.push(...left)
    this.#listener()
  }
}
