// All providers in memory, kept true by the log of their changes, for who asks again and again of single trees.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ChangeReader } from '@kilonova/store/change-log'
import { fault } from '../faults.ts'
import { inventoriesOf } from '../inventories/store.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { PROVIDER_CHANGES } from '../schema/0002-provider-changes.ts'
import { candidatesOfTree } from './candidates.ts'
import { namedTraits } from './load.ts'
import type { FoundCandidate, Request, TreeNode, World } from './request.ts'
import { SHARING_TRAIT } from './request.ts'

interface Node extends TreeNode {
  createdAt: number
}

/** Providers that are read at once: so many, that nobody else waits long for it. */
const AT_ONCE = 200

export class KnownTrees {
  readonly #placement: Placement
  readonly #changes: ChangeReader
  /** Changed, and not read again yet. */
  readonly #stale = new Set<string>()
  readonly #nodes = new Map<string, Node>()
  /** The nodes of each tree, by its root; the oldest first. */
  readonly #trees = new Map<string, Node[]>()
  readonly #world: World
  /** Traits that somebody has named: of others nothing is known. */
  readonly #traits = new Set([SHARING_TRAIT])
  readonly #sharers = new Set<string>()
  /** Roots of the trees that have changed and of which nobody has been told. */
  #untold: Set<string> | 'all' = 'all'

  constructor(placement: Placement) {
    this.#placement = placement
    this.#changes = new ChangeReader(placement.store, PROVIDER_CHANGES)
    this.#world = { providers: this.#nodes, inventories: new Map(), traits: new Map(), aggregates: new Map() }
  }

  /**
   * Makes it true as of now for requests that name what this one does. The roots of the trees that have changed since
   * the call before, 'all' when any may have. Outside of transactions, one call at a time.
   */
  async refresh(request: Request): Promise<ReadonlySet<string> | 'all'> {
    const wasShared = this.#sharers.size > 0
    const changed = await this.#changes.changed()
    if (changed === 'all') this.#untold = 'all'
    for (const id of changed === 'all' ? await this.#everybody() : changed) this.#stale.add(id)
    const named = namedTraits(request).filter((trait) => !this.#traits.has(trait))
    if (named.length > 0) await this.#learn(named)
    const stale = [...this.#stale]
    for (let at = 0; at < stale.length; at += AT_ONCE) {
      if (at > 0) await nextTurn()
      await this.#read(stale.slice(at, at + AT_ONCE))
    }
    // What is shared with a tree may have changed with another one.
    const isShared = wasShared || this.#sharers.size > 0
    const told = isShared && this.#untold !== 'all' && this.#untold.size > 0 ? 'all' : this.#untold
    this.#untold = new Set()
    return told
  }

  serves(request: Request, rootId: string): boolean {
    for (const _ of this.#candidates(request, rootId)) return true
    return false
  }

  /** All ways in which one tree can serve the request. */
  candidates(request: Request, rootId: string): FoundCandidate[] {
    return [...this.#candidates(request, rootId)]
  }

  #candidates(request: Request, rootId: string): Iterable<FoundCandidate> {
    if (request.groups.every(({ resources }) => Object.keys(resources).length === 0)) {
      throw fault('BadQuery', { message: 'At least one group of resources is needed.' })
    }
    const members = this.#trees.get(rootId)
    if (!members) return []
    const sharers = [...this.#sharers].map((id) => this.#nodes.get(id)!)
    return candidatesOfTree(this.#world, request, { rootId, members, sharers })
  }

  /** Everybody there is, and everybody there was. */
  async #everybody(): Promise<string[]> {
    const rows = await tables(this.#placement).selectFrom('placement_resource_providers').select('id').execute()
    return [...rows.map(({ id }) => id), ...this.#nodes.keys()]
  }

  /** Who has these traits. What changes meanwhile is in the log. */
  async #learn(traits: readonly string[]): Promise<void> {
    const rows = await inParts(traits, (part) =>
      tables(this.#placement).selectFrom('placement_provider_traits').selectAll().where('trait', 'in', part).execute(),
    )
    for (const { provider_id, trait } of rows) {
      this.#world.traits.getOrInsertComputed(provider_id, () => new Set()).add(trait)
    }
    for (const trait of traits) this.#traits.add(trait)
  }

  async #read(ids: readonly string[]): Promise<void> {
    const of = <Row>(rows: readonly Row[], idOf: (row: Row) => string) => Map.groupBy(rows, idOf)
    const db = tables(this.#placement)
    const nodes = await db
      .selectFrom('placement_resource_providers')
      .select(['id', 'parent_id as parentId', 'root_id as rootId', 'created_at as createdAt'])
      .where('id', 'in', ids)
      .execute()
    const inventories = of(await inventoriesOf(this.#placement, ids), ({ provider_id }) => provider_id)
    const traits = of(
      await db
        .selectFrom('placement_provider_traits')
        .selectAll()
        .where('provider_id', 'in', ids)
        .where('trait', 'in', [...this.#traits])
        .execute(),
      ({ provider_id }) => provider_id,
    )
    const aggregates = of(
      await db.selectFrom('placement_provider_aggregates').selectAll().where('provider_id', 'in', ids).execute(),
      ({ provider_id }) => provider_id,
    )
    const present = new Map(nodes.map((node) => [node.id, node]))
    for (const id of ids) {
      this.#place(id, present.get(id))
      const world = this.#world
      set(world.inventories, id, inventories.get(id), (rows) => new Map(rows.map((row) => [row.resource_class, row])))
      set(world.traits, id, traits.get(id), (rows) => new Set(rows.map(({ trait }) => trait)))
      set(world.aggregates, id, aggregates.get(id), (rows) => new Set(rows.map((row) => row.aggregate_id)))
      if (world.traits.get(id)?.has(SHARING_TRAIT) && present.has(id)) this.#sharers.add(id)
      else this.#sharers.delete(id)
      this.#stale.delete(id)
    }
  }

  /** Takes the provider out of its former tree and puts it into its own. */
  #place(id: string, node: Node | undefined): void {
    const former = this.#nodes.get(id)
    if (former) {
      this.#changed(former.rootId)
      const left = this.#trees.get(former.rootId)!.filter((one) => one.id !== id)
      set(this.#trees, former.rootId, left.length > 0 ? left : undefined, (nodes) => nodes)
      this.#nodes.delete(id)
    }
    if (!node) return
    this.#changed(node.rootId)
    this.#nodes.set(id, node)
    const order = (a: Node, b: Node): number => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)
    this.#trees.set(node.rootId, [...(this.#trees.get(node.rootId) ?? []), node].toSorted(order))
  }

  #changed(rootId: string): void {
    if (this.#untold !== 'all') this.#untold.add(rootId)
  }
}

function set<Rows, Value>(of: Map<string, Value>, id: string, rows: Rows | undefined, make: (rows: Rows) => Value) {
  if (rows === undefined) of.delete(id)
  else of.set(id, make(rows))
}
