// All ways to serve a request: a pure function over loaded rows. Trees take turns, so that a limit cuts none off.
import { freeOf, takesAmount } from '../capacity.ts'
import type { FoundCandidate, Group, Request, TreeNode, World } from './request.ts'
import { SHARING_TRAIT } from './request.ts'

/** A tree and who shares with it. */
interface Tree {
  rootId: string
  members: TreeNode[]
  sharing: TreeNode[]
}

/** One way to serve one group. */
interface Solution {
  suffix: string
  amounts: { provider: string; class: string; amount: number }[]
  providers: string[]
}

export function candidatesFor(world: World, request: Request): FoundCandidate[] {
  const found: FoundCandidate[] = []
  const seen = new Set<string>()
  const all = treesOf(world)
  // Only what is shared between trees can be found from several of them.
  const isShared = all.some(({ sharing }) => sharing.length > 0)
  let trees = all.map((tree) => candidatesIn(world, request, tree))
  while (trees.length > 0) {
    const going: typeof trees = []
    for (const tree of trees) {
      const { done, value } = tree.next()
      if (done) continue
      going.push(tree)
      if (isShared) {
        const key = keyOf(value)
        if (seen.has(key)) continue
        seen.add(key)
      }
      found.push(value)
      if (found.length >= request.limit) return found
    }
    trees = going
  }
  return found
}

function keyOf({ mappings, allocations }: FoundCandidate): string {
  const served = [...allocations].map(([id, amounts]) => [id, [...amounts].toSorted()]).toSorted()
  return JSON.stringify([served, [...mappings].toSorted()])
}

function treesOf(world: World): Tree[] {
  const nodes = [...world.providers.values()]
  const sharers = nodes.filter(({ id }) => world.traits.get(id)?.has(SHARING_TRAIT))
  const trees = [...Map.groupBy(nodes, ({ rootId }) => rootId)]
  return trees.map(([rootId, members]) => ({ rootId, members, sharing: sharersWith(world, sharers, rootId, members) }))
}

function sharersWith(world: World, sharers: TreeNode[], rootId: string, members: TreeNode[]): TreeNode[] {
  if (sharers.length === 0) return []
  const reached = new Set(members.flatMap(({ id }) => [...(world.aggregates.get(id) ?? [])]))
  return sharers.filter((sharer) => {
    const own = world.aggregates.get(sharer.id)
    return sharer.rootId !== rootId && own !== undefined && !own.isDisjointFrom(reached)
  })
}

export interface AskedTree {
  rootId: string
  members: TreeNode[]
  /** All providers that share, with whomever. */
  sharers: TreeNode[]
}

/** All ways in which one tree can serve a request. */
export function candidatesOfTree(
  world: World,
  request: Request,
  { rootId, members, sharers }: AskedTree,
): Iterable<FoundCandidate> {
  return candidatesIn(world, request, { rootId, members, sharing: sharersWith(world, sharers, rootId, members) })
}

function* candidatesIn(world: World, request: Request, tree: Tree): Generator<FoundCandidate, undefined> {
  if (!hasTraits(world, [tree.rootId], request.root)) return
  const suffixed = request.groups.filter(({ suffix }) => suffix !== '').map((group) => [...served(world, tree, group)])
  if (suffixed.some((solutions) => solutions.length === 0)) return
  const unsuffixed = request.groups.find(({ suffix }) => suffix === '')
  for (const first of unsuffixed ? spread(world, tree, unsuffixed) : [undefined]) {
    for (const rest of product(suffixed)) {
      const solutions = first ? [first, ...rest] : rest
      const candidate = candidateOf(tree, solutions)
      if (isAllowed(world, request, candidate)) yield candidate
    }
  }
}

/** A suffixed group: each provider that can serve it alone. */
function* served(world: World, tree: Tree, group: Group): Generator<Solution> {
  const resources = Object.entries(group.resources)
  // A provider from outside the tree is there for its resources only.
  const eligible = resources.length === 0 ? tree.members : [...tree.members, ...tree.sharing]
  for (const { id } of eligible) {
    const fits = resources.every(([name, amount]) => hasRoom(world, id, name, amount))
    if (!fits || !hasTraits(world, [id], group) || !isPlaced(world, group, id, [id])) continue
    const amounts = resources.map(([name, amount]) => ({ provider: id, class: name, amount }))
    yield { suffix: group.suffix, amounts, providers: [id] }
  }
}

