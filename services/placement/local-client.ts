// The client for whoever lives in the same process as placement.
import { findCandidates } from './allocation-candidates/find.ts'
import { KnownTrees } from './allocation-candidates/known-trees.ts'
import type { FoundCandidate, Request } from './allocation-candidates/request.ts'
import { providersOfTrees, summariesOf } from './allocation-candidates/summaries.ts'
import { replaceAllocations } from './allocations/replace.ts'
import { allAllocations, allocationsOf, consumersOfProvider } from './allocations/store.ts'
import type {
  Allocations,
  Amounts,
  Candidate,
  CandidatesRequest,
  Claim,
  InventoryInfo,
  PlacementClient,
  ProviderSummary,
  TreeWatch,
} from './client.ts'
import { type Inventory, inventoriesOf, inventoryDefaults, setInventories } from './inventories/store.ts'
import type { Placement } from './placement.ts'
import { ensureClasses } from './resource-classes/store.ts'
import { setAggregates } from './resource-providers/aggregates.ts'
import { setTraits } from './resource-providers/provider-traits.ts'
import { createProvider, deleteProvider, findProvider, providerOf, updateProvider } from './resource-providers/store.ts'
import { ensureTraits } from './traits/store.ts'
import { usagesOfProvider } from './usages/store.ts'

export class LocalPlacementClient implements PlacementClient {
  readonly #placement: Placement

  constructor(placement: Placement) {
    this.#placement = placement
  }

  ensureProvider({ id, name, parentId }: { id: string; name: string; parentId?: string }): Promise<void> {
    return this.#placement.store.transaction(async () => {
      await this.#placement.store.lock(`placement.provider.${id}`)
      const present = await findProvider(this.#placement, id)
      if (!present) return createProvider(this.#placement, { id, name, parentId: parentId ?? null })
      const isSame = present.name === name && (parentId === undefined || present.parent_id === parentId)
      if (!isSame) await updateProvider(this.#placement, id, { name, parentId, mayReparent: true })
    })
  }

  async setInventories(providerId: string, inventories: Record<string, InventoryInfo>): Promise<void> {
    const some = Object.entries(inventories).filter(([, { total }]) => total > 0)
    const rows = some.map(([name, info]): [string, Inventory] => [name, inventoryOf(info)])
    await ensureClasses(
      this.#placement,
      rows.map(([name]) => name),
    )
    await setInventories(this.#placement, providerId, Object.fromEntries(rows))
  }

  async inventoriesOf(providerId: string): Promise<Record<string, Required<InventoryInfo>>> {
    const rows = await inventoriesOf(this.#placement, [providerId])
    return Object.fromEntries(rows.map((row) => [row.resource_class, inventoryInfoOf(row)]))
  }

  async setTraits(providerId: string, traits: readonly string[]): Promise<void> {
    await ensureTraits(this.#placement, traits)
    await setTraits(this.#placement, providerId, traits)
  }

  async setAggregates(providerId: string, aggregateIds: readonly string[]): Promise<void> {
    await setAggregates(this.#placement, providerId, aggregateIds)
  }

  async deleteProvider(providerId: string): Promise<void> {
    await deleteProvider(this.#placement, providerId)
  }

  async candidates(asked: CandidatesRequest): Promise<Candidate[]> {
    return (await findCandidates(this.#placement, requestOf(asked))).map(candidateOf)
  }

  watchTrees(): TreeWatch {
    const trees = new KnownTrees(this.#placement)
    const requests = new WeakMap<CandidatesRequest, Request>()
    const known = (asked: CandidatesRequest): Request => requests.getOrInsertComputed(asked, requestOf)
    return {
      refresh: (asked) => trees.refresh(known(asked)),
      serves: (asked, rootId) => trees.serves(known(asked), rootId),
      candidates: (asked, rootId) => trees.candidates(known(asked), rootId).map(candidateOf),
    }
  }

  claim({ consumerType = 'INSTANCE', ...claim }: Claim): Promise<void> {
    return replaceAllocations(this.#placement, [{ ...claim, consumerType }])
  }

  claimTogether(claims: readonly Claim[]): Promise<void> {
    const typed = claims.map(({ consumerType = 'INSTANCE', ...claim }) => ({ ...claim, consumerType }))
    return replaceAllocations(this.#placement, typed)
  }

  release(consumerId: string): Promise<void> {
    return replaceAllocations(this.#placement, [{ consumerId, projectId: '', userId: '', allocations: {} }])
  }

  allocationsOf(consumerId: string): Promise<Allocations> {
    return allocationsOf(this.#placement, consumerId)
  }

  async consumersOf(providerId: string): Promise<Map<string, Amounts>> {
    const consumers = await consumersOfProvider(this.#placement, providerId)
    return new Map([...consumers].map(([id, { resources }]) => [id, resources]))
  }

  async usages(providerId: string): Promise<Amounts> {
    await providerOf(this.#placement, providerId)
    return usagesOfProvider(this.#placement, providerId)
  }

  allAllocations(): Promise<Map<string, Allocations>> {
    return allAllocations(this.#placement)
  }

  providersOfTrees(rootIds: readonly string[]): Promise<string[]> {
    return providersOfTrees(this.#placement, rootIds)
  }

  summaries(providerIds: readonly string[]): Promise<Map<string, ProviderSummary>> {
    return summariesOf(this.#placement, providerIds)
  }
}

function inventoryOf(info: InventoryInfo): Inventory {
  const { reserved, min_unit, max_unit, step_size, allocation_ratio } = inventoryDefaults
  return {
    total: info.total,
    reserved: info.reserved ?? reserved,
    min_unit: info.minUnit ?? min_unit,
    max_unit: info.maxUnit ?? max_unit,
    step_size: info.stepSize ?? step_size,
    allocation_ratio: info.allocationRatio ?? allocation_ratio,
  }
}

function inventoryInfoOf(row: Inventory): Required<InventoryInfo> {
  return {
    total: row.total,
    reserved: row.reserved,
    minUnit: row.min_unit,
    maxUnit: row.max_unit,
    stepSize: row.step_size,
    allocationRatio: row.allocation_ratio,
  }
}

function requestOf({ groups, limit = Infinity, groupPolicy = 'none' }: CandidatesRequest): Request {
  return {
    groups: groups.map(({ suffix, resources, required = [], forbidden = [], memberOf = [], ...rest }) => ({
      suffix,
      resources,
      required: required.map((trait) => [trait]),
      forbidden,
      memberOf,
      notMemberOf: rest.notMemberOf ?? [],
      inTree: rest.inTree,
    })),
    isolate: groupPolicy === 'isolate',
    root: { required: [], forbidden: [] },
    sameSubtrees: [],
    nested: true,
    limit,
  }
}

function candidateOf({ allocations, rootId }: FoundCandidate): Candidate {
  const byProvider = [...allocations].map(([id, amounts]) => [id, Object.fromEntries(amounts)])
  return { allocations: Object.fromEntries(byProvider), rootProviderId: rootId }
}