/** The unsuffixed group: each class from any provider of the tree or sharing with it. */
function* spread(world: World, tree: Tree, group: Group): Generator<Solution> {
  const eligible = [...tree.members, ...tree.sharing].filter(
    ({ id, rootId }) =>
      isPlaced(world, group, id, [id, rootId]) && hasTraits(world, [id], { required: [], forbidden: group.forbidden }),
  )
  const choices = Object.entries(group.resources).map(([name, amount]) =>
    eligible
      .filter(({ id }) => hasRoom(world, id, name, amount))
      .map(({ id }) => ({ provider: id, class: name, amount })),
  )
  for (const amounts of product(choices)) {
    const providers = [...new Set(amounts.map(({ provider }) => provider))]
    if (hasTraits(world, providers, group)) yield { suffix: group.suffix, amounts, providers }
  }
}

/** One of each list, in all combinations. */
function* product<T>(lists: readonly T[][]): Generator<T[]> {
  const [first, ...rest] = lists
  if (!first) {
    yield []
    return
  }
  for (const item of first) for (const others of product(rest)) yield [item, ...others]
}

function hasRoom(world: World, id: string, name: string, amount: number): boolean {
  const inventory = world.inventories.get(id)?.get(name)
  return inventory !== undefined && takesAmount(inventory, amount) && freeOf(inventory) >= amount
}

/** The providers together have one trait of each list, and none has a forbidden one. */
function hasTraits(
  world: World,
  ids: string[],
  { required, forbidden }: Pick<Group, 'required' | 'forbidden'>,
): boolean {
  const has = (trait: string): boolean => ids.some((id) => world.traits.get(id)?.has(trait))
  return required.every((any) => any.some(has)) && !forbidden.some(has)
}

/** In the tree and the aggregates asked for; `counted` are the providers whose aggregates count. */
function isPlaced(world: World, { inTree, memberOf, notMemberOf }: Group, id: string, counted: string[]): boolean {
  if (inTree !== undefined && world.providers.get(inTree)?.rootId !== world.providers.get(id)!.rootId) return false
  const isIn = (aggregate: string): boolean => counted.some((at) => world.aggregates.get(at)?.has(aggregate))
  return memberOf.every((any) => any.some(isIn)) && !notMemberOf.some(isIn)
}

function candidateOf({ rootId }: Tree, solutions: Solution[]): FoundCandidate {
  const allocations = new Map<string, Map<string, number>>()
  for (const { provider, class: name, amount } of solutions.flatMap(({ amounts }) => amounts)) {
    const amounts = allocations.get(provider) ?? new Map<string, number>()
    amounts.set(name, (amounts.get(name) ?? 0) + amount)
    allocations.set(provider, amounts)
  }
  return { allocations, mappings: new Map(solutions.map(({ suffix, providers }) => [suffix, providers])), rootId }
}

function isAllowed(world: World, request: Request, candidate: FoundCandidate): boolean {
  return (
    (!request.isolate || isIsolated(candidate)) &&
    (request.nested || isFlat(world, candidate)) &&
    request.sameSubtrees.every((suffixes) => isSubtree(world, suffixes, candidate)) &&
    fitsTogether(world, candidate)
  )
}

function isIsolated({ mappings }: FoundCandidate): boolean {
  const used = [...mappings].filter(([suffix]) => suffix !== '').flatMap(([, providers]) => providers)
  return new Set(used).size === used.length
}

function isFlat(world: World, { allocations }: FoundCandidate): boolean {
  return new Set([...allocations.keys()].map((id) => world.providers.get(id)!.rootId)).size === allocations.size
}

function isSubtree(world: World, suffixes: string[], { mappings }: FoundCandidate): boolean {
  const used = [...new Set(suffixes.flatMap((suffix) => mappings.get(suffix) ?? []))]
  return used.some((top) => used.every((id) => isBelow(world, id, top)))
}

function isBelow(world: World, id: string, top: string): boolean {
  for (let at: string | null | undefined = id; at; at = world.providers.get(at)?.parentId) if (at === top) return true
  return false
}

/** Several groups may have chosen one inventory: their sum must fit as well. */
function fitsTogether(world: World, { allocations }: FoundCandidate): boolean {
  return [...allocations].every(([id, amounts]) =>
    [...amounts].every(([name, amount]) => {
      const inventory = world.inventories.get(id)!.get(name)!
      return amount <= inventory.max_unit && amount <= freeOf(inventory)
    }),
  )
}
